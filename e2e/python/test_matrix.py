"""Crate realtime by itself with the official clients: every transport, parser and compression."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_event_order import NODE, newest_python, node_program

from harness import HERE, PATIENCE_S, program, run

TRANSPORTS = ["polling", "websocket", "upgrade"]
PARSERS = ["default", "msgpack"]
NUMBERS = 200
LARGE = 100_000
ARGUMENTS = [1, "2 中", {"3": [True, None, 1.5]}]
BYTES = [{"bytes": "0001ff"}, {"bytes": "74657874"}]

CLIENTS: dict[str, Callable[[], list[str | Path]]] = {
    "python-socketio 5.16.1": lambda: [sys.executable, HERE / "matrix_python.py"],
    "python-socketio newest": lambda: [newest_python(), HERE / "matrix_python.py"],
    "socket.io-client 4.5.4": lambda: [
        node_program(),
        NODE / "matrix.mjs",
        "socket.io-client-4.5.4",
    ],
    "socket.io-client newest": lambda: [
        node_program(),
        NODE / "matrix.mjs",
        "socket.io-client-newest",
    ],
}


@pytest.fixture(scope="module", params=["plain", "deflate"])
def example(request: pytest.FixtureRequest) -> Iterator[tuple[str, bool]]:
    """The conformance example, which cargo builds with the tests, and whether it compresses."""
    deflates = request.param == "deflate"
    environment = {
        "PORT": "0",
        "PING_INTERVAL": "25000",
        "PING_TIMEOUT": "20000",
        "CONNECT_TIMEOUT": "45000",
    }
    if deflates:
        environment["DEFLATE"] = "1"
    process = subprocess.Popen(
        [program().parent / "examples" / "socketio_conformance"],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    try:
        prefix = "listening on "
        assert first.startswith(prefix), first
        yield first.removeprefix(prefix).strip(), deflates
    finally:
        process.kill()
        process.wait(PATIENCE_S)


@pytest.mark.parametrize("client", CLIENTS)
def test_official_clients_are_served_in_every_way(example: tuple[str, bool], client: str) -> None:
    url, deflates = example
    order = {
        "url": url,
        "transports": TRANSPORTS,
        "parsers": PARSERS,
        "numbers": NUMBERS,
        "large": LARGE,
        "arguments": ARGUMENTS,
        "patience_s": PATIENCE_S - 20,
    }
    done = run([*CLIENTS[client](), json.dumps(order)])
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    if not client.endswith("newest"):
        assert report["library"] == client
    talks = report["talks"]
    assert [(talk["transport"], talk["parser"]) for talk in talks] == [
        (transport, parser) for transport in TRANSPORTS for parser in PARSERS
    ]
    for talk in talks:
        check(talk, deflates)


def check(talk: dict[str, Any], deflates: bool) -> None:
    polling = talk.pop("transport") == "polling"
    talk.pop("parser")
    # python-socketio has no compression to offer.
    if "deflated" in talk:
        assert talk.pop("deflated") == (deflates and not polling)
    assert talk == {
        "ended_on": "polling" if polling else "websocket",
        "auth": [{"token": "123"}],
        "back": ARGUMENTS,
        "binary_back": [BYTES[0], {"inner": 1}, BYTES[1]],
        "large": LARGE,
        "ack": ARGUMENTS,
        "binary_ack": BYTES,
        "answered": [[{"a": [1]}]],
        "in_order": True,
    }
