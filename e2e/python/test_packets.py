"""Malformed packets: each is answered, none disturbs anybody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import websocket
from msgalaxy import APIClient

from harness import PATIENCE_S, Server

ANSWERED_WITH_ERROR = [
    '42/tasks,["subscribe"]',
    '42/tasks,["subscribe",null]',
    '42/tasks,["subscribe","abc"]',
    '42/tasks,["subscribe",{}]',
    '42/tasks,["subscribe",{"task_id":""}]',
    '42/tasks,["subscribe",{"task_id":7}]',
    '42/tasks,["subscribe",{"task_id":{"a":1}}]',
    '42/tasks,["subscribe",{"task_id":"unknown"}]',
    '42/tasks,["subscribe",{"task_id":"unknown","after_seq":-1}]',
    '42/tasks,["subscribe",{"task_id":"unknown","log_id":[]}]',
    '42/tasks,["no_such_event",1]',
    "42/tasks,[]",
    "42/tasks,{}",
    '42/tasks,["subscribe"',
    "42/tasks,[7]",
]

# Broken below the level of events. Whether the connection lives on is the server's choice.
GARBAGE = [
    "4",
    "49",
    "4" + "[" * 10_000,
    "42" + "x" * 500,
    "45999999999999999-",
    "z",
    "",
    "43/tasks,",
]


@pytest.fixture
def socket(server: Server) -> Iterator[Any]:
    url = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    socket = websocket.create_connection(url, timeout=30)
    assert receive(socket).startswith("0{")
    socket.send("40/tasks,")
    assert receive(socket).startswith('40/tasks,{"sid"')
    assert receive(socket).startswith('42/tasks,["connected"')
    yield socket
    socket.close()


def receive(socket: Any) -> str:
    """The next packet that is no ping."""
    while (packet := socket.recv()) == "2":
        socket.send("3")
    return str(packet)


@pytest.mark.parametrize("packet", ANSWERED_WITH_ERROR)
def test_a_bad_event_is_answered_and_the_connection_stays(socket: Any, packet: str) -> None:
    socket.send(packet)
    name, body = json.loads(receive(socket)[len("42/tasks,") :])
    assert name == "error"
    assert body["message"]
    assert body["code"]
    socket.send('42/tasks,["subscribe",{}]')
    assert "task_id is required" in receive(socket)


def test_an_acknowledgement_carries_the_same_object(socket: Any, api: APIClient) -> None:
    task_id = api.create_task("config/bom_example.json", 1)["task_id"]
    socket.send(f'42/tasks,7["subscribe",{{"task_id":"{task_id}"}}]')
    packets = [receive(socket)]
    while not packets[-1].startswith("43/tasks,7"):
        packets.append(receive(socket))
    name, body = json.loads(packets[0][len("42/tasks,") :])
    assert name == "subscribed"
    assert json.loads(packets[-1][len("43/tasks,7") :]) == [body]
    socket.send('42/tasks,8["subscribe",{}]')
    packets = [receive(socket)]
    while not packets[-1].startswith("43/tasks,8"):
        packets.append(receive(socket))
    assert json.loads(packets[-1][len("43/tasks,8") :])[0]["message"] == "task_id is required"


def test_other_namespaces_are_refused(socket: Any) -> None:
    socket.send("40/other,")
    assert receive(socket) == '44/other,{"message":"Invalid namespace"}'


@pytest.mark.parametrize("packet", GARBAGE, ids=lambda text: repr(text[:12]))
def test_garbage_disturbs_nobody_else(socket: Any, api: APIClient, packet: str) -> None:
    task_id = api.create_task("config/bom_example.json", 1)["task_id"]
    socket.send(packet)
    socket.send_binary(b"\x00\xff" * 100)
    assert api.wait_for_task(task_id, 0.1, PATIENCE_S)["status"] == "completed"
    assert api.health_check()["status"] == "ok"


def test_an_old_protocol_is_refused_clearly(server: Server) -> None:
    for query in ("EIO=3&transport=polling", "transport=polling"):
        answer = requests.get(f"{server.url}/socket.io/?{query}", timeout=30)
        assert answer.status_code == 400
