"""Starts one server, drives it once, ends it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.scenarios import Scenario
from harness.servers import PYTHON_PEERS, RELEASE, Server

START_LIMIT_S = 30.0
STOP_LIMIT_S = 5.0
# Between a server's first answer and its first load: workers finish loading.
SETTLE_S = 1.0
SOURCE_ADDRESSES = 8


class Failed(Exception):
    """A measurement that gave no numbers, and why."""


@dataclass(frozen=True)
class Cores:
    """Where server and generator run; None where this machine cannot pin."""

    server: int | None
    generator: int | None

    @staticmethod
    def of_this_machine() -> Cores:
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2 or shutil.which("taskset") is None:
            return Cores(None, None)
        return Cores(allowed[0], allowed[1])


def pinned(core: int | None) -> list[str]:
    return [] if core is None else ["taskset", "-c", str(core)]


def measure(server: Server, scenario: Scenario, quick: bool, cores: Cores) -> dict[str, Any]:
    """The report of the load generator, or of the server program for its own scenario."""
    arguments = scenario.quick if quick else scenario.arguments
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        if scenario.append:
            program = [server.command[0], "append", "--data-dir", scratch, *arguments]
            return output_of(pinned(cores.server) + program, scenario.timeout_s)
        with running(server, Path(scratch), cores.server) as (port, pid):
            load = [str(RELEASE / "rtload"), *arguments]
            load += ["--server", f"127.0.0.1:{port}", "--pid", str(pid), "--label", server.name]
            load += ["--source-addresses", str(SOURCE_ADDRESSES)]
            load += ["--ask-for-tasks"] if server.own_task_ids else []
            load += server.client
            return output_of(pinned(cores.generator) + load, scenario.timeout_s)


def output_of(command: list[str], timeout_s: int) -> dict[str, Any]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {timeout_s} s") from None
    if done.returncode != 0:
        raise Failed(f"exit code {done.returncode}: {last_line(done.stderr)}")
    report: dict[str, Any] = json.loads(done.stdout)
    connect = report.get("connect")
    if connect is not None and connect["failed"]:
        wanted, ready = connect["wanted"], connect["ready"]
        raise Failed(f"{ready} of {wanted} connections: {connect['first_error']}")
    return report


@contextlib.contextmanager
def running(server: Server, scratch: Path, core: int | None) -> Iterator[tuple[int, int]]:
    """A server that answers, on a port of its own; ended when the block is left."""
    port = free_port()
    parts = [part.format(port=port, scratch=scratch) for part in server.command]
    log_path = scratch / "server.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            pinned(core) + parts,
            cwd=PYTHON_PEERS,
            env={**os.environ, **server.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A process group of its own, so that its workers end with it.
            start_new_session=True,
        )
    try:
        wait_until_it_answers(process, port, log_path)
        time.sleep(SETTLE_S)
        yield port, process.pid
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    for end in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, end)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT_S)


def wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"the server ended: {last_line(log.read_text(errors='replace'))}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            # Whatever it answers, it is there.
            connection.request("GET", "/")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise Failed(
        f"no answer after {START_LIMIT_S:.0f} s: {last_line(log.read_text(errors='replace'))}"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
