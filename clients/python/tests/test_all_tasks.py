"""The subscription to all tasks: nothing twice, in order, and what was missed is read."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest
from server import ScriptedServer, update

from msgalaxy import TaskWebSocketClient
from msgalaxy.all_tasks import MAX_REMEMBERED, AllTasks


def change(task_id: str, seq: int, status: str) -> dict[str, Any]:
    return update(task_id, seq, "status_change", status=status)


class Heard:
    """What a client is told, in order."""

    def __init__(self, live: TaskWebSocketClient) -> None:
        self.told: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.stands = threading.Event()
        live.on_update = lambda u: self.told.put(
            f"{u['task_id']} {u['seq']} {u['data'].get('status')}"
        )
        live.on_missed = lambda task_id: self.told.put(f"missed {task_id}")
        live.on_subscribed = lambda *_: self.stands.set()
        live.connect()
        live.subscribe("*")
        assert self.stands.wait(20)

    def next(self, count: int) -> list[str]:
        return [self.told.get(timeout=20) for _ in range(count)]


def test_what_was_missed_while_away_is_read_and_told(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    heard = Heard(live)
    for told in (change("a", 1, "pending"), change("b", 8, "running"), change("b", 9, "failed")):
        server.emit("task_update", told)
    assert heard.next(3) == ["a 1 pending", "b 8 running", "b 9 failed"]
    server.logs["a"] = [
        change("a", 1, "pending"),
        update("a", 2),
        change("a", 3, "running"),
        update("a", 4),
        change("a", 5, "completed"),
    ]
    server.drop_clients()
    assert heard.next(3) == ["missed *", "a 3 running", "a 5 completed"]
    # Of a task that has ended nothing can have been missed.
    assert {path for _, path, _, _ in server.rest_requests} == {"/api/tasks/a/events"}
    assert server.requests == [{"task_id": "*"}, {"task_id": "*"}]


def test_what_the_server_says_was_missed_is_read(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    heard = Heard(live)
    server.logs["a"] = [change("a", 1, "pending"), change("a", 2, "running")]
    missed = {"code": "events_missed", "message": "", "task_id": "*", "task_ids": ["a"]}
    server.emit("error", missed)
    server.emit("task_update", change("a", 2, "running"))
    server.emit("task_update", change("a", 4, "completed"))
    assert heard.next(4) == ["missed a", "a 1 pending", "a 2 running", "a 4 completed"]


def test_a_task_that_was_never_heard_of_can_be_caught_up_with(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    with pytest.raises(RuntimeError, match="Not subscribed"):
        live.catch_up("a")
    heard = Heard(live)
    server.logs["a"] = [change("a", 1, "pending"), change("a", 2, "running")]
    live.catch_up("gone")
    live.catch_up("a")
    assert heard.next(2) == ["a 1 pending", "a 2 running"]
    live.unsubscribe("*")
    with pytest.raises(RuntimeError, match="Not subscribed"):
        live.catch_up("a")


def test_a_log_that_cannot_be_read_now_is_read_later(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    heard = Heard(live)
    server.rest_answers["GET", "/api/tasks/a/events"] = (503, {"error": "not now"})
    live.catch_up("a")
    while not server.rest_requests:
        threading.Event().wait(0.01)
    server.emit("task_update", change("a", 2, "running"))
    server.emit("task_update", change("b", 1, "pending"))
    assert heard.next(1) == ["b 1 pending"]
    server.logs["a"] = [change("a", 1, "pending")]
    server.rest_answers.clear()
    assert heard.next(2) == ["a 1 pending", "a 2 running"]


def test_a_task_with_a_subscription_of_its_own_is_told_once(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    heard = Heard(live)
    server.logs["a"] = [change("a", 1, "pending"), change("a", 2, "running")]
    live.subscribe("a")
    assert heard.next(2) == ["a 1 pending", "a 2 running"]
    live.unsubscribe("a")
    server.emit("task_update", change("a", 2, "running"))
    server.emit("task_update", change("a", 3, "cancelled"))
    assert heard.next(1) == ["a 3 cancelled"]


def test_it_can_disconnect_in_the_callback_of_a_missed_event(
    server: ScriptedServer, live: TaskWebSocketClient
) -> None:
    heard = Heard(live)
    server.logs["a"] = [change("a", 1, "completed")]
    gone = threading.Event()

    def end(*_: object) -> None:
        live.disconnect()
        gone.set()

    live.on_status_change = end
    live.catch_up("a")
    assert gone.wait(20)
    assert heard.next(1) == ["a 1 completed"]
    assert live.connected is False


def test_the_numbers_of_another_log_are_forgotten() -> None:
    known = AllTasks()
    assert known.subscribed("log-1") is False
    assert known.accept(change("a", 7, "running"))
    known.lost()
    assert known.subscribed("log-2") is True
    known.missed("*")
    assert known.to_read() is None
    assert known.accept(change("a", 2, "running"))
    assert not known.accept(change("a", 2, "running"))


def test_what_is_missed_while_the_log_is_read_is_read_again() -> None:
    known = AllTasks()
    known.missed("a")
    assert known.to_read() == ("a", 0)
    known.missed("a")
    assert not known.accept(change("a", 4, "completed"))
    assert known.read("a", [change("a", 1, "pending")]) == [change("a", 1, "pending")]
    assert known.to_read() == ("a", 1)
    rest = [change("a", 2, "running"), change("a", 4, "completed")]
    assert known.read("a", rest) == rest
    assert known.to_read() is None


def test_no_more_tasks_are_remembered_than_there_is_room_for() -> None:
    known = AllTasks()
    known.accept(change("first", 1, "pending"))
    for n in range(MAX_REMEMBERED):
        assert known.accept(change(f"t{n}", 9, "completed"))
    # The oldest that had ended was forgotten, the unfinished one was not.
    assert not known.accept(change("first", 1, "pending"))
    assert known.accept(change("t0", 9, "completed"))
