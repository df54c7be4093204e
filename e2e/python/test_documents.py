"""Every Python and shell example that people read is run against the real server."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgalaxy import APIClient

from harness import HERE, ROOT, Server, program, run

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    ROOT / "clients" / "python" / "README.md",
    *sorted((ROOT / "docs" / "guide").glob("*.md")),
]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Done by `make` before these tests run, or the running server itself.
DONE_ELSEWHERE = ("make", "pip", "git", "cd", "npm")
# Stands for the id of a task that the reader has.
SOME_TASK = "01a2..."


def examples(language: str) -> list[Any]:
    found: list[Any] = []
    for document in DOCUMENTS:
        if document.exists():
            blocks = [
                text
                for kind, text in FENCE.findall(document.read_text("utf-8"))
                if kind == language
            ]
            name = document.relative_to(ROOT)
            found += [pytest.param(text, id=f"{name}-{n}") for n, text in enumerate(blocks, 1)]
    return found


def pointed_at(text: str, server: Server) -> str:
    """The example with the address of the server under test."""
    for host in ("localhost", "127.0.0.1"):
        text = text.replace(f"http://{host}:5000", server.url)
    return text


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A working directory that looks like the root of a checkout."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copy(ROOT / "config" / "bom_example.json", tmp_path / "my_bom.json")
    run([program(), "bom", "template", "csv", tmp_path / "my_bom.csv"])
    return tmp_path


@pytest.mark.parametrize("text", examples("python"))
def test_python_example(text: str, server: Server, scratch: Path) -> None:
    done = run([sys.executable, "-c", pointed_at(text, server)], cwd=scratch)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", [*examples("sh"), *examples("bash")])
def test_shell_example(text: str, server: Server, api: APIClient, scratch: Path) -> None:
    assert not re.search(r">\s*/", text), "an example must not write outside its directory"
    search = [str(program().parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    env = {**os.environ, "PATH": os.pathsep.join(search), "HOME": str(scratch)}
    lines = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0] in DONE_ELSEWHERE or words[:2] == ["msgalaxy", "serve"]:
            continue
        line = line.replace("msgalaxy-client ", f"msgalaxy-client --base-url {server.url} ")
        line = line.replace("msgalaxy watch ", f"msgalaxy watch --url {server.url} ")
        if SOME_TASK in words:
            created = api.create_task("config/bom_example.json", max_iterations=2)
            line = line.replace(SOME_TASK, created["task_id"])
        lines.append(pointed_at(line, server))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        cwd=scratch,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("text", examples("text"))
def test_a_synopsis_names_options_that_exist(text: str) -> None:
    for line in text.splitlines():
        words = line.split()
        if words[:1] != ["msgalaxy"]:
            continue
        verbs = list(itertools.takewhile(lambda word: re.fullmatch("[a-z]+", word), words[1:]))
        help = run([program(), *verbs, "--help"])
        assert help.returncode == 0, help.stderr
        for option in re.findall(r"--[a-z-]+", line.split("#")[0]):
            assert option in help.stdout, f"{option} of: {line}"


def test_the_quick_start_is_short_and_runs(server: Server, scratch: Path) -> None:
    text = (ROOT / "examples" / "quickstart.py").read_text("utf-8")
    assert len(text.splitlines()) <= 20
    done = run([sys.executable, "-c", pointed_at(text, server)], cwd=scratch)
    assert done.returncode == 0, done.stderr


def test_the_originals_example_runs_with_only_its_imports_changed(
    server: Server, scratch: Path
) -> None:
    text = (HERE / "original_example.py").read_text("utf-8")
    done = run([sys.executable, "-c", pointed_at(text, server)], cwd=scratch)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "[STATUS] running: Optimization started" in lines
    assert "[STATUS] completed: Optimization completed successfully" in lines
    assert "[PROGRESS] 0/20 (0%)" in [line.replace("(0.0%)", "(0%)") for line in lines]
    assert lines[-1].startswith("Final result: {")
