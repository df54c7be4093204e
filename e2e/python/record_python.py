"""Watches one task with plain python-socketio and prints all that arrived, as JSON.

    record_python.py '{"url": ..., "transports": [...], "body": {...}}'

Runs under another Python than the tests, with other library versions, and needs only those. The
task is subscribed after the POST has returned.
"""

from __future__ import annotations

import json
import sys
import threading
import urllib.request
from importlib.metadata import version
from typing import Any

import socketio

ORDER = json.loads(sys.argv[1])
FINAL = ("completed", "failed", "cancelled")


class Recording:
    def __init__(self, transport: str) -> None:
        self.transport = transport
        self.packets: list[str] = []
        self.handled: list[int] = []
        self.done = threading.Event()
        self.sio = socketio.Client(reconnection=False, handle_sigint=False)
        # The library starts a thread per message: only here the order on the wire is seen.
        receive = self.sio.eio._receive_packet

        def record(packet: Any) -> None:
            if packet.packet_type == 4:
                self.packets.append("4" + packet.data)
            receive(packet)

        self.sio.eio._receive_packet = record
        self.sio.on("task_update", self.on_update, namespace="/tasks")
        chosen = None if transport == "upgrade" else [transport]
        self.sio.connect(
            ORDER["url"],
            namespaces=["/tasks"],
            transports=chosen,
            wait_timeout=30,
            socketio_path=ORDER.get("socketio_path", "socket.io"),
        )

    def on_update(self, update: dict[str, Any]) -> None:
        self.handled.append(update["seq"])
        if update["event_type"] == "status_change" and update["data"]["status"] in FINAL:
            self.done.set()

    def report(self) -> dict[str, Any]:
        assert self.done.wait(ORDER["patience_s"]), f"{self.transport}: no final status"
        result = {
            "transport": self.transport,
            "ended_on": self.sio.transport(),
            "packets": self.packets,
            "handled": self.handled,
        }
        threading.Thread(target=self.sio.disconnect, daemon=True).start()
        return result


def main() -> None:
    recordings = [Recording(transport) for transport in ORDER["transports"]]
    request = urllib.request.Request(
        ORDER["url"] + "/api/tasks",
        json.dumps(ORDER["body"]).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        created = json.load(response)
    for recording in recordings:
        recording.sio.emit("subscribe", {"task_id": created["task_id"]}, namespace="/tasks")
    connections = [recording.report() for recording in recordings]
    library = f"python-socketio {version('python-socketio')}"
    print(json.dumps({"library": library, "created": created, "connections": connections}))


main()
