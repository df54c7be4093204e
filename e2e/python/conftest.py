from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgalaxy import APIClient, TaskWebSocketClient

from harness import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it as it is."""
    server = Server(tmp_path_factory.mktemp("data")).start()
    yield server
    assert server.stop() == 0
    assert "panicked" not in server.log()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, to break and restart."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    server = Server(data_dir).start()
    yield server
    server.stop()


@pytest.fixture
def api(server: Server) -> Iterator[APIClient]:
    with APIClient(server.url) as client:
        yield client


@pytest.fixture
def live(server: Server) -> Iterator[TaskWebSocketClient]:
    client = TaskWebSocketClient(server.url)
    yield client
    client.disconnect()
