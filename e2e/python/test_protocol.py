"""The description of the live messages, held against itself, the fixtures and the real server."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import websocket
import yaml
from msgalaxy import APIClient

from harness import PATIENCE_S, ROOT, Server

PROTOCOL = ROOT / "protocol"
DOCUMENT: dict[str, Any] = yaml.safe_load((PROTOCOL / "asyncapi.yaml").read_text("utf-8"))
META = ROOT / "e2e" / "node" / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
FIXTURES = sorted((PROTOCOL / "fixtures").rglob("*.json"))
BOM = "config/bom_example.json"


def closed(schema: Any) -> Any:
    """The schema without room for keys that it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return schema


CLOSED = {"components": closed(DOCUMENT["components"])}


def faults(message: str, payload: Any) -> list[str]:
    """What the description has against a message, keys that it does not name included."""
    assert message in DOCUMENT["components"]["messages"], f"{message} is not described"
    schema = {**CLOSED, "$ref": f"#/components/messages/{message}/payload"}
    return told(jsonschema.Draft7Validator(schema).iter_errors(payload))


def told(errors: Iterable[Any]) -> list[str]:
    best = jsonschema.exceptions.best_match(errors)
    return [] if best is None else [f"{best.json_path}: {best.message[:300]}"]


def test_the_description_is_asyncapi_3() -> None:
    meta = json.loads(META.read_text("utf-8"))
    assert told(jsonschema.Draft7Validator(meta).iter_errors(DOCUMENT)) == []


def test_every_schema_is_one() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema.Draft7Validator.check_schema(schema)
        assert schema, name


def test_every_kind_of_message_and_event_has_a_fixture() -> None:
    folders = {path.parent.name for path in FIXTURES}
    # CONNECT and its refusal are packets without an event.
    assert folders >= set(DOCUMENT["components"]["messages"]) - {"connect", "connect_refused"}
    updates = [
        json.loads(path.read_text("utf-8")) for path in FIXTURES if "task_update" in path.parts
    ]
    schemas = DOCUMENT["components"]["schemas"]
    kinds = {
        schemas[ref["$ref"].rsplit("/", 1)[1]]["properties"]["event_type"]["const"]
        for ref in schemas["TaskUpdate"]["oneOf"]
    }
    assert {update["event_type"] for update in updates} == kinds


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_fixture_is_as_described(path: Path) -> None:
    assert faults(path.parent.name, json.loads(path.read_text("utf-8"))) == []


def without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda update: update.pop(key)


def with_(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda update: update.update(changes)


@pytest.mark.parametrize(
    "spoil",
    [
        *(without(key) for key in ("task_id", "event_type", "data", "timestamp", "seq", "v")),
        with_(seq=0),
        with_(seq="4"),
        with_(v=2),
        with_(event_type="telemetry"),
        with_(timestamp="2026-11-24T08:49:07.727"),
        with_(misspelled=1),
        with_(data={"iteration": 1}),
        with_(data={"iteration": 1, "metrics": {"max_tmp": 3}}),
    ],
)
def test_the_description_refuses(spoil: Callable[[dict[str, Any]], None]) -> None:
    path = PROTOCOL / "fixtures" / "task_update" / "iteration_complete.json"
    update = json.loads(path.read_text("utf-8"))
    spoiled = copy.deepcopy(update)
    spoil(spoiled)
    assert faults("task_update", update) == []
    assert faults("task_update", spoiled) != []


class Talk:
    """A raw connection whose every message is held against the description."""

    def __init__(self, server: Server) -> None:
        url = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        self.socket = websocket.create_connection(url, timeout=PATIENCE_S)
        self.attachments: list[str | bytes] = []
        assert self.packet().startswith("0{")
        self.socket.send("40/tasks,")
        assert self.packet().startswith("40/tasks,{")
        assert self.next()[0] == "connected"

    def say(self, name: str, body: Any) -> None:
        self.socket.send("42/tasks," + json.dumps([name, body]))

    def packet(self) -> str:
        while (packet := self.socket.recv()) == "2":
            self.socket.send("3")
        return str(packet)

    def next(self) -> tuple[str, Any]:
        packet = self.packet()
        assert packet.startswith(("42/tasks,", "451-/tasks,")), packet
        if packet.startswith("45"):
            self.attachments.append(self.socket.recv())
        name, body = json.loads(packet[packet.index(",") + 1 :])
        assert faults(name, body) == [], body
        return name, body

    def until_ended(self) -> list[Any]:
        updates: list[Any] = []
        while not (updates and updates[-1]["data"].get("status") in ("completed", "cancelled")):
            name, body = self.next()
            assert name == "task_update"
            updates.append(body)
        return updates


@pytest.fixture
def talk(server: Server) -> Any:
    talk = Talk(server)
    yield talk
    talk.socket.close()


def subscribe(talk: Talk, **body: Any) -> Any:
    assert faults("subscribe", body) == []
    talk.say("subscribe", body)
    name, answer = talk.next()
    assert name == "subscribed"
    return answer


def test_a_run_is_told_as_described(talk: Talk, api: APIClient) -> None:
    task_id = api.create_task(BOM, 3, convergence_threshold=0)["task_id"]
    subscribe(talk, task_id=task_id)
    updates = talk.until_ended()
    assert [update["seq"] for update in updates] == list(range(1, len(updates) + 1))
    # The same objects as a page of the log.
    assert updates == api.events(task_id)["events"]


def test_every_mode_is_told_as_described(talk: Talk, api: APIClient) -> None:
    task = api.run_optimization(BOM, 1, poll_interval=0.1, timeout=PATIENCE_S)
    head = task["head_seq"]
    replayed = subscribe(talk, task_id=task["id"], after_seq=1)
    assert (replayed["mode"], replayed["from"], replayed["to"]) == ("replayed", 2, head)
    assert len(talk.until_ended()) == head - 1
    log_id = replayed["log_id"]
    assert subscribe(talk, task_id=task["id"], after_seq=head, log_id=log_id)["mode"] == "live"
    for elsewhere in ({"after_seq": head + 1}, {"after_seq": 1, "log_id": "another"}):
        answer = subscribe(talk, task_id=task["id"], **elsewhere)
        assert (answer["mode"], answer["head_seq"]) == ("snapshot", head)
        snapshot, status = talk.next()[1], talk.next()[1]
        assert (snapshot["event_type"], status["event_type"]) == ("snapshot", "status_change")
        assert snapshot["seq"] == status["seq"] == head
        assert status["data"]["status"] == "completed"


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("subscribe", None, "task_id_required"),
        ("subscribe", {}, "task_id_required"),
        ("subscribe", {"task_id": 7}, "invalid_task_id"),
        ("subscribe", {"task_id": "unknown"}, "task_not_found"),
        ("subscribe", {"task_id": "unknown", "after_seq": -1}, "invalid_after_seq"),
        ("subscribe", {"task_id": "unknown", "log_id": 1}, "invalid_log_id"),
        ("unsubscribe", {}, "task_id_required"),
        ("no_such_event", {}, "unknown_event"),
    ],
)
def test_a_refusal_is_told_as_described(talk: Talk, name: str, body: Any, code: str) -> None:
    talk.say(name, body)
    event, answer = talk.next()
    assert (event, answer["code"]) == ("error", code)


def server_sent(text: str) -> list[tuple[str | None, str, Any]]:
    """Id, name and payload of each event of a stream."""
    told: list[tuple[str | None, str, Any]] = []
    for block in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")
        )
        if "data" in fields:
            told.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return told


def test_server_sent_events_are_as_described(api: APIClient) -> None:
    task = api.run_optimization(BOM, 2, poll_interval=0.1, timeout=PATIENCE_S)
    url = f"{api.base_url}/api/tasks/{task['id']}/events"
    log = api.events(task["id"])["events"]
    for headers, expected in (({}, log), ({"Last-Event-ID": "3"}, log[3:])):
        answer = api.session.get(
            url, headers={"Accept": "text/event-stream", **headers}, timeout=60
        )
        assert answer.headers["Content-Type"] == "text/event-stream"
        (no_id, subscribed, confirmation), *updates = server_sent(answer.content.decode())
        assert (no_id, subscribed) == (None, "subscribed")
        assert faults("subscribed", confirmation) == []
        assert [payload for _, _, payload in updates] == expected
        for number, name, payload in updates:
            assert (number, name) == (str(payload["seq"]), "task_update")
            assert faults(name, payload) == []
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(len(log))}
    assert api.session.get(url, headers=headers, timeout=60).status_code == 204


@pytest.mark.parametrize(
    "options",
    [
        {"events": ["iteration_complete", "status_change"]},
        {"coalesce": True},
        {"layout": False, "after_seq": None, "log_id": None},
    ],
    ids=json.dumps,
)
def test_what_options_add_is_as_described(
    talk: Talk, api: APIClient, options: dict[str, Any]
) -> None:
    task = api.run_optimization(BOM, 3, poll_interval=0.1, timeout=PATIENCE_S)
    subscribe(talk, task_id=task["id"], **options)
    updates = talk.until_ended()
    if "layout" not in options:
        assert [update["prev_seq"] for update in updates[1:]] == [u["seq"] for u in updates[:-1]]


def test_a_layout_is_as_described(talk: Talk, api: APIClient) -> None:
    task = api.run_optimization(BOM, 2, poll_interval=0.1, timeout=PATIENCE_S)
    subscribe(talk, task_id=task["id"], layout=True)
    layouts = [u["data"]["layout"] for u in talk.until_ended() if "layout" in u["data"]]
    # Of the start, and of each iteration.
    assert len(layouts) == 3
    for layout in layouts:
        panels = layout["panels"]
        assert panels["temperatures"] == {"_placeholder": True, "num": 0}
        assert len(talk.attachments.pop(0)) == 4 * 6 * panels["mesh"] ** 2
    assert talk.attachments == []


def test_unsubscribing_is_told_as_described(talk: Talk) -> None:
    talk.say("unsubscribe", {"task_id": "unknown"})
    assert talk.next()[0] == "unsubscribed"
