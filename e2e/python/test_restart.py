"""The server restarts: official clients, with their default settings, come back by themselves."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_event_order import NODE, newest_python, node_program

from harness import HERE, PATIENCE_S, Server

CLIENTS: dict[str, Callable[[str], list[str | Path]]] = {
    "python-socketio 5.16.1": lambda url: [sys.executable, HERE / "reconnect_python.py", url],
    "python-socketio newest": lambda url: [newest_python(), HERE / "reconnect_python.py", url],
    "socket.io-client 4.5.4": lambda url: javascript("socket.io-client-4.5.4", url),
    "socket.io-client newest": lambda url: javascript("socket.io-client-newest", url),
}


def javascript(package: str, url: str) -> list[str | Path]:
    return [node_program(), NODE / "reconnect.mjs", package, url]


class Client:
    """A client in a process of its own, which says when it is connected."""

    def __init__(self, command: list[str | Path]) -> None:
        self._process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def tries_until_connected(self) -> int:
        line = self._lines.get(timeout=PATIENCE_S)
        assert line.startswith("connected "), "the client has ended"
        return int(line.split()[1])

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, own_server: Server) -> Iterator[Client]:
    client = Client(CLIENTS[request.param](own_server.url))
    yield client
    client.end()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_clients_are_back_after_their_first_retry(
    own_server: Server, client: Client, how: str
) -> None:
    assert client.tries_until_connected() == 0
    if how == "stop":
        assert own_server.stop() == 0
    else:
        own_server.kill()
    own_server.start()
    # One, unless the machine took longer to start the server than the client to try.
    assert client.tries_until_connected() in (1, 2)
