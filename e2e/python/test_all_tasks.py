"""The status changes of all tasks, with our clients and connections cut at random bytes."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cutting_proxy import CuttingProxy
from msgalaxy import APIClient, TaskWebSocketClient
from test_cuts import connect_through_cuts
from test_event_order import NODE, node_program

from harness import PATIENCE_S, Server, Update, until

TASKS = 12
#: Cuts that a run must have survived to count as a trial.
ENOUGH = 4
#: Bytes of a connection. A task's log, too, is read through the proxy.
BYTES = (120, 5000)
FINAL = ("completed", "failed", "cancelled")

#: Waits for the end of all tasks and returns what was heard.
Heard = Callable[[], list[Update]]


@contextmanager
def with_python(proxy: CuttingProxy, server: Server, transport: str) -> Iterator[Heard]:
    live = TaskWebSocketClient(
        proxy.url, transports=[transport], retry_delay=0.02, retry_delay_max=0.05
    )
    api = APIClient(server.url)
    events: list[Update] = []
    stands = threading.Event()

    def missed(_: str) -> None:
        for task in api.list_tasks(limit=100)["tasks"]:
            live.catch_up(task["task_id"])

    live.on_update = events.append
    live.on_missed = missed
    live.on_subscribed = lambda *_: stands.set()
    connect_through_cuts(live)
    live.subscribe("*")
    assert stands.wait(PATIENCE_S)

    def heard() -> list[Update]:
        until(lambda: sum(is_final(event) for event in events) == TASKS, "the end of all tasks")
        return events

    yield heard
    live.disconnect()
    api.close()


@contextmanager
def with_javascript(proxy: CuttingProxy, server: Server, transport: str) -> Iterator[Heard]:
    order = {
        "url": proxy.url,
        "direct": server.url,
        "transport": transport,
        "tasks": TASKS,
        "patience_s": PATIENCE_S - 20,
    }
    process = subprocess.Popen(
        [node_program(), NODE / "follow_all.mjs", json.dumps(order)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "live\n"

    def heard() -> list[Update]:
        said, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        report: dict[str, Any] = json.loads(said)
        assert "*" in report["missed"]
        events: list[Update] = report["events"]
        return events

    yield heard
    process.kill()
    process.wait(PATIENCE_S)


def is_final(event: Update) -> bool:
    return event["data"]["status"] in FINAL


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("client", [with_python, with_javascript], ids=["python", "javascript"])
def test_every_change_once_and_in_order(own_server: Server, client: Any, transport: str) -> None:
    proxy = CuttingProxy(own_server.port, 20261124, *BYTES)
    with APIClient(own_server.url) as api, client(proxy, own_server, transport) as heard:
        tasks = [
            api.create_task("config/bom_example.json", 1, seed=n)["task_id"] for n in range(TASKS)
        ]
        events = heard()
        assert {event["task_id"] for event in events} == set(tasks)
        for task_id in tasks:
            told = [event for event in events if event["task_id"] == task_id]
            log = [e for e in api.iter_events(task_id) if e["event_type"] == "status_change"]
            # Where the first that was heard came when the task had begun, those before it are not
            # told any more.
            assert told == log[-len(told) :]
    assert proxy.cuts >= ENOUGH
    proxy.close()
