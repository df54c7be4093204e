"""In order, each exactly once, whatever arrives how: the cases that all clients share."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import Any

import pytest
from server import update

from msgalaxy import TaskWebSocketClient
from msgalaxy.delivery import Options, Stream, Verdict, read_layout

CASES = sorted((Path(__file__).parents[3] / "protocol" / "deliveries").glob("*.json"))


class Wire:
    """Stands for the connection of a client, and records what it says and hears."""

    def __init__(self, client: TaskWebSocketClient) -> None:
        self.client = client
        self.sent: list[dict[str, Any]] = []
        self.delivered: list[str] = []
        client.sio = self
        client.on_update = lambda u: self.delivered.append(f"{u['event_type']} {u['seq']}")

    def emit(self, event: str, packet: dict[str, Any], namespace: str) -> None:
        assert (event, packet.pop("task_id"), namespace) == ("subscribe", "t", "/tasks")
        self.sent.append(packet)

    def play(self, step: dict[str, Any]) -> None:
        ((name, value),) = step.items()
        if name == "connect":
            self.client._resume()
        elif name == "break":
            self.client.connected = False
        elif name == "subscribed":
            self.client._on_subscribed({"task_id": "t", **value})
        elif name == "update":
            if value["event_type"] == "snapshot":
                value["data"]["id"] = "t"
            self.client._on_task_update({**update("t", value["seq"]), **value})
        else:
            happened = getattr(self, name)
            assert happened == value, f"{name} after {step}"
            happened.clear()


def test_there_are_cases() -> None:
    assert len(CASES) >= 12


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_shared_case(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    client = TaskWebSocketClient()
    wire = Wire(client)
    client._open = True
    client.subscribe("t", **case["options"])
    for step in case["steps"]:
        wire.play(step)
    state = client.task_state("t").to_task()
    assert {name: state[name] for name in case["task"]} == case["task"]


def test_events_without_seq_pass_as_they_come() -> None:
    stream = Stream("t")
    plain = {"task_id": "t", "event_type": "progress", "data": {}}
    assert stream.accept(plain) is Verdict.NEXT
    assert stream.accept(plain) is Verdict.NEXT


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        (Options(), {}),
        (Options(layout=True), {"layout": True}),
        (Options(coalesce=True), {"coalesce": True}),
        (Options(["progress"]), {"events": ["progress", "status_change"]}),
        (Options(("status_change",)), {"events": ["status_change"]}),
    ],
)
def test_options_are_said_only_when_wanted(options: Options, fields: dict[str, Any]) -> None:
    assert Stream("t", options).request() == {"task_id": "t", **fields}


def test_a_binary_temperature_field_becomes_floats() -> None:
    field = bytes.fromhex("0000a041 0000c0bf")  # 20.0, -1.5, little-endian
    told = update("t", 4, "iteration_complete", layout={"panels": {"temperatures": field}})
    read_layout(told)
    assert told["data"]["layout"]["panels"]["temperatures"] == array("f", [20.0, -1.5])


@pytest.mark.parametrize("data", [None, [], {"layout": None}, {"layout": {"panels": [1]}}])
def test_other_layouts_are_left_alone(data: Any) -> None:
    told = {"task_id": "t", "event_type": "iteration_complete", "data": data}
    read_layout(told)
    assert told["data"] is data
