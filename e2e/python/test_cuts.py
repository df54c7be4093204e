"""Connections cut at random bytes: each client of ours hands on every event, once and in order."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cutting_proxy import CuttingProxy
from msgalaxy import APIClient, TaskWebSocketClient
from test_event_order import NODE, node_program

from harness import PATIENCE_S, ROOT, Server, Update

ITERATIONS = 40
#: Cuts that a run must have survived to count as a trial.
ENOUGH = 10
#: Bytes of a connection: from the middle of its handshake to some events. Over polling a connection
#: carries one request after the other, each with its headers.
BYTES = {"websocket": (120, 4000), "polling": (120, 6000)}


def with_python(proxy: CuttingProxy, transport: str, task_id: str, options: dict[str, Any]) -> Any:
    live = TaskWebSocketClient(
        proxy.url, transports=[transport], retry_delay=0.02, retry_delay_max=0.05
    )
    events: list[Update] = []
    live.on_update = events.append
    connect_through_cuts(live)
    live.subscribe(task_id, **options)
    assert live.wait_for_completion(PATIENCE_S) == {task_id: "completed"}
    task = live.task_state(task_id)
    live.disconnect()
    return {"events": events, "task": task.to_task()}


def connect_through_cuts(live: TaskWebSocketClient) -> None:
    # Only the first connection is the caller's own to make.
    for _ in range(100):
        try:
            return live.connect()
        except Exception:
            continue
    raise AssertionError("no connection")


def with_javascript(
    proxy: CuttingProxy, transport: str, task_id: str, options: dict[str, Any]
) -> Any:
    order = {
        "url": proxy.url,
        "transport": transport,
        "task_id": task_id,
        "options": options,
        "patience_s": PATIENCE_S - 20,
    }
    done = subprocess.run(
        [node_program(), NODE / "follow.mjs", json.dumps(order)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CLIENTS: dict[str, Callable[..., Any]] = {"python": with_python, "javascript": with_javascript}


@pytest.fixture
def proxy(server: Server, transport: str) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(server.port, 20261124, *BYTES[transport])
    yield proxy
    proxy.close()


def order_task(api: APIClient) -> str:
    bom_file = api.upload_bom(ROOT / "examples" / "boms" / "cubesat_6u_12.json")["bom_file"]
    return str(api.create_task(bom_file, ITERATIONS, convergence_threshold=0)["task_id"])


@pytest.mark.parametrize("transport", BYTES)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_event_once_and_in_order(
    api: APIClient, proxy: CuttingProxy, client: str, transport: str
) -> None:
    task_id = order_task(api)
    report = CLIENTS[client](proxy, transport, task_id, {})
    log = list(api.iter_events(task_id))
    assert report["events"] == log
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    assert report["task"]["status"] == "completed"
    assert report["task"]["result"] == api.get_task(task_id)["result"]
    assert proxy.cuts >= ENOUGH
