"""Three seeds of every example BOM through the command line, checked by the independent script."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from check_layout import check, read_bom
from harness import ROOT, program, run
from soak import MUST_BE_FEASIBLE, example_boms, run_one


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("bom", example_boms(), ids=lambda path: path.stem)
def test_a_layout_is_whole(bom: Path, seed: int) -> None:
    report, _ = run_one(program(), bom, seed)
    assert report.lines() == []
    assert report.components >= 2
    if bom.stem.startswith(MUST_BE_FEASIBLE):
        assert report.feasible


def test_the_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    bom_path = ROOT / "config" / "bom_example.json"
    done = run([program(), "optimize", bom_path, "--seed", "1", "--out", tmp_path], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = max(tmp_path.rglob("design_state_iter_*.json"))
    good = json.loads(path.read_text("utf-8"))
    bom = read_bom(bom_path)
    assert check(good, bom).ok

    dropped = copy.deepcopy(good)
    dropped["components"].pop()
    assert check(dropped, bom).missing

    stacked = copy.deepcopy(good)
    first, second = stacked["components"][:2]
    for key in ("position", "center"):
        second[key] = dict(first[key])
    assert check(stacked, bom).overlapping

    pushed = copy.deepcopy(good)
    for key in ("position", "center"):
        pushed["components"][0][key]["x"] += 1000
    assert check(pushed, bom).outside
    assert check(pushed, bom).wrong
