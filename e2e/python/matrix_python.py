"""Talks to the example server of crate realtime with plain python-socketio, in every transport and
parser, and prints what came of it, as JSON.

    matrix_python.py '{"url": ..., "transports": [...], "parsers": [...], "numbers": ..., ...}'

Runs under another Python than the tests, with other library versions, and needs only those.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from importlib.metadata import version
from typing import Any

import socketio

ORDER = json.loads(sys.argv[1])
NAMESPACE = "/custom"
BYTES = [b"\x00\x01\xff", b"text"]


def plain(value: Any) -> Any:
    """The same without bytes, which JSON does not have."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


class Talk:
    def __init__(self, transport: str, parser: str) -> None:
        self.events: dict[str, queue.SimpleQueue[Any]] = {}
        self.sio = socketio.Client(serializer=parser, reconnection=False, handle_sigint=False)
        for name in ("auth", "message-back", "answered", "number"):
            self.events[name] = queue.SimpleQueue()
            # One thread per event, so order is only seen where the packets come in.
            self.sio.on(name, lambda *_: None, namespace=NAMESPACE)
        self.sio.on("question", lambda *arguments: arguments, namespace=NAMESPACE)
        trigger = self.sio._handle_event

        def record(namespace: str, id: Any, data: Any) -> Any:
            if data[0] in self.events:
                self.events[data[0]].put(plain(data[1:]))
            return trigger(namespace, id, data)

        self.sio._handle_event = record
        self.transport, self.parser = transport, parser

    def next(self, name: str) -> Any:
        return self.events[name].get(timeout=ORDER["patience_s"])

    def run(self) -> dict[str, Any]:
        chosen = None if self.transport == "upgrade" else [self.transport]
        self.sio.connect(
            ORDER["url"],
            auth={"token": "123"},
            namespaces=[NAMESPACE],
            transports=chosen,
            wait_timeout=ORDER["patience_s"],
        )
        report: dict[str, Any] = {"auth": self.next("auth")}
        self.emit("message", *ORDER["arguments"])
        report["back"] = self.next("message-back")
        self.emit("message", BYTES[0], {"inner": 1}, BYTES[1])
        report["binary_back"] = self.next("message-back")
        self.emit("message", "x" * ORDER["large"])
        report["large"] = len(self.next("message-back")[0])
        report["ack"] = self.call("message-with-ack", *ORDER["arguments"])
        report["binary_ack"] = self.call("message-with-ack", *BYTES)
        self.emit("ask", {"a": [1]})
        report["answered"] = self.next("answered")
        self.emit("count", ORDER["numbers"])
        received = [self.next("number")[0] for _ in range(ORDER["numbers"])]
        report["in_order"] = received == list(range(1, ORDER["numbers"] + 1))
        report["ended_on"] = self.sio.transport()
        threading.Thread(target=self.sio.disconnect, daemon=True).start()
        return {"transport": self.transport, "parser": self.parser, **report}

    def emit(self, name: str, *arguments: Any) -> None:
        self.sio.emit(name, arguments, namespace=NAMESPACE)

    def call(self, name: str, *arguments: Any) -> Any:
        return plain(
            self.sio.call(name, arguments, namespace=NAMESPACE, timeout=ORDER["patience_s"])
        )


def main() -> None:
    talks = [
        Talk(transport, parser).run()
        for transport in ORDER["transports"]
        for parser in ORDER["parsers"]
    ]
    print(json.dumps({"library": f"python-socketio {version('python-socketio')}", "talks": talks}))


main()
