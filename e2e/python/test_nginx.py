"""The real nginx, as deploy/nginx.conf has it, before the real server, at `/` and below a path.

Every door, with the official clients and with ours.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from doors import EventStream, NativeStream, is_end
from msgalaxy import APIClient, TaskWebSocketClient
from proxy import Proxy
from test_event_order import CLIENTS, NODE, TRANSPORTS, node_program

from harness import PATIENCE_S, Server, run, updates_on_wire

BOM = "config/bom_example.json"
ITERATIONS = 6
BODY = {"bom_file": BOM, "max_iterations": ITERATIONS, "convergence_threshold": 0, "seed": 7}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Proxy]]:
    data_dir = tmp_path_factory.mktemp("data")
    server = Server(data_dir, options=["--insecure-no-auth"]).start()
    proxy = Proxy(tmp_path_factory.mktemp("nginx"), [server.port])
    yield server, proxy
    proxy.stop()
    assert server.stop() == 0
    assert "panicked" not in server.log()


@pytest.fixture(params=["root", "path"])
def url(request: pytest.FixtureRequest, behind: tuple[Server, Proxy]) -> str:
    return behind[1].urls[request.param]


def request(
    url: str, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
    connection.request(method, parts.path + path, body, headers)
    response = connection.getresponse()
    answer = response.status, response.headers, response.read()
    connection.close()
    return answer


@pytest.mark.parametrize("client", CLIENTS)
def test_official_clients_hear_everything_over_every_transport(
    behind: tuple[Server, Proxy], url: str, client: str
) -> None:
    order = {
        "url": url,
        "socketio_path": f"{urlsplit(url).path}/socket.io".lstrip("/"),
        "transports": TRANSPORTS,
        "patience_s": PATIENCE_S - 20,
        "body": BODY,
    }
    done = run([*CLIENTS[client](), json.dumps(order)])
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    with APIClient(behind[0].url) as api:
        log = list(api.iter_events(report["created"]["task_id"]))
    assert len(log) > 2 * ITERATIONS
    for connection in report["connections"]:
        transport = connection["transport"]
        assert connection["ended_on"] == ("websocket" if transport == "upgrade" else transport)
        assert [update for _, update in updates_on_wire(connection["packets"])] == log


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_our_clients_follow_a_task_to_its_result(url: str, transport: str) -> None:
    with APIClient(url) as api:
        task_id = api.create_task(BOM, ITERATIONS, convergence_threshold=0)["task_id"]
        live = TaskWebSocketClient(url, transports=[transport])
        seen: list[Any] = []
        live.on_update = seen.append
        live.connect()
        live.subscribe(task_id)
        assert live.wait_for_completion(PATIENCE_S) == {task_id: "completed"}
        live.disconnect()
        assert seen == list(api.iter_events(task_id))
        assert api.get_task_result(task_id)["task_id"] == task_id
    order = {
        "url": url,
        "transport": transport,
        "task_id": task_id,
        "patience_s": PATIENCE_S - 20,
    }
    done = run([node_program(), NODE / "follow.mjs", json.dumps(order)])
    assert done.returncode == 0, done.stderr
    assert [event["seq"] for event in json.loads(done.stdout)["events"]] == [
        update["seq"] for update in seen
    ]


def test_the_native_stream_and_server_sent_events_bring_everything(url: str) -> None:
    with APIClient(url) as api:
        task_id = api.create_task(BOM, ITERATIONS, convergence_threshold=0)["task_id"]
        stream = NativeStream(url)
        streamed = stream.follow(task_id)
        stream.close()
        events = EventStream(url, task_id, "?after=0")
        told = [data for name, data in events if name == "task_update"]
        events.close()
        assert streamed == list(api.iter_events(task_id))
        assert told == streamed


def test_server_sent_events_are_passed_on_at_once(url: str) -> None:
    # The answer is all that comes while nothing happens: far too little to fill a buffer.
    events = EventStream(url, "*")
    name, body = next(iter(events))
    assert (name, body["task_id"]) == ("subscribed", "*")
    with APIClient(url) as api:
        task_id = api.create_task(BOM, 1)["task_id"]
        for name, update in events:
            assert name == "task_update"
            if update["task_id"] == task_id and is_end(update):
                break
    events.close()


def test_the_page_and_all_that_it_names_are_served(url: str) -> None:
    status, headers, page = request(url, "/")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    text = page.decode()
    assets = [piece.split('"')[0] for piece in text.split('src="./')[1:]]
    assets += [piece.split('"')[0] for piece in text.split('href="./')[1:]]
    assert assets
    for asset in assets:
        assert request(url, f"/{asset}")[0] == 200, asset


def test_the_path_without_its_slash_leads_to_the_page(behind: tuple[Server, Proxy]) -> None:
    status, headers, _ = request(behind[1].urls["path"], "")
    assert (status, headers["Location"]) == (308, "/msgalaxy/")


def test_large_bodies_reach_the_server_and_its_refusals_come_back(url: str) -> None:
    status, _, body = request(
        url, "/api/boms", "POST", b" " * (3 << 20), **{"Content-Type": "application/json"}
    )
    assert status in (400, 413)
    assert json.loads(body)["code"]


def test_pages_of_this_host_may_write_and_those_of_strangers_may_not(url: str) -> None:
    parts = urlsplit(url)
    for origin, expected in [(f"http://{parts.netloc}", 201), ("http://evil.example", 403)]:
        status, _, body = request(
            url,
            "/api/tasks",
            "POST",
            json.dumps({**BODY, "max_iterations": 1}).encode(),
            **{"Content-Type": "application/json", "Origin": origin},
        )
        assert status == expected, body


def test_the_metrics_are_not_for_those_who_come_through_the_proxy(
    behind: tuple[Server, Proxy], url: str
) -> None:
    server, _ = behind
    assert request(url, "/metrics")[0] == 404
    # Also where a proxy lets them pass.
    status, _, body = request(
        server.url, "/metrics", "GET", None, **{"X-Forwarded-For": "127.0.0.1"}
    )
    assert (status, json.loads(body)["code"]) == (403, "metrics_not_allowed")
    assert request(server.url, "/metrics")[0] == 200
    assert request(url, "/readyz")[0] == 200


def test_where_a_request_came_from_is_what_a_trusted_proxy_says(tmp_path: Path) -> None:
    directories = [tmp_path / name for name in ("trusting", "other", "nginx")]
    for directory in directories:
        directory.mkdir()
    settings = tmp_path / "msgalaxy.toml"
    settings.write_text('insecure_no_auth = true\n[proxy]\ntrusted = ["127.0.0.1"]\n', "utf-8")
    trusting = Server(directories[0], options=["--config", settings]).start()
    other = Server(directories[1], options=["--insecure-no-auth"]).start()
    proxy = Proxy(directories[2], [trusting.port])

    def ask(url: str, path: str, claimed: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        connection = http.client.HTTPConnection(
            parts.hostname, parts.port, PATIENCE_S, source_address=("127.0.0.9", 0)
        )
        connection.request("GET", f"/api/{path}", headers={"X-Forwarded-For": claimed})
        assert connection.getresponse().status == 404
        connection.close()

    try:
        ask(proxy.urls["root"], "through-the-proxy", "6.6.6.6")
        ask(trusting.url, "past-the-proxy", "6.6.6.6")
        ask(other.url, "to-the-other", "6.6.6.6")
    finally:
        proxy.stop()
        trusting.stop()
        other.stop()
    lines = [*trusting.log().splitlines(), *other.log().splitlines()]
    for path in ["through-the-proxy", "past-the-proxy", "to-the-other"]:
        (line,) = [line for line in lines if f"path=/api/{path} " in line]
        # Nobody who asked is trusted: neither what they claim nor what nginx overwrote counts.
        assert " client=127.0.0.9 " in line


def test_polls_of_one_client_reach_the_server_that_made_its_session(tmp_path: Path) -> None:
    servers = []
    for name in ["one", "two"]:
        (tmp_path / name).mkdir()
        servers.append(Server(tmp_path / name, options=["--insecure-no-auth"]).start())
    (tmp_path / "nginx").mkdir()
    proxy = Proxy(tmp_path / "nginx", [server.port for server in servers])
    parts = urlsplit(proxy.urls["root"])
    assert parts.hostname
    try:
        for last in range(2, 18):
            # Clients of different addresses; all are this machine.
            connection = http.client.HTTPConnection(
                parts.hostname, parts.port, PATIENCE_S, source_address=(f"127.0.0.{last}", 0)
            )
            path = "/socket.io/?EIO=4&transport=polling"
            connection.request("GET", path)
            sid = json.loads(connection.getresponse().read()[1:])["sid"]
            for body in ["40/tasks,", "41/tasks,", "1"]:
                connection.request("POST", f"{path}&sid={sid}", body)
                answer = connection.getresponse()
                assert (answer.status, answer.read()) == (200, b"ok")
            connection.close()
        # Both had some: the clients were spread.
        for server in servers:
            text = request(server.url, "/metrics")[2].decode()
            assert 'msgalaxy_connects_total{transport="polling"}' in text
    finally:
        proxy.stop()
        for server in servers:
            server.stop()
