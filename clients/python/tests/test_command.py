"""The console script against a scripted server."""

from __future__ import annotations

from typing import Any

import pytest
from server import ScriptedServer

from msgalaxy.command import main


def warning(code: str, pointer: str, text: str) -> dict[str, Any]:
    return {"severity": "warning", "code": code, "pointer": pointer, "message_en": text}


WARNINGS = [
    warning("not_evaluated_yet", "/components/0/heater", "heater is not evaluated yet"),
    warning("envelope.too_small", "/components", "no layout can be feasible"),
    warning("not_evaluated_yet", "/components/1/fov", "fov is not evaluated yet"),
    warning("limits.odd", "", "odd as a whole"),
]
TOLD = [
    "Warning: /components: no layout can be feasible",
    "Warning: odd as a whole",
    "Warning: read and kept, but not evaluated yet: heater, fov",
]


@pytest.mark.parametrize("problems", [WARNINGS, []])
def test_validate_prints_the_warnings_of_a_valid_bom(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str], problems: list[dict[str, Any]]
) -> None:
    answer = {"valid": True, "num_components": 2, "errors": [], "problems": problems}
    server.rest_answers["POST", "/api/bom/validate"] = (200, answer)
    assert main(["--base-url", server.url, "validate", "a.json"]) == 0
    out, err = capsys.readouterr()
    assert out == "Valid: 2 components\n"
    assert err.splitlines() == (TOLD if problems else [])


@pytest.mark.parametrize("warned", [True, False])
def test_run_prints_the_warnings_of_the_task(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str], warned: bool
) -> None:
    answer = {"task_id": "t", "status": "pending"} | ({"warnings": WARNINGS} if warned else {})
    server.rest_answers["POST", "/api/tasks"] = (201, answer)
    assert main(["--base-url", server.url, "run", "a.json", "--no-wait"]) == 0
    out, err = capsys.readouterr()
    assert out == "Task created: t\n"
    assert err.splitlines() == (TOLD if warned else [])
