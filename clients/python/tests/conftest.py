from __future__ import annotations

from collections.abc import Iterator

import pytest
from server import ScriptedServer

from msgalaxy import TaskWebSocketClient


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture
def live(server: ScriptedServer) -> Iterator[TaskWebSocketClient]:
    client = TaskWebSocketClient(server.url, transports=["polling"], retry_delay=0.05)
    yield client
    client.disconnect()
