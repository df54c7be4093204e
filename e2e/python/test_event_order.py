"""Official clients, old and new, on every transport: the whole story, in order, within budget."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import HERE, PATIENCE_S, Server, Update, run, updates_on_wire

ITERATIONS = 20
TRANSPORTS = ["polling", "websocket", "upgrade"]
NODE = HERE.parent / "node"

# What one task may cost a subscriber. The fractional progress of long iterations comes on top: how
# often it is told depends on the speed of the machine.
MESSAGE_BYTES = range(200, 501)
TASK_BYTES = 20_000


def newest_python() -> str:
    path = os.environ.get("MSGALAXY_PYTHON_NEWEST")
    assert path, "MSGALAXY_PYTHON_NEWEST must name a Python with the newest python-socketio"
    return path


def node_program() -> str:
    program = shutil.which("node")
    assert program, "Node is missing"
    return program


def node(package: str) -> list[str | Path]:
    return [node_program(), NODE / "record.mjs", package]


CLIENTS: dict[str, Callable[[], list[str | Path]]] = {
    "python-socketio 5.16.1": lambda: [sys.executable, HERE / "record_python.py"],
    "python-socketio newest": lambda: [newest_python(), HERE / "record_python.py"],
    "socket.io-client 4.5.4": lambda: node("socket.io-client-4.5.4"),
    "socket.io-client newest": lambda: node("socket.io-client-newest"),
}


@pytest.fixture(scope="module", params=CLIENTS)
def recorded(request: pytest.FixtureRequest, server: Server) -> Any:
    order = {
        "url": server.url,
        "transports": TRANSPORTS,
        "patience_s": PATIENCE_S - 20,
        "body": {
            "bom_file": "config/bom_example.json",
            "max_iterations": ITERATIONS,
            "convergence_threshold": 0,
            "seed": 7,
        },
    }
    done = run([*CLIENTS[request.param](), json.dumps(order)])
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    if not request.param.endswith("newest"):
        assert report["library"] == request.param
    return report


def is_fractional(update: Update) -> bool:
    """Whether it tells of progress within an iteration."""
    data = update["data"]
    if update["event_type"] != "progress" or "message" in data:
        return False
    exact = 100 * data["current_iteration"] / data["max_iterations"]
    return bool(data["progress_percent"] != pytest.approx(exact, abs=1e-9))


def story(updates: list[Update]) -> list[tuple[Any, ...]]:
    """The events without the fractional progress that a long iteration may add."""
    told: list[tuple[Any, ...]] = []
    for update in updates:
        kind, data = update["event_type"], update["data"]
        if kind == "status_change":
            told.append((kind, data["status"]))
        elif kind == "iteration_complete":
            told.append((kind, data["iteration"]))
        elif kind != "progress" or "message" in data:
            told.append((kind, data.get("message", data)))
        elif not is_fractional(update):
            told.append((kind, data["current_iteration"], data["max_iterations"]))
        else:
            exact = 100 * data["current_iteration"] / data["max_iterations"]
            assert abs(data["progress_percent"] - exact) <= 100 / ITERATIONS
    return told


EXPECTED = [
    ("status_change", "pending"),
    ("status_change", "running"),
    ("progress", 0, ITERATIONS),
    *(
        step
        for k in range(1, ITERATIONS + 1)
        for step in (("iteration_complete", k), ("progress", k, ITERATIONS))
    ),
    ("progress", "Generating visualizations..."),
    ("status_change", "completed"),
]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_all_events_arrive_in_order_without_gap(recorded: Any, transport: str) -> None:
    connection = next(c for c in recorded["connections"] if c["transport"] == transport)
    assert connection["ended_on"] == ("websocket" if transport == "upgrade" else transport)
    updates = [update for _, update in updates_on_wire(connection["packets"])]
    assert [update["seq"] for update in updates] == list(range(1, len(updates) + 1))
    assert sorted(connection["handled"]) == list(range(1, len(updates) + 1))
    assert story(updates) == EXPECTED
    percents = [u["data"]["progress_percent"] for u in updates if u["event_type"] == "progress"]
    assert percents == sorted(percents)
    assert {update["task_id"] for update in updates} == {recorded["created"]["task_id"]}
    assert all(update["v"] == 1 for update in updates)
    assert all(update["timestamp"].endswith("+00:00") for update in updates)
    result = updates[-1]["data"]["result"]
    assert result["final_iteration"] == ITERATIONS
    assert result["num_components"] == 2
    assert result["experiment_dir"].startswith("experiments/run_")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_greeting_and_the_confirmation_come_first(recorded: Any, transport: str) -> None:
    connection = next(c for c in recorded["connections"] if c["transport"] == transport)
    packets: list[str] = connection["packets"]
    assert packets[0].startswith("40/tasks,{")
    assert json.loads(packets[1][len("42/tasks,") :]) == [
        "connected",
        {"message": "Connected to task updates"},
    ]
    name, answer = json.loads(packets[2][len("42/tasks,") :])
    task_id = recorded["created"]["task_id"]
    assert name == "subscribed"
    assert answer["task_id"] == task_id
    assert answer["message"] == f"Subscribed to task {task_id}"
    assert answer["log_id"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_messages_stay_within_the_budget(recorded: Any, transport: str) -> None:
    connection = next(c for c in recorded["connections"] if c["transport"] == transport)
    told = updates_on_wire(connection["packets"])
    sizes = [size for size, _ in told]
    assert min(sizes) in MESSAGE_BYTES
    assert max(sizes) in MESSAGE_BYTES
    assert sum(size for size, update in told if not is_fractional(update)) <= TASK_BYTES


def test_metrics_are_at_most_eight_headline_numbers(recorded: Any) -> None:
    updates = updates_on_wire(recorded["connections"][0]["packets"])
    for _, update in updates:
        if update["event_type"] == "iteration_complete":
            metrics = update["data"]["metrics"]
            assert len(metrics) <= 8
            assert {"max_temp", "min_clearance"} <= set(metrics)
