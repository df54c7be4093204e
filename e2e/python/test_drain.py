"""SIGTERM while much goes on: everybody is told, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import websocket
from doors import is_end
from msgalaxy import TaskWebSocketClient
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from harness import PATIENCE_S, Server, Update, until

TASKS = 20
ITERATIONS = 12
#: Of the program's settings.
SHUTDOWN_S = 10
#: Clients of the library; with those below and the one that stalls they are 500.
LIBRARY = 9
#: Handshakes at a time.
DIALING = 64
BODY = {"bom_file": "config/bom_example.json", "convergence_threshold": 0}


class Follower:
    """Follows one task over a raw connection, made again where the server says so."""

    def __init__(self, url: str, task: str, dialing: asyncio.Semaphore) -> None:
        self.heard: list[Update] = []
        #: What it was told when the server ended.
        self.told: list[int] = []
        self.url, self.task, self.dialing = url, task, dialing
        self.log_id: str | None = None

    def ended(self) -> bool:
        return bool(self.heard) and is_end(self.heard[-1])

    async def follow(self) -> None:
        while not self.ended():
            told = len(self.told)
            try:
                async with aclosing(self.messages()) as messages:
                    async for name, body in messages:
                        self.take(name, body)
                        if self.ended():
                            return
            except (OSError, WebSocketException, EOFError, TimeoutError):
                pass
            await asyncio.sleep(self.told[-1] / 1000 if len(self.told) > told else 0.2)

    def take(self, name: str, body: Any) -> None:
        if name == "task_update":
            assert body["seq"] == len(self.heard) + 1, f"after {len(self.heard)}: {body}"
            self.heard.append(body)
        elif name == "subscribed":
            assert body["mode"] != "snapshot", body
            self.log_id = body["log_id"]
        elif name == "server_draining":
            self.told.append(body["retry_ms"])
        else:
            assert name in ("connected", "hello", "out_of_credit"), f"{name}: {body}"

    def request(self) -> dict[str, Any]:
        seen = len(self.heard)
        resume = {"after_seq": seen, "log_id": self.log_id} if seen else {}
        return {"task_id": self.task, **resume}

    def messages(self) -> AsyncGenerator[tuple[str, Any], None]:
        raise NotImplementedError


class OverSocketIo(Follower):
    async def messages(self) -> AsyncGenerator[tuple[str, Any], None]:
        url = f"{self.url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"
        async with self.dialing:
            connection = await connect(url, compression=None, ping_interval=None, open_timeout=60)
        async with connection:
            await connection.send("40/tasks,")
            async for packet in connection:
                assert isinstance(packet, str)
                if packet == "2":
                    await connection.send("3")
                elif packet.startswith("40"):
                    await connection.send(f"42/tasks,{json.dumps(['subscribe', self.request()])}")
                elif packet.startswith("42"):
                    name, body = json.loads(packet.removeprefix("42/tasks,"))
                    yield name, body


class OverTheStream(Follower):
    async def messages(self) -> AsyncGenerator[tuple[str, Any], None]:
        url = f"{self.url.replace('http', 'ws', 1)}/api/stream?credit=100000"
        async with self.dialing:
            connection = await connect(
                url, subprotocols=[Subprotocol("msgalaxy.v1+json")], open_timeout=60
            )
        async with connection:
            await connection.send(json.dumps({"type": "subscribe", **self.request()}))
            async for text in connection:
                message = json.loads(text)
                if message["type"] == "updates":
                    for update in message["updates"]:
                        yield "task_update", update
                else:
                    yield message["type"], message


class OverServerSentEvents(Follower):
    async def messages(self) -> AsyncGenerator[tuple[str, Any], None]:
        parts = urlsplit(self.url)
        async with self.dialing:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        # A client of HTTP/1.0 is sent the events as they are, to the end of the connection.
        resume = f"Last-Event-ID: {len(self.heard)}\r\n" if self.heard else ""
        writer.write(
            f"GET /api/tasks/{self.task}/events HTTP/1.0\r\nHost: {parts.netloc}\r\n"
            f"Accept: text/event-stream\r\n{resume}\r\n".encode()
        )
        try:
            assert b" 200 " in await reader.readline()
            name, retry_ms = "", 0
            async for line in reader:
                field, _, value = line.decode().rstrip("\r\n").partition(": ")
                if field == "retry":
                    retry_ms = int(value)
                elif field == "event":
                    name = value
                elif field == "data":
                    body = json.loads(value)
                    if name == "server_draining":
                        assert retry_ms == body["retry_ms"]
                    yield name, body
        finally:
            writer.close()


COUNTS: dict[type[Follower], int] = {
    OverSocketIo: 440,
    OverTheStream: 30,
    OverServerSentEvents: 20,
}


class Library:
    """Our Python client, which is told nothing of all this."""

    def __init__(self, url: str, task: str, transports: list[str] | None) -> None:
        self.task = task
        self.heard: list[Update] = []
        self.errors: list[Any] = []
        self.live = TaskWebSocketClient(url, transports=transports)
        self.live.on_update = self.heard.append
        self.live.on_server_error = self.errors.append
        self.live.connect()
        self.live.subscribe(task)

    def check(self, log: list[Update]) -> None:
        assert self.live.wait_for_completion(PATIENCE_S) == {self.task: "completed"}
        self.live.disconnect()
        assert (self.heard, self.errors) == (log, [])


def stalled(url: str, task: str, subscribes: int) -> websocket.WebSocket:
    """A client that asks for a task's events again and again and reads nothing of them."""
    client = websocket.create_connection(
        f"{url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket",
        timeout=PATIENCE_S,
        sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),),
    )
    client.send("40/tasks,")
    for _ in range(subscribes):
        client.send(f'42/tasks,["subscribe",{{"task_id":"{task}"}}]')
    return client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = tmp_path / "server.toml"
    settings.write_text(f"workers = {TASKS}\n", "utf-8")
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    server = Server(data_dir, options=["--config", settings]).start()
    yield server
    server.stop()


def create(url: str) -> list[str]:
    with requests.Session() as session:
        orders = [{**BODY, "max_iterations": ITERATIONS, "seed": seed} for seed in range(TASKS)]
        answers = [session.post(f"{url}/api/tasks", json=order) for order in orders]
    return [str(answer.json()["task_id"]) for answer in answers]


def statuses(url: str) -> set[str]:
    tasks = requests.get(f"{url}/api/tasks", timeout=PATIENCE_S).json()["tasks"]
    return {task["status"] for task in tasks}


class Readiness:
    """Asks a server whether it is ready, until it is gone."""

    def __init__(self, url: str) -> None:
        self.answers: list[Any] = []
        self._url = f"{url}/readyz"
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        while True:
            try:
                answer = requests.get(self._url, timeout=PATIENCE_S)
            except requests.ConnectionError:
                return
            problems = [problem["code"] for problem in answer.json().get("problems", [])]
            self.answers.append((answer.status_code, *problems))

    def to_the_end(self) -> list[Any]:
        self._thread.join()
        return self.answers


async def drain_and_return(server: Server) -> tuple[list[str], list[Follower], list[Library]]:
    """What all followers heard of all tasks, which a SIGTERM has interrupted."""
    tasks = await asyncio.to_thread(create, server.url)
    dialing = asyncio.Semaphore(DIALING)
    kinds = [kind for kind, count in COUNTS.items() for _ in range(count)]
    followers = [
        kind(server.url, tasks[number % TASKS], dialing) for number, kind in enumerate(kinds)
    ]
    following = asyncio.gather(*(follower.follow() for follower in followers))
    libraries = [
        await asyncio.to_thread(
            Library, server.url, tasks[number], ["polling"] if number < LIBRARY / 2 else None
        )
        for number in range(LIBRARY)
    ]
    everybody: list[Follower | Library] = [*followers, *libraries]
    while min(len(one.heard) for one in everybody) < 5:
        assert not following.done(), await following
        await asyncio.sleep(0.02)
    stall = await asyncio.to_thread(stalled, server.url, tasks[0], 500)
    assert await asyncio.to_thread(statuses, server.url) == {"running"}

    readiness = Readiness(server.url)
    began_s = time.monotonic()
    assert await asyncio.to_thread(server.stop) == 0
    assert time.monotonic() - began_s < SHUTDOWN_S
    answers = await asyncio.to_thread(readiness.to_the_end)
    # Once it is not ready, it does not become so again.
    assert sorted(answers) == answers
    assert answers[-1] == (503, "draining")
    assert not any(follower.ended() for follower in followers)
    stall.close()

    await asyncio.to_thread(server.start)
    await asyncio.wait_for(following, PATIENCE_S)
    return tasks, followers, libraries


def test_nothing_is_lost_when_a_busy_server_is_told_to_end(server: Server) -> None:
    tasks, followers, libraries = asyncio.run(drain_and_return(server))
    logs: dict[str, list[Update]] = {}
    for task in tasks:
        page = requests.get(f"{server.url}/api/tasks/{task}/events", timeout=PATIENCE_S).json()
        log = logs[task] = page["events"]
        assert [event["seq"] for event in log] == list(range(1, page["head_seq"] + 1))
        assert [event["data"]["status"] for event in log if is_end(event)] == ["completed"]
        rounds = [e["data"]["iteration"] for e in log if e["event_type"] == "iteration_complete"]
        assert rounds == list(range(1, ITERATIONS + 1))
    for library in libraries:
        library.check(logs[library.task])
    for follower in followers:
        assert follower.heard == logs[follower.task]
        assert len(follower.told) == 1
        assert 1000 <= follower.told[0] < 2000
    # Not all at once.
    assert len({follower.told[0] for follower in followers}) > 100


def test_a_second_signal_ends_at_once(server: Server) -> None:
    # Who says no goodbye is waited for.
    silent = stalled(server.url, "unknown", 1)
    server.tell_to_stop()
    until(lambda: "a second signal ends at once" in server.log(), "the first signal is heard")
    assert server.stop() == 130
    silent.close()
