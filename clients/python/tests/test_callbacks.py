"""What the client does with envelopes handed to it directly (no server)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from msgalaxy import TaskWebSocketClient


@pytest.fixture
def client() -> TaskWebSocketClient:
    return TaskWebSocketClient("http://localhost:5000")


def test_client_is_created_with_its_url_and_not_connected(client: TaskWebSocketClient) -> None:
    assert client.server_url == "http://localhost:5000"
    assert client.connected is False
    assert client.sio is not None


def test_callbacks_can_be_assigned(client: TaskWebSocketClient) -> None:
    def callback(task_id: str, data: dict[str, Any]) -> None: ...

    client.on_status_change = callback
    client.on_progress = callback
    client.on_iteration_complete = callback
    client.on_error = callback
    assert client.on_status_change is callback
    assert client.on_progress is callback
    assert client.on_iteration_complete is callback
    assert client.on_error is callback


@pytest.mark.parametrize(
    ("event_type", "attribute", "data"),
    [
        ("status_change", "on_status_change", {"status": "running", "message": "started"}),
        ("progress", "on_progress", {"current_iteration": 5, "progress_percent": 25}),
        ("iteration_complete", "on_iteration_complete", {"iteration": 5, "metrics": {}}),
        ("error", "on_error", {"error": "no such file"}),
    ],
)
def test_each_event_reaches_its_callback_once(
    client: TaskWebSocketClient, event_type: str, attribute: str, data: dict[str, Any]
) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    setattr(client, attribute, lambda task_id, data: heard.append((task_id, data)))
    client._on_task_update({"task_id": "test-123", "event_type": event_type, "data": data})
    assert heard == [("test-123", data)]


@pytest.mark.parametrize(
    "envelope",
    [
        None,
        "text",
        [],
        {},
        {"task_id": "t"},
        {"task_id": "t", "event_type": "progress"},
        {"task_id": "t", "event_type": "progress", "data": None},
        {"task_id": "t", "event_type": "from_the_future", "data": {"x": 1}},
        {"task_id": None, "event_type": 7, "data": [], "seq": "three"},
    ],
)
def test_odd_envelopes_are_tolerated(client: TaskWebSocketClient, envelope: Any) -> None:
    client._on_task_update(envelope)


def test_unknown_extra_fields_do_not_disturb(client: TaskWebSocketClient) -> None:
    heard: list[dict[str, Any]] = []
    client.on_progress = lambda _, data: heard.append(data)
    client._on_task_update(
        {
            "task_id": "t",
            "event_type": "progress",
            "data": {"progress_percent": 10, "new_field": {"deep": [1]}},
            "trace": "abc",
            "v": 2,
        }
    )
    assert heard == [{"progress_percent": 10, "new_field": {"deep": [1]}}]


def test_without_a_callback_the_event_is_logged(
    client: TaskWebSocketClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "msgalaxy.live")
    client._on_task_update({"task_id": "t", "event_type": "progress", "data": {"x": 1}})
    assert "task t: progress" in caplog.text


def test_a_raising_callback_does_not_lose_the_next_event(client: TaskWebSocketClient) -> None:
    heard: list[int] = []

    def callback(_: str, data: dict[str, Any]) -> None:
        heard.append(data["n"])
        raise ValueError("mistake in user code")

    client.on_progress = callback
    for n in (1, 2):
        client._on_task_update({"task_id": "t", "event_type": "progress", "data": {"n": n}})
    assert heard == [1, 2]


def test_subscribing_without_connection_says_so(client: TaskWebSocketClient) -> None:
    with pytest.raises(RuntimeError, match="Not connected to server"):
        client.subscribe("t")


def test_waiting_without_connection_says_so(client: TaskWebSocketClient) -> None:
    with pytest.raises(RuntimeError, match="Not connected to server"):
        client.wait_for_completion(timeout=1)


def test_connecting_to_nobody_raises() -> None:
    client = TaskWebSocketClient("http://127.0.0.1:9")
    with pytest.raises(Exception, match="refused"):
        client.connect()
    assert client.connected is False
