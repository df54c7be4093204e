"""After `unsubscribe` nothing is told of a task, whatever is still on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from server import update
from socketio.exceptions import BadNamespaceError

from msgalaxy import TaskWebSocketClient


class Talk:
    """A client without a network: what it sends, and what it tells."""

    def __init__(self) -> None:
        self.client = TaskWebSocketClient()
        self.sent: list[str] = []
        self.told: list[str] = []
        self.confirmed: list[str] = []
        self.is_broken = False
        self.client.sio = self
        self.client._open = True
        self.client.on_update = lambda u: self.told.append(f"{u['task_id']} {u.get('seq')}")
        self.client.on_subscribed = lambda task_id, _: self.confirmed.append(task_id)
        self.client._resume()

    def emit(self, event: str, packet: dict[str, Any], namespace: str) -> None:
        if self.is_broken:
            raise BadNamespaceError("/tasks is not a connected namespace")
        self.sent.append(f"{event} {packet['task_id']}")

    def hear(self, task_id: str, *seqs: int, event_type: str = "progress", **data: Any) -> None:
        for seq in seqs:
            self.client._on_task_update(update(task_id, seq, event_type, **data))

    def subscribed(self, task_id: str) -> None:
        self.client._on_subscribed({"task_id": task_id, "log_id": "log-1"})

    def unsubscribed(self, task_id: str) -> None:
        self.client._on_unsubscribed({"task_id": task_id, "message": "ok"})


@pytest.fixture
def talk() -> Talk:
    """Follows the task t up to seq 2."""
    talk = Talk()
    talk.client.subscribe("t")
    talk.subscribed("t")
    talk.hear("t", 1, 2)
    assert talk.told == ["t 1", "t 2"]
    talk.told.clear()
    return talk


def test_what_was_on_its_way_is_dropped(talk: Talk) -> None:
    talk.client.unsubscribe("t")
    talk.hear("t", 3, 3, 1)
    talk.client._on_task_update({"task_id": "t", "event_type": "progress", "data": {}})
    assert talk.told == []
    assert talk.sent == ["subscribe t", "unsubscribe t"]


def test_other_tasks_of_a_server_that_tells_everybody_everything_still_come(talk: Talk) -> None:
    talk.client.unsubscribe("t")
    talk.hear("u", 7)
    talk.unsubscribed("t")
    talk.hear("t", 4)
    assert talk.told == ["u 7", "t 4"]


def test_a_new_subscription_begins_behind_the_answer_to_the_end_of_the_old(talk: Talk) -> None:
    talk.client.unsubscribe("t")
    talk.client.subscribe("t")
    talk.confirmed.clear()
    talk.subscribed("t")  # that of the old one, asked again
    talk.hear("t", 1, 3)
    assert (talk.told, talk.confirmed) == ([], [])
    talk.unsubscribed("t")
    talk.subscribed("t")
    talk.hear("t", 1, 2, 3)
    assert talk.told == ["t 1", "t 2", "t 3"]
    assert talk.client.task_state("t").head_seq == 3
    assert talk.sent == ["subscribe t", "unsubscribe t", "subscribe t"]


def test_each_end_has_its_answer(talk: Talk) -> None:
    talk.client.unsubscribe("t")
    talk.client.subscribe("t")
    talk.client.unsubscribe("t")
    talk.unsubscribed("t")
    talk.subscribed("t")
    talk.hear("t", 1, 2)
    talk.unsubscribed("t")
    assert talk.told == []
    talk.client.subscribe("t")
    talk.subscribed("t")
    talk.hear("t", 1)
    assert talk.told == ["t 1"]


def test_a_server_that_does_not_know_unsubscribe_can_be_subscribed_again(talk: Talk) -> None:
    plain = {"task_id": "t", "event_type": "progress", "data": {}}
    talk.client.unsubscribe("t")
    talk.client._on_task_update(plain)
    talk.client.subscribe("t")
    talk.client._on_subscribed({"task_id": "t", "message": "ok"})
    talk.client._on_task_update(plain)
    assert talk.told == ["t None"]
    assert talk.confirmed == ["t", "t"]


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_new_connection_knows_nothing_of_the_old(talk: Talk, is_broken: bool) -> None:
    talk.is_broken = is_broken
    talk.client.unsubscribe("t")
    talk.is_broken = False
    talk.client.connected = False
    talk.client.subscribe("t")
    talk.client._resume()
    talk.subscribed("t")
    talk.hear("t", 1)
    assert talk.told == ["t 1"]


def test_a_subscription_that_was_put_off_is_not_made_after_its_end(talk: Talk) -> None:
    stream = talk.client._streams["t"]
    talk.client.unsubscribe("t")
    talk.client._send_subscribe(stream)
    assert talk.sent == ["subscribe t", "unsubscribe t"]


def test_what_waits_for_a_callback_is_dropped(talk: Talk) -> None:
    def told(event: dict[str, Any]) -> None:
        talk.told.append(f"{event['task_id']} {event['seq']}")
        talk.hear("t", 4, 5)  # as another thread would
        talk.client.unsubscribe("t")

    talk.client.on_update = told
    talk.hear("t", 3)
    assert talk.told == ["t 3"]


def change(talk: Talk) -> Callable[[str, int], None]:
    return lambda task_id, seq: talk.hear(
        task_id, seq, event_type="status_change", status="running"
    )


def test_who_follows_all_tasks_still_hears_of_its_status_once(talk: Talk) -> None:
    hear_change = change(talk)
    talk.client.subscribe("*")
    talk.subscribed("*")
    talk.client.unsubscribe("t")
    hear_change("t", 3)
    hear_change("t", 3)
    talk.hear("t", 4)
    talk.unsubscribed("t")
    hear_change("t", 5)
    assert talk.told == ["t 3", "t 5"]


def test_the_end_of_all_tasks_leaves_single_ones(talk: Talk) -> None:
    hear_change = change(talk)
    talk.client.subscribe("*")
    talk.subscribed("*")
    talk.client.unsubscribe("*")
    hear_change("u", 1)
    hear_change("t", 3)
    assert talk.told == ["t 3"]
    talk.unsubscribed("*")
    talk.client.subscribe("*")
    talk.subscribed("*")
    hear_change("u", 2)
    assert talk.told == ["t 3", "u 2"]
