"""The doors that need no library of ours: server-sent events, the native stream, the metrics."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import websocket

from harness import PATIENCE_S, Update

FINAL = ("completed", "failed", "cancelled")


class EventStream:
    """Server-sent events of a task, or of all with `*`, read as they come."""

    def __init__(self, url: str, task_id: str, query: str = "") -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=PATIENCE_S
        )
        self._connection.request(
            "GET",
            f"{parts.path}/api/tasks/{task_id}/events{query}",
            headers={"Accept": "text/event-stream"},
        )
        self._response = self._connection.getresponse()
        assert self._response.status == 200, self._response.read()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Name and data of each event, to the end of the stream."""
        name, data = "", ""
        for line in self._response:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value
            elif not field and name:
                yield name, json.loads(data)
                name = ""

    def close(self) -> None:
        self._response.close()
        self._connection.close()


def is_end(update: Update) -> bool:
    return update["event_type"] == "status_change" and update["data"]["status"] in FINAL


class NativeStream:
    """A connection to /api/stream, in JSON."""

    def __init__(self, url: str) -> None:
        self._socket = websocket.create_connection(
            f"{url.replace('http', 'ws', 1)}/api/stream",
            subprotocols=["msgalaxy.v1+json"],
            timeout=PATIENCE_S,
        )
        assert self.receive()["type"] == "hello"

    def send(self, message: dict[str, Any]) -> None:
        self._socket.send(json.dumps(message))

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv())
        return message

    def follow(self, task_id: str) -> list[Update]:
        """Every event of a task to its end."""
        self.send({"type": "subscribe", "task_id": task_id})
        updates: list[Update] = []
        while not (updates and is_end(updates[-1])):
            message = self.receive()
            if message["type"] == "updates":
                updates += message["updates"]
                self.send({"type": "credit", "updates": len(message["updates"])})
        return updates

    def close(self) -> None:
        self._socket.close()
