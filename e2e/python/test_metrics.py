"""The metrics agree with what a test did, number by number, read by Prometheus' own parser."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio
from doors import EventStream, NativeStream
from msgalaxy import APIClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harness import PATIENCE_S, Server, Update, program, run, until

BOM = "config/bom_example.json"

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Metrics:
    """What a server tells, and how it has changed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = self._read()

    def _read(self) -> Numbers:
        answer = requests.get(f"{self._server.url}/metrics", timeout=PATIENCE_S)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
            for sample in family.samples
        }

    def now(self, name: str, **labels: str) -> float | None:
        """`None` for a series that there is not."""
        return self._read().get((f"msgalaxy_{name}", frozenset(labels.items())))

    def more(self, name: str, **labels: str) -> float:
        """By how much it has grown."""
        key = (f"msgalaxy_{name}", frozenset(labels.items()))
        return self._read().get(key, 0) - self._before.get(key, 0)

    def changes(self, name: str) -> dict[str, float]:
        """The same of all series of one label that have changed, by that label's value."""
        key = f"msgalaxy_{name}"
        found = {}
        for (metric, labels), value in self._read().items():
            change = value - self._before.get((metric, labels), 0)
            if metric == key and change:
                ((_, label),) = labels
                found[label] = change
        return found


def by_type(updates: list[Update]) -> dict[str, float]:
    return dict(Counter(update["event_type"] for update in updates))


class Watcher:
    """A plain python-socketio client that notes what it hears."""

    def __init__(self, url: str, transport: str) -> None:
        self._updates: list[Update] = []
        self.sio = socketio.Client(reconnection=False, handle_sigint=False)
        self.sio.on("task_update", self._updates.append, namespace="/tasks")
        self.sio.connect(url, namespaces=["/tasks"], transports=[transport], wait_timeout=30)

    def hears(self, events: list[Update]) -> None:
        """Waits for these events; the library handles each in a thread, in no order."""
        until(lambda: len(self._updates) == len(events), "all events")
        assert sorted(self._updates, key=lambda update: int(update["seq"])) == events

    def subscribe(self, task_id: str) -> Any:
        return self.sio.call(
            "subscribe", {"task_id": task_id}, namespace="/tasks", timeout=PATIENCE_S
        )

    def close(self) -> None:
        self.sio.disconnect()


@pytest.fixture
def finished(own_server: Server) -> tuple[Server, str, list[Update]]:
    """A server with one task that is over, and its events."""
    with APIClient(own_server.url) as api:
        task = api.run_optimization(BOM, 3, poll_interval=0.1, timeout=PATIENCE_S)
        return own_server, task["id"], list(api.iter_events(task["id"]))


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """Starts a server with the settings given."""
    servers = []

    def start(settings: str) -> Server:
        file = tmp_path / "msgalaxy.toml"
        file.write_text(settings, "utf-8")
        servers.append(Server(tmp_path, options=["--config", file]).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def test_what_is_appended_is_counted_by_kind(finished: tuple[Server, str, list[Update]]) -> None:
    server, task_id, events = finished
    metrics = Metrics(server)
    text = requests.get(f"{server.url}/metrics", timeout=PATIENCE_S).text
    assert task_id not in text, "numbers name no task"
    for kind, number in by_type(events).items():
        assert metrics.now("events_appended_total", type=kind) == number
    assert metrics.now("tasks", status="completed") == 1
    assert metrics.now("tasks", status="running") == 0
    assert metrics.now("queue_age_seconds") == 0
    assert metrics.now("store_up") == 1
    # All but the first two events came as reports of the job, none of them empty.
    assert 1 <= (metrics.now("append_seconds_count") or 0) <= len(events) - 2
    assert metrics.now("store_errors_total", operation="write") == 0


def test_replays_are_deliveries_and_ended_tasks_no_subscriptions(
    finished: tuple[Server, str, list[Update]],
) -> None:
    server, task_id, events = finished
    metrics = Metrics(server)
    watchers = [Watcher(server.url, transport) for transport in ["polling", "websocket"]]
    for transport in ["polling", "websocket"]:
        assert metrics.now("connections", transport=transport, parser="default") == 1
        assert metrics.more("connects_total", transport=transport) == 1
    for watcher in watchers:
        assert watcher.subscribe(task_id)["mode"] == "replayed"
        watcher.hears(events)
    expected = {kind: 2 * number for kind, number in by_type(events).items()}
    assert metrics.changes("events_delivered_total") == expected
    assert metrics.changes("events_replayed_total") == expected
    assert metrics.changes("subscribes_total") == {"replayed": 2}
    assert metrics.now("subscriptions", of="task") == 0
    assert metrics.more("event_delivery_seconds_count") == 0
    for watcher in watchers:
        watcher.close()
    until(
        lambda: (
            metrics.more("disconnects_total", transport="polling", reason="client_closed") == 1
            and metrics.more("disconnects_total", transport="websocket", reason="client_closed")
            == 1
        ),
        "both disconnects",
    )
    for transport in ["polling", "websocket"]:
        assert metrics.now("connections", transport=transport, parser="default") == 0


def test_live_deliveries_at_every_door_are_counted_each(
    limited: Callable[[str], Server],
) -> None:
    server = limited("workers = 1\n")
    url = server.url
    metrics = Metrics(server)
    with APIClient(url) as api:
        # Waits behind another, so that all follow before anything but its first event happened.
        blocker = api.create_task(BOM, 10_000, convergence_threshold=0)["task_id"]
        task_id = api.create_task(BOM, 3, convergence_threshold=0)["task_id"]
        watcher = Watcher(url, "websocket")
        assert watcher.subscribe(task_id)["mode"] == "replayed"
        sse = EventStream(url, task_id)
        stream = NativeStream(url)
        told: list[Update] = []
        reader = threading.Thread(target=lambda: told.extend(stream.follow(task_id)))
        reader.start()
        until(lambda: metrics.now("subscriptions", of="task") == 3, "three subscriptions")
        assert (metrics.now("queue_age_seconds") or 0) > 0
        assert metrics.now("connections", transport="sse", parser="none") == 1
        assert metrics.now("connections", transport="stream", parser="json") == 1
        watcher.subscribe("*")
        assert metrics.now("subscriptions", of="all") == 1
        watcher.sio.call("unsubscribe", {"task_id": "*"}, namespace="/tasks", timeout=PATIENCE_S)
        assert metrics.now("subscriptions", of="all") == 0
        assert metrics.now("jobs_running") == 1
        api.cancel_task(blocker)
        heard = [data for name, data in sse if name == "task_update"]
        reader.join(PATIENCE_S)
        events = list(api.iter_events(task_id))
        assert heard == told == events
        watcher.hears(events)
    assert metrics.changes("events_delivered_total") == {
        kind: 3 * number for kind, number in by_type(events).items()
    }
    # Of each connection the one event that was there before it: that the task waits.
    assert metrics.changes("events_replayed_total") == {"status_change": 3}
    assert metrics.more("event_delivery_seconds_count") == 3 * (len(events) - 1)
    assert metrics.changes("subscribes_total") == {"replayed": 3}
    assert metrics.now("subscriptions", of="task") == 0
    assert metrics.now("lagging_readers") == 0
    stream.close()
    watcher.close()
    sse.close()
    until(
        lambda: (
            metrics.more("disconnects_total", transport="sse", reason="ended") == 1
            and metrics.more("disconnects_total", transport="stream", reason="client_closed") == 1
            and metrics.more("disconnects_total", transport="websocket", reason="client_closed")
            == 1
        ),
        "every disconnect with its reason",
    )


def test_refusals_are_counted_where_they_are_given(own_server: Server) -> None:
    url = own_server.url
    metrics = Metrics(own_server)
    for _ in range(3):
        assert requests.get(f"{url}/api/tasks/none", timeout=PATIENCE_S).status_code == 404
    bad = requests.post(f"{url}/api/tasks", data=b"{", timeout=PATIENCE_S)
    assert bad.status_code == 400
    assert requests.get(f"{url}/socket.io/?EIO=3&transport=polling", timeout=9).status_code == 400
    assert (
        requests.get(f"{url}/socket.io/?EIO=4&transport=polling&sid=x", timeout=9).status_code
        == 400
    )
    watcher = Watcher(url, "websocket")
    assert watcher.subscribe("none")["code"] == "task_not_found"
    watcher.sio.call("frobnicate", {}, namespace="/tasks", timeout=PATIENCE_S)
    stream = NativeStream(url)
    stream.send({"type": "subscribe", "task_id": "none"})
    assert stream.receive()["code"] == "task_not_found"

    def refused(door: str, code: str) -> float:
        return metrics.more("refusals_total", door=door, code=code)

    assert refused("http", "task_not_found") == 3
    assert refused("http", bad.json()["code"]) == 1
    assert refused("engineio", "unsupported_version") == 1
    assert refused("engineio", "unknown_session") == 1
    assert refused("socketio", "task_not_found") == 1
    assert refused("socketio", "unknown_event") == 1
    assert refused("stream", "task_not_found") == 1
    found = {"method": "GET", "route": "/api/tasks/{id}", "status": "404"}
    assert metrics.more("http_requests_total", **found) == 3
    assert metrics.more("http_request_seconds_count", route="/api/tasks/{id}") == 3
    watcher.close()
    stream.close()


def test_tokens_that_are_not_good_enough_are_counted_by_reason(
    limited: Callable[[str], Server],
) -> None:
    server = limited('[auth]\nmode = "required"\n')
    metrics = Metrics(server)
    tasks = f"{server.url}/api/tasks"

    def key(*scopes: str) -> str:
        options = [part for scope in scopes for part in ("--scope", scope)]
        made = run(
            [program(), "token", "create", "--name", "test", *options, "--json"],
            cwd=server.data_dir,
        )
        assert made.returncode == 0, made.stderr
        return str(json.loads(made.stdout)["token"])

    def status(token: str | None, method: str = "GET") -> int:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return requests.request(
            method, tasks, headers=headers, json={}, timeout=PATIENCE_S
        ).status_code

    reader = key("tasks:read")
    assert [status(None), status(None), status(reader)] == [401, 401, 200]
    assert status(reader, "POST") == 403
    with pytest.raises(socketio.exceptions.ConnectionError):
        Watcher(server.url, "websocket")
    assert metrics.changes("auth_failures_total") == {"missing": 3, "scope_missing": 1}
    assert metrics.more("refusals_total", door="http", code="token_missing") == 2
    assert metrics.more("refusals_total", door="socketio", code="token_missing") == 1


def test_limits_are_counted_under_the_names_that_settings_have(
    limited: Callable[[str], Server],
) -> None:
    server = limited(
        "[limits]\nconnections = 1\nsubscriptions_per_connection = 1\nbody_bytes = 1024\n"
    )
    metrics = Metrics(server)
    with APIClient(server.url) as api:
        ids = [api.create_task(BOM, 10_000)["task_id"] for _ in range(2)]
    stream = NativeStream(server.url)
    for task_id in ids:
        stream.send({"type": "subscribe", "task_id": task_id})
    while stream.receive().get("code") != "too_many_subscriptions":
        pass
    refused = requests.get(
        f"{server.url}/api/tasks/*/events",
        headers={"Accept": "text/event-stream"},
        timeout=PATIENCE_S,
    )
    assert refused.json()["code"] == "too_many_connections"
    large = requests.post(f"{server.url}/api/boms", data=b" " * 2048, timeout=PATIENCE_S)
    assert large.status_code == 413
    assert metrics.changes("limits_hit_total") == {
        "subscriptions_per_connection": 1,
        "connections": 1,
        "body_bytes": 1,
    }
    stream.close()


def test_a_server_whose_store_does_not_answer_is_alive_and_not_ready(own_server: Server) -> None:
    def answer(path: str) -> tuple[int, Any]:
        found = requests.get(f"{own_server.url}{path}", timeout=PATIENCE_S)
        return found.status_code, found.json()

    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(own_server.data_dir / "msgalaxy.db", timeout=30)) as store:
            store.execute(f"ALTER TABLE {old} RENAME TO {new}")

    metrics = Metrics(own_server)
    assert answer("/livez") == answer("/readyz") == (200, {"status": "ok"})
    rename("tasks", "gone")
    status, body = answer("/readyz")
    assert (status, body["code"]) == (503, "not_ready")
    assert [problem["code"] for problem in body["problems"]] == ["store"]
    assert answer("/livez") == (200, {"status": "ok"})
    assert metrics.now("store_up") == 0
    assert metrics.now("tasks", status="completed") is None
    rename("gone", "tasks")
    assert answer("/readyz") == (200, {"status": "ok"})
    assert metrics.now("store_up") == 1
    assert metrics.now("tasks", status="completed") == 0
