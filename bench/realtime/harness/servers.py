"""The servers under test: how each is started, and what it stands for."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
PREPARED = ROOT / "build" / "bench"
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target")).resolve() / "release"
PYTHON_PEERS = HERE / "peers" / "python"

FLASK = "Flask-SocketIO"
NODE = "Node"


@dataclass(frozen=True)
class Server:
    """`command` has `{port}` where the port belongs and `{scratch}` for an empty directory."""

    name: str
    label: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    # Servers of one family are one reference: the best of them counts.
    family: str = ""
    # Every event is stored durably before it is sent.
    durable: bool = False
    # Its tasks have ids of its own making.
    own_task_ids: bool = False
    # How the load generator talks to it, if not in plain Socket.IO.
    client: tuple[str, ...] = ()
    # Scenarios that say something about it; all of them if empty.
    scenarios: tuple[str, ...] = ()

    def takes_part(self, scenario: str, append: bool) -> bool:
        if append and not self.durable:
            return False
        return not self.scenarios or scenario in self.scenarios


def flask(mode: str, label: str, *command: str) -> Server:
    return Server(
        name=f"flask-{mode}",
        label=f"Flask-SocketIO, {label}",
        command=command,
        environment={"ASYNC_MODE": mode},
        family=FLASK,
    )


def gunicorn(worker: str) -> tuple[str, ...]:
    # As the original's deployment section says. Its worker stops at 1,000 connections unless told.
    program = str(PREPARED / "venv-flask" / "bin" / "gunicorn")
    listen = ("-b", "127.0.0.1:{port}", "--log-level", "warning")
    return (
        program,
        "-w",
        "1",
        "-k",
        worker,
        *listen,
        "--worker-connections",
        "20000",
        "flask_server:app",
    )


def ours(log: str, label: str) -> Server:
    durable = log == "sqlite"
    store = ("--data-dir", "{scratch}") if durable else ()
    return Server(
        name=f"msgalaxy-{log}",
        label=label,
        command=(str(RELEASE / "bench-server"), "--port", "{port}", "--log", log, *store),
        family="MsGalaxy",
        durable=durable,
        own_task_ids=durable,
    )


def native(name: str, label: str, *client: str) -> Server:
    """The native stream, for what it gains over Socket.IO on the same hub."""
    return Server(
        name=f"native-{name}",
        label=f"MsGalaxy, log in memory, native stream{label}",
        command=(str(RELEASE / "bench-server"), "--port", "{port}", "--log", "memory"),
        client=("--protocol", "native", *client),
        scenarios=("tasks", "crowd", "paced"),
    )


SERVERS = (
    flask(
        "threading",
        "threads",
        str(PREPARED / "venv-flask" / "bin" / "python"),
        "flask_server.py",
        "{port}",
    ),
    flask("eventlet", "gunicorn + eventlet", *gunicorn("eventlet")),
    flask(
        "gevent",
        "gunicorn + gevent",
        *gunicorn("geventwebsocket.gunicorn.workers.GeventWebSocketWorker"),
    ),
    Server(
        name="python-asyncio",
        label="python-socketio on uvicorn",
        command=(
            str(PREPARED / "venv-asyncio" / "bin" / "uvicorn"),
            *("--port", "{port}", "--log-level", "warning", "asyncio_server:app"),
        ),
    ),
    Server(
        name="node",
        label="Node socket.io + ws",
        command=(
            shutil.which("node") or "node",
            str(HERE / "peers" / "node" / "server.mjs"),
            "{port}",
        ),
        family=NODE,
    ),
    Server(
        name="socketioxide",
        label="socketioxide 0.18.9",
        command=(str(RELEASE / "peer-socketioxide"), "--port", "{port}"),
    ),
    ours("memory", "MsGalaxy, log in memory"),
    ours("sqlite", "MsGalaxy, durable log"),
    native("json", ""),
    native("deflate", ", deflate", "--deflate"),
    Server(
        name="bare",
        label="bare WebSocket broadcast (no protocol)",
        command=(str(RELEASE / "peer-bare"), "--port", "{port}"),
    ),
)


def chosen(only: str) -> list[Server]:
    """The servers whose name begins with one of the comma-separated words; all without any."""
    words = [word.strip() for word in only.split(",") if word.strip()]
    if not words:
        return list(SERVERS)
    for word in words:
        if not any(server.name.startswith(word) for server in SERVERS):
            names = ", ".join(server.name for server in SERVERS)
            raise ValueError(f"ONLY names {word!r}; there are {names}")
    return [s for s in SERVERS if any(s.name.startswith(word) for word in words)]
