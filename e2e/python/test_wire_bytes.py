"""What a task with layouts costs on the wire, with and without permessage-deflate."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from msgalaxy import APIClient
from websockets.sync.client import ClientConnection, connect

from harness import PATIENCE_S, ROOT, Server

ITERATIONS = 20


class CountingSocket(socket.socket):
    """Counts the bytes that come in."""

    received = 0

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        data = super().recv(bufsize, flags)
        self.received += len(data)
        return data


def opened(server: Server, compression: str | None) -> tuple[CountingSocket, ClientConnection]:
    counted = CountingSocket(socket.AF_INET, socket.SOCK_STREAM)
    counted.settimeout(PATIENCE_S)
    counted.connect(("127.0.0.1", server.port))
    url = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    return counted, connect(url, sock=counted, compression=compression, max_size=None)


def replayed(server: Server, task_id: str, compression: str | None) -> tuple[int, list[Any]]:
    """Bytes of the connection from its first to the task's last, and all events with their fields.

    The task has ended: everybody is sent the same.
    """
    counted, talk = opened(server, compression)
    with talk:
        heard: list[Any] = []
        assert str(talk.recv()).startswith("0{")
        talk.send("40/tasks,")
        body = {"task_id": task_id, "layout": True}
        talk.send("42/tasks," + json.dumps(["subscribe", body]))
        while '"completed"' not in str(heard[-1:]):
            packet = talk.recv(PATIENCE_S)
            if packet == "2":
                talk.send("3")
            elif isinstance(packet, bytes) or '["task_update"' in packet:
                heard.append(packet)
        return counted.received, heard


@pytest.mark.parametrize(
    ("bom", "units"),
    [
        ("config/bom_example.json", 2),
        ("examples/boms/smallsat_25.json", 25),
        ("examples/boms/bus_60.json", 60),
    ],
    ids=lambda value: str(value).rpartition("/")[2],
)
def test_layouts_fall_to_a_third_when_compressed(
    server: Server,
    api: APIClient,
    bom: str,
    units: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bom_file = api.upload_bom(ROOT / bom)["bom_file"]
    created = api.create_task(bom_file, ITERATIONS, convergence_threshold=0, seed=1)
    task = api.wait_for_task(created["task_id"], 0.1, PATIENCE_S)
    assert (task["status"], task["result"]["num_components"]) == ("completed", units)
    plain, heard = replayed(server, task["id"], None)
    deflated, heard_too = replayed(server, task["id"], "deflate")
    assert heard == heard_too
    layouts = [packet for packet in heard if "451-/tasks," in str(packet)]
    assert sum('"iteration_complete"' in packet for packet in layouts) == ITERATIONS
    with capsys.disabled():
        ratio = plain / deflated
        print(
            f"\n{units} components, {ITERATIONS} iterations, layouts: {plain} bytes plain, "
            f"{deflated} with permessage-deflate: 1/{ratio:.2f}"
        )
    assert plain >= 3 * deflated
