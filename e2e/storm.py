#!/usr/bin/env python3
"""Many clients that lose their connections at random while tasks run: what each of them hears.

    storm.py --program target/release/msgalaxy [--clients 1000] [--tasks 100] [--seed 1]

Every client follows two tasks over WebSocket. Its connection is dropped without a farewell after a
random time or number of events, made again, and continued from the last event it saw. On every
connection the next event must be the next of its task; at the end each client's events must be the
task's log. Exit code 1 when that is not so, or when it is not over within the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))

from harness import Server

FINAL = ("completed", "failed", "cancelled")
BODY = {"bom_file": "config/bom_example.json", "convergence_threshold": 0}
#: Handshakes at a time of all clients together; more would only wait in the kernel.
DIALING = 64

Update = dict[str, Any]


@dataclass
class Tally:
    """What all clients together went through."""

    connections: int = 0
    events: int = 0
    faults: list[str] = field(default_factory=list)


class Watcher:
    """One client: a raw Socket.IO connection, made again and again."""

    def __init__(self, url: str, tasks: list[str], chance: random.Random, tally: Tally) -> None:
        self.heard: dict[str, list[Update]] = {task: [] for task in tasks}
        self._url = url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
        self._chance = chance
        self._tally = tally
        self._log_id: str | None = None

    async def watch(self, dialing: asyncio.Semaphore) -> None:
        """Returns when all its tasks have ended."""
        while self._unfinished():
            try:
                async with dialing:
                    socket = await connect(
                        self._url, compression=None, ping_interval=None, open_timeout=60
                    )
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(self._chance.uniform(0.05, 0.5))
                continue
            self._tally.connections += 1
            try:
                life_s, events = self._chance.uniform(0.2, 6), self._chance.randint(1, 40)
                await asyncio.wait_for(self._listen(socket, events), life_s)
            except (asyncio.TimeoutError, WebSocketException):
                pass
            # No farewell: what was on its way is lost.
            socket.transport.abort()
            await asyncio.sleep(self._chance.uniform(0, 0.5))

    def _unfinished(self) -> list[str]:
        return [
            task
            for task, heard in self.heard.items()
            if not (heard and heard[-1]["data"].get("status") in FINAL)
        ]

    async def _listen(self, socket: ClientConnection, events: int) -> None:
        await socket.send("40/tasks,")
        async for packet in socket:
            assert isinstance(packet, str)
            if packet == "2":
                await socket.send("3")
            elif packet.startswith("40"):
                for task in self._unfinished():
                    await socket.send(f"42/tasks,{json.dumps(['subscribe', self._request(task)])}")
            elif packet.startswith("42"):
                events -= self._take(*json.loads(packet.removeprefix("42/tasks,")))
                if events <= 0 or not self._unfinished():
                    return

    def _request(self, task: str) -> dict[str, Any]:
        seen = len(self.heard[task])
        return {"task_id": task} | ({"after_seq": seen, "log_id": self._log_id} if seen else {})

    def _take(self, name: str, body: Any) -> bool:
        if name == "task_update":
            heard = self.heard[body["task_id"]]
            if body["seq"] != len(heard) + 1:
                self._tally.faults.append(f"seq {body['seq']} after {len(heard)}: {body}")
            heard.append(body)
            self._tally.events += 1
            return True
        if name == "subscribed":
            self._log_id = body["log_id"]
            if body["mode"] == "snapshot":
                self._tally.faults.append(f"a snapshot: {body}")
        elif name == "error":
            self._tally.faults.append(f"an error: {body}")
        return False


def create_tasks(url: str, count: int, iterations: int) -> list[str]:
    """Orders tasks that differ in their seed."""
    with requests.Session() as session:
        answers = [
            session.post(
                f"{url}/api/tasks", json={**BODY, "max_iterations": iterations, "seed": seed}
            )
            for seed in range(count)
        ]
    return [str(answer.json()["task_id"]) for answer in answers]


def log_of(url: str, task: str) -> list[Update]:
    page = requests.get(f"{url}/api/tasks/{task}/events", timeout=60).json()
    assert len(page["events"]) == page["head_seq"], "more than a page"
    events: list[Update] = page["events"]
    return events


async def blow(
    url: str, clients: int, tasks: int, iterations: int, seed: int, limit_s: float
) -> Tally:
    """Runs the whole storm against a server and says what went wrong."""
    tally = Tally()
    ids = await asyncio.to_thread(create_tasks, url, tasks, iterations)
    chance = random.Random(seed)
    watchers = [
        Watcher(
            url, [ids[n % tasks], ids[(7 * n + 3) % tasks]], random.Random(chance.random()), tally
        )
        for n in range(clients)
    ]
    dialing = asyncio.Semaphore(DIALING)
    try:
        await asyncio.wait_for(asyncio.gather(*(w.watch(dialing) for w in watchers)), limit_s)
    except asyncio.TimeoutError:
        left = sum(bool(watcher._unfinished()) for watcher in watchers)
        tally.faults.append(f"{left} clients were not done after {limit_s:g} s")
        return tally
    logs = {task: await asyncio.to_thread(log_of, url, task) for task in ids}
    for number, watcher in enumerate(watchers):
        for task, heard in watcher.heard.items():
            if heard != logs[task]:
                seqs = [update["seq"] for update in heard]
                tally.faults.append(f"client {number} heard {seqs} of {task}")
    for task, log in logs.items():
        if [event["seq"] for event in log] != list(range(1, len(log) + 1)):
            tally.faults.append(f"the log of {task} has a gap")
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=600, metavar="SECONDS")
    options = parser.parse_args()
    # A socket is a file, here and in the server, which inherits the limit.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(Path(scratch), program=options.program.resolve).start()
        started = time.monotonic()
        try:
            tally = asyncio.run(
                blow(
                    server.url,
                    options.clients,
                    options.tasks,
                    options.iterations,
                    options.seed,
                    options.limit,
                )
            )
        finally:
            server.stop()
    for fault in tally.faults[:20]:
        print(f"    {fault}")
    print(
        f"{options.clients} clients, {options.tasks} tasks: {tally.connections} connections, "
        f"{tally.events} events, {time.monotonic() - started:.0f} s, {len(tally.faults)} faults"
    )
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
