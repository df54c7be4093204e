"""The live client against a server that misbehaves on purpose."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from server import ScriptedServer, update

from msgalaxy import TaskWebSocketClient


def record(live: TaskWebSocketClient) -> list[int]:
    seen: list[int] = []
    live.on_update = lambda envelope: seen.append(envelope["seq"])
    return seen


def done(task_id: str, seq: int, status: str = "completed") -> dict[str, Any]:
    return update(task_id, seq, "status_change", status=status)


def test_a_late_subscription_still_completes_the_wait(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.logs["t"] = [update("t", 1), update("t", 2), done("t", 3)]
    seen = record(live)
    live.connect()
    threading.Timer(0.1, live.subscribe, ["t"]).start()
    assert live.wait_for_completion(timeout=20) == {"t": "completed"}
    assert seen == [1, 2, 3]


def test_the_wait_says_how_each_task_ended(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.logs = {
        "a": [done("a", 1)],
        "b": [update("b", 1, "error", error="no", status="failed"), done("b", 2, "failed")],
        "c": [done("c", 1, "cancelled")],
    }
    refusals: list[dict[str, Any]] = []
    live.on_server_error = refusals.append
    live.connect()
    for task_id in ("a", "b", "c", "stranger"):
        live.subscribe(task_id)
    assert live.wait_for_completion(timeout=20) == {
        "a": "completed",
        "b": "failed",
        "c": "cancelled",
        "stranger": "refused",
    }
    assert [refusal["message"] for refusal in refusals] == ["Task not found"]


def test_when_the_server_had_trouble_it_is_asked_again(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.logs["t"] = [update("t", 1), done("t", 2)]
    trouble = {"code": "internal", "message": "the store did not answer", "task_id": "t"}
    server.refusals = [trouble]
    refusals: list[dict[str, Any]] = []
    live.on_server_error = refusals.append
    seen = record(live)
    live.connect()
    live.subscribe("t")
    assert live.wait_for_completion(timeout=20) == {"t": "completed"}
    assert refusals == [trouble]
    assert server.requests == [{"task_id": "t"}, {"task_id": "t"}]
    assert seen == [1, 2]


def test_a_code_that_is_not_known_refuses_the_task_that_it_names(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.refusals = [{"code": "of_a_later_version", "message": "not for you", "task_id": "t"}]
    live.connect()
    live.subscribe("t")
    assert live.wait_for_completion(timeout=20) == {"t": "refused"}


def test_a_refusal_that_names_no_task_refuses_none(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.refusals = [{"code": "malformed_packet", "message": "what was that?"}]
    heard = threading.Event()
    live.on_server_error = lambda _: heard.set()
    live.connect()
    live.subscribe("t")
    assert heard.wait(20)
    assert live.wait_for_completion(timeout=0.1) == {}


def test_the_wait_ends_at_its_timeout_without_the_unfinished(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.logs = {"a": [done("a", 1)], "b": [update("b", 1)]}
    live.connect()
    live.subscribe("a")
    assert live.wait_for_completion(timeout=20) == {"a": "completed"}
    live.subscribe("b")
    assert live.wait_for_completion(timeout=0.2) == {"a": "completed"}


def test_disconnect_ends_the_wait(server: ScriptedServer, live: TaskWebSocketClient) -> None:
    server.logs["t"] = [update("t", 1)]
    live.connect()
    live.subscribe("t")
    threading.Timer(0.1, live.disconnect).start()
    assert live.wait_for_completion(timeout=20) == {}
    assert live.connected is False


def test_a_disconnect_in_the_callback_of_the_end_keeps_the_outcome(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.logs["t"] = [update("t", 1), done("t", 2, "cancelled")]
    waited = threading.Event()

    def end(_: str, data: dict[str, Any]) -> None:
        if data.get("status") == "cancelled":
            live.disconnect()
            assert waited.wait(20)

    live.on_status_change = end
    live.connect()
    live.subscribe("t")
    outcome = live.wait_for_completion(timeout=20)
    waited.set()
    assert outcome == {"t": "cancelled"}


def test_subscribed_is_delivered(server: ScriptedServer, live: TaskWebSocketClient) -> None:
    server.logs["t"] = [done("t", 1)]
    confirmed: list[tuple[str, dict[str, Any]]] = []
    heard = threading.Event()

    def on_subscribed(task_id: str, data: dict[str, Any]) -> None:
        confirmed.append((task_id, data))
        heard.set()

    live.on_subscribed = on_subscribed
    live.connect()
    live.subscribe("t")
    assert heard.wait(20)
    assert confirmed[0][0] == "t"
    assert confirmed[0][1]["log_id"] == "log-1"


def test_after_an_orderly_close_it_connects_and_continues(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.logs["t"] = [update("t", 1), update("t", 2)]
    seen = record(live)
    second_seen = threading.Event()
    live.on_progress = lambda *_: second_seen.set() if 2 in seen else None
    live.connect()
    live.subscribe("t")
    assert second_seen.wait(20)
    server.logs["t"] += [update("t", 3), done("t", 4)]
    server.drop_clients()
    assert live.wait_for_completion(timeout=20) == {"t": "completed"}
    assert live.connected is True
    assert seen == [1, 2, 3, 4]
    assert server.requests[-1] == {"task_id": "t", "after_seq": 2, "log_id": "log-1"}


def test_it_stays_away_for_as_long_as_a_server_that_ends_wants(
    server: ScriptedServer, live: TaskWebSocketClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.logs["t"] = [update("t", 1), update("t", 2)]
    seen = record(live)
    errors: list[Any] = []
    live.on_server_error = errors.append
    live.connect()
    live.subscribe("t")
    server.wait_for_subscriptions(1)
    server.logs["t"] += [update("t", 3), done("t", 4)]
    pauses: list[float] = []
    told = threading.Event()

    def pause(seconds: float) -> None:
        assert told.wait(20)
        pauses.append(seconds)

    on_draining = live.sio.handlers["/tasks"]["server_draining"]

    def hear(notice: Any) -> None:
        on_draining(notice)
        told.set()

    monkeypatch.setattr(live, "_pause", pause)
    live.sio.on("server_draining", hear, namespace="/tasks")
    server.emit("server_draining", {"message": "The server is about to end", "retry_ms": 50_000})
    server.drop_clients()
    assert live.wait_for_completion(timeout=20) == {"t": "completed"}
    assert (seen, errors) == ([1, 2, 3, 4], [])
    # Two for a try: of its own accord, then what is left of what the server asked for.
    own, asked = pauses[:2]
    assert own <= 0.05
    assert 40 < asked <= 62.5


@pytest.mark.parametrize("retry_ms", [None, "soon", -5, 0, float("nan"), [1]])
def test_a_time_that_is_none_changes_nothing(retry_ms: Any) -> None:
    live = TaskWebSocketClient()
    live._on_draining({"retry_ms": retry_ms})
    live._on_draining()
    assert live._not_before_s == 0


def test_nobody_is_kept_away_for_good() -> None:
    live = TaskWebSocketClient()
    live._on_draining({"retry_ms": 1e12})
    assert live._not_before_s <= time.monotonic() + 1.25 * 60


def test_it_survives_the_servers_restart_on_the_same_port(live: TaskWebSocketClient) -> None:
    first = ScriptedServer()
    first.logs["t"] = [update("t", 1), update("t", 2)]
    live.server_url = first.url
    seen = record(live)
    second_seen = threading.Event()
    live.on_progress = lambda *_: second_seen.set() if 2 in seen else None
    live.connect()
    live.subscribe("t")
    assert second_seen.wait(20)
    first.stop()
    second = ScriptedServer(first.port)
    # The new process replays too much: the overlap must not be delivered again.
    second.logs["t"] = [update("t", 1), update("t", 2), update("t", 3), done("t", 4)]
    assert live.wait_for_completion(timeout=30) == {"t": "completed"}
    live.disconnect()
    second.stop()
    assert seen == [1, 2, 3, 4]


def test_a_missing_event_is_asked_for_again(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.logs["t"] = [update("t", 1)]
    seen = record(live)
    live.connect()
    live.subscribe("t")
    server.wait_for_subscriptions(1)
    server.logs["t"] += [update("t", 2), done("t", 3)]
    server.emit("task_update", done("t", 3))  # and 2 is lost on the way
    assert live.wait_for_completion(timeout=30) == {"t": "completed"}
    assert seen == [1, 2, 3]


def test_strangers_events_do_not_end_the_wait(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.logs["mine"] = [update("mine", 1)]
    heard = threading.Event()
    live.on_status_change = lambda *_: heard.set()
    live.connect()
    live.subscribe("mine")
    server.wait_for_subscriptions(1)
    server.emit("task_update", done("other", 9))
    assert heard.wait(20)
    assert live.wait_for_completion(timeout=0.1) == {}


def test_it_can_disconnect_and_connect_again(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    server.logs["t"] = [update("t", 1)]
    seen = record(live)
    live.connect()
    live.subscribe("t")
    server.wait_for_subscriptions(1)
    live.disconnect()
    assert live.connected is False
    server.logs["t"].append(done("t", 2))
    live.connect()
    assert live.connected is True
    assert live.wait_for_completion(timeout=20) == {"t": "completed"}
    assert seen == [1, 2]
