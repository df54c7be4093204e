"""A task is the fold of its events: the cases that the server and the other clients share."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from server import update

from msgalaxy import TaskState

CASES = sorted((Path(__file__).parents[3] / "protocol" / "folds").rglob("*.json"))


def test_there_are_cases() -> None:
    assert len(CASES) > 8


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_shared_case(path: Path) -> None:
    case: dict[str, Any] = json.loads(path.read_text("utf-8"))
    events = copy.deepcopy(case["events"])
    state = TaskState.from_task(case["task"])
    for event in events:
        state.apply(event)
    assert state.to_task() == case["expected"]
    assert events == case["events"]


def test_the_history_tells_every_iteration_once_and_without_layouts() -> None:
    state = TaskState("t")
    first = update("t", 1, "iteration_complete", iteration=1, metrics={"score": 2}, layout={})
    second = update("t", 2, "iteration_complete", iteration=2, metrics={"score": 1})
    assert [state.apply(event) for event in (first, first, second)] == [True, False, True]
    assert state.history == [
        {"iteration": 1, "metrics": {"score": 2}},
        {"iteration": 2, "metrics": {"score": 1}},
    ]
    assert state.metrics == {"score": 1}
    assert not state.has_ended


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"task_id": "t"},
        {"task_id": "t", "seq": "2"},
        {"task_id": "t", "event_type": "progress"},
    ],
)
def test_odd_events_change_nothing(odd: dict[str, Any]) -> None:
    state = TaskState("t")
    assert state.apply(odd) is False
    assert state == TaskState("t")


def test_an_event_whose_data_is_no_object_is_passed_over() -> None:
    state = TaskState("t")
    assert state.apply({**update("t", 1, "status_change"), "data": [1]})
    assert (state.status, state.head_seq) == ("pending", 1)
