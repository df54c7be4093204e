"""Starts the real program and what talks to it."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent

#: Far more than anything takes. It ends a test that hangs; nothing is measured with it.
PATIENCE_S = 240.0

READY = re.compile(r"^MsGalaxy is listening on (http://127\.0\.0\.1:(\d+))$")

Update = dict[str, Any]


def program() -> Path:
    """The program under test, named by MSGALAXY_BIN."""
    path = os.environ.get("MSGALAXY_BIN")
    if not path:
        raise RuntimeError("MSGALAXY_BIN must name the msgalaxy program (make test-e2e sets it)")
    return Path(path).resolve()


class Server:
    """One `msgalaxy serve` on its own data directory."""

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        program: Callable[[], Path] = program,
        options: Sequence[str | Path] = (),
    ) -> None:
        self.data_dir = data_dir
        self._options = options
        self._program = program
        self.port = port
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Server:
        """Starts it and returns when it listens. A restart keeps the port."""
        log = (self.data_dir / "server.log").open("ab")
        self._process = subprocess.Popen(
            [
                self._program(),
                "serve",
                "--listen",
                f"127.0.0.1:{self.port}",
                "--data-dir",
                self.data_dir,
                *self._options,
            ],
            cwd=self.data_dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        stdout = self._process.stdout
        assert stdout is not None

        def read() -> None:
            for line in stdout:
                lines.put(line)
            lines.put("")

        threading.Thread(target=read, daemon=True).start()
        first = lines.get(timeout=PATIENCE_S)
        match = READY.match(first.rstrip("\n"))
        if match is None:
            self.kill()
            raise RuntimeError(f"not ready: {first!r}\n{self.log()[-2000:]}")
        self.url, self.port = match[1], int(match[2])
        return self

    def kill(self) -> None:
        """kill -9, by its process id."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(PATIENCE_S)
            self._process = None

    def tell_to_stop(self) -> None:
        """The first half of `stop`."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> int:
        """Ends it in an orderly way and returns its exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            code = self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._process = None
        return code

    def log(self) -> str:
        return (self.data_dir / "server.log").read_text("utf-8", "replace")


def until(condition: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Looks again and again until the condition holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        threading.Event().wait(0.02)


def run(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end and captures what it says."""
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
        check=False,
        **options,
    )


def console_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `msgalaxy-client` as installed beside this Python."""
    return run([Path(sys.executable).parent / "msgalaxy-client", *arguments])


def last_state(data_dir: Path, task: dict[str, Any]) -> Any:
    """The last design-state file of a finished task."""
    directory = data_dir / task["result"]["experiment_dir"]
    states = directory.glob("design_state_iter_*.json")
    newest = max(states, key=lambda path: int(path.stem.rsplit("_", 1)[1]))
    return json.loads(newest.read_text("utf-8"))


def updates_on_wire(packets: Sequence[str]) -> list[tuple[int, Update]]:
    """Size in bytes and content of each `task_update` among Engine.IO messages."""
    prefix = '42/tasks,["task_update",'
    return [
        (len(packet.encode()), json.loads(packet[len("42/tasks,") :])[1])
        for packet in packets
        if packet.startswith(prefix)
    ]
