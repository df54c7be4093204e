#!/usr/bin/env python3
"""Optimizes every example BOM with many seeds and checks each layout independently.

    soak.py --program target/release/msgalaxy --seeds 100 [--jobs 2] [BOM...]

Without BOMs: those of this repository and, when the environment names a directory in SOAK_EXTRA,
the ones there. Prints each fault when its BOM is done and a table at the end. Exit code 1 when a
layout is wrong, or when a BOM that has to be feasible was not. That another BOM ended infeasible is
counted, and is no fault: it may ask for what cannot be.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from check_layout import Report, check_files

ROOT = Path(__file__).resolve().parent.parent
# These have a feasible layout that every seed has to find.
MUST_BE_FEASIBLE = (
    *("bom_example", "level_L1", "level_L2"),
    *("cubesat_6u", "smallsat_25", "bus_60"),
)
# Far more than any of them takes; a run that hangs must not hang the soak.
RUN_LIMIT_S = 600


COLUMNS = ("parts", "seeds", "feasible", "missing", "overlaps", "outside", "wrong", "s/run")


@dataclass
class Tally:
    """What all seeds of one BOM came to."""

    name: str
    seeds: int = 0
    components: int = 0
    feasible: int = 0
    seconds: float = 0.0
    missing: int = 0
    overlapping: int = 0
    outside: int = 0
    wrong: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, seed: int, report: Report, seconds: float) -> None:
        self.seeds += 1
        self.seconds += seconds
        self.components = report.components
        self.feasible += report.feasible
        self.missing += len(report.missing)
        self.overlapping += len(report.overlapping)
        self.outside += len(report.outside)
        self.wrong += len(report.wrong)
        self.failures += [f"seed {seed}: {line}" for line in report.lines()]

    def row(self) -> str:
        values = (
            *(self.components, self.seeds, self.feasible),
            *(self.missing, self.overlapping, self.outside, self.wrong),
            f"{self.seconds / max(self.seeds, 1):.2f}",
        )
        return f"{self.name:<32}" + "".join(f"{value:>10}" for value in values)


def example_boms() -> list[Path]:
    boms = [ROOT / "config" / "bom_example.json", *boms_in(ROOT / "examples" / "boms")]
    extra = os.environ.get("SOAK_EXTRA")
    if extra and Path(extra).is_dir():
        boms += boms_in(Path(extra))
    return boms


def boms_in(directory: Path) -> list[Path]:
    return sorted(p for p in directory.iterdir() if p.suffix in (".json", ".csv", ".yaml", ".yml"))


def run_one(program: Path, bom: Path, seed: int) -> tuple[Report, float]:
    """Optimizes once in a scratch directory and checks the last layout written."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        started = time.monotonic()
        command = [program, "optimize", bom, "--seed", str(seed), "--out", out]
        done = subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            timeout=RUN_LIMIT_S,
            cwd=scratch,
        )
        seconds = time.monotonic() - started
        if done.returncode not in (0, 6):
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")
        last = max(out.rglob("design_state_iter_*.json"), key=iteration_of)
        report = check_files(last, bom)
        if report.feasible != (done.returncode == 0):
            report.wrong.append(
                f"exit code {done.returncode}, file says feasible={report.feasible}"
            )
        return report, seconds


def iteration_of(path: Path) -> int:
    return int(path.stem.rsplit("_", 1)[1])


def soak(program: Path, bom: Path, seeds: int, jobs: int) -> Tally:
    def attempt(seed: int) -> tuple[Report, float] | str:
        try:
            return run_one(program, bom, seed)
        except (RuntimeError, OSError, subprocess.TimeoutExpired, ValueError) as error:
            return str(error)

    tally = Tally(bom.name)
    numbers = range(1, seeds + 1)
    with ThreadPoolExecutor(jobs) as pool:
        for seed, outcome in zip(numbers, pool.map(attempt, numbers), strict=True):
            if isinstance(outcome, str):
                tally.seeds += 1
                tally.failures.append(f"seed {seed}: {outcome}")
            else:
                tally.add(seed, *outcome)
    if bom.stem.startswith(MUST_BE_FEASIBLE) and tally.feasible < tally.seeds:
        tally.failures.append(f"feasible for {tally.feasible} of {tally.seeds} seeds, must be all")
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("boms", nargs="*", type=Path)
    options = parser.parse_args()
    program = options.program.resolve()
    tallies = []
    for bom in options.boms or example_boms():
        tally = soak(program, bom.resolve(), options.seeds, options.jobs)
        tallies.append(tally)
        print(f"{tally.name}: {tally.seeds} seeds, {tally.feasible} feasible", flush=True)
        for line in tally.failures[:20]:
            print(f"    {line}", flush=True)
    print(f"\n{'BOM':<32}" + "".join(f"{name:>10}" for name in COLUMNS))
    for tally in tallies:
        print(tally.row())
    failed = sum(bool(tally.failures) for tally in tallies)
    print("every layout is right" if not failed else f"{failed} BOMs failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
