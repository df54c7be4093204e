"""Events of real runs: each reaches its callback as it is, and the fold takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from msgalaxy import TaskState, TaskWebSocketClient

FIXTURES = sorted(
    (Path(__file__).parents[3] / "protocol" / "fixtures" / "task_update").glob("*.json")
)


def read(path: Path) -> dict[str, Any]:
    update: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return update


def test_there_is_one_of_every_kind() -> None:
    assert {read(path)["event_type"] for path in FIXTURES} == {
        "status_change",
        "progress",
        "iteration_complete",
        "error",
        "snapshot",
    }


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_fixture_reaches_its_callback(path: Path) -> None:
    update = read(path)
    client = TaskWebSocketClient()
    heard: list[Any] = []
    client.on_update = heard.append
    kind = update["event_type"]
    setattr(client, f"on_{kind}", lambda task_id, data: heard.append((task_id, data)))
    client._on_task_update(read(path))
    assert heard == [update, (update["task_id"], update["data"])]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_the_fold_takes_a_fixture(path: Path) -> None:
    update = read(path)
    state = TaskState(update["task_id"])
    assert state.apply(update)
    assert state.head_seq == update["seq"]
    data = update["data"]
    without_layout = {key: value for key, value in data.items() if key != "layout"}
    match update["event_type"]:
        case "status_change":
            assert state.status == data["status"]
            assert (state.result, state.error) == (data.get("result"), data.get("error"))
        case "progress":
            assert state.progress == without_layout
        case "iteration_complete":
            assert state.last_iteration == without_layout
        case "snapshot":
            assert state.to_task() == data
        case "error":
            # The status change that follows tells it.
            assert (state.status, state.error) == ("pending", None)
        case other:
            raise AssertionError(other)
