"""What the REST client sends, and what it makes of the answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests
from server import ScriptedServer

from msgalaxy import APIClient, APIError


@pytest.fixture
def client(server: ScriptedServer) -> APIClient:
    return APIClient(server.url + "/")


def test_the_base_url_has_no_trailing_slash(client: APIClient, server: ScriptedServer) -> None:
    assert client.base_url == server.url
    assert isinstance(client.session, requests.Session)


def test_create_sends_only_what_was_given(client: APIClient, server: ScriptedServer) -> None:
    server.rest_answers["POST", "/api/tasks"] = (201, {"task_id": "t", "status": "pending"})
    assert client.create_task("a.json", 7)["task_id"] == "t"
    assert json.loads(server.rest_requests[-1][3]) == {
        "bom_file": "a.json",
        "max_iterations": 7,
        "convergence_threshold": 0.01,
        "config_path": "config/system.yaml",
    }
    client.create_task(bom=[{"id": "x"}], seed=0, constraints={"max_temp": 60})
    sent = json.loads(server.rest_requests[-1][3])
    assert sent["bom"] == [{"id": "x"}]
    assert sent["seed"] == 0
    assert sent["constraints"] == {"max_temp": 60}
    assert "bom_file" not in sent


def test_a_token_goes_with_every_request_and_is_asked_for_anew(server: ScriptedServer) -> None:
    shown: list[str | None] = []

    def note(request: requests.PreparedRequest, **_: object) -> None:
        shown.append(request.headers.get("Authorization"))

    tokens = iter(["first", "second"])
    for token in ("msg_x", lambda: next(tokens), None):
        with APIClient(server.url, token=token) as client:
            client.session.hooks["response"].append(lambda answer, **_: note(answer.request))
            for _ in range(2):
                client.session.get(f"{server.url}/api/health")
    assert shown == ["Bearer msg_x"] * 2 + ["Bearer first", "Bearer second"] + [None] * 2


def test_a_refusal_says_what_the_server_said(client: APIClient, server: ScriptedServer) -> None:
    problem = {"code": "bom.mass", "pointer": "/components/0/mass"}
    server.rest_answers["POST", "/api/tasks"] = (
        400,
        {"error": "bad BOM", "code": "bom.invalid", "problems": [problem], "request_id": "r1"},
    )
    with pytest.raises(requests.HTTPError) as caught:
        client.create_task("a.json")
    refusal = caught.value
    assert isinstance(refusal, APIError)
    assert (refusal.status, refusal.error, refusal.code) == (400, "bad BOM", "bom.invalid")
    assert refusal.problems == [problem]
    assert refusal.request_id == "r1"
    assert refusal.response.status_code == 400
    assert "bad BOM" in str(refusal)


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"[1]", b""])
def test_a_refusal_that_is_no_error_object_is_still_one(
    client: APIClient, server: ScriptedServer, body: bytes
) -> None:
    server.rest_answers["GET", "/api/health"] = (502, body)
    with pytest.raises(APIError) as caught:
        client.health_check()
    assert caught.value.status == 502


def test_an_id_stays_one_segment_of_the_path(client: APIClient, server: ScriptedServer) -> None:
    with pytest.raises(APIError):
        client.get_task("a/../../boms?x")
    assert server.rest_requests[-1][1] == "/api/tasks/a/../../boms?x"  # decoded by the server
    assert server.rest_requests[-1][2] == ""


def test_waiting_returns_the_ended_task(client: APIClient, server: ScriptedServer) -> None:
    server.rest_answers["GET", "/api/tasks/t"] = (200, {"id": "t", "status": "cancelled"})
    assert client.wait_for_task("t", poll_interval=0.01)["status"] == "cancelled"


def test_waiting_too_long_raises(client: APIClient, server: ScriptedServer) -> None:
    server.rest_answers["GET", "/api/tasks/t"] = (200, {"id": "t", "status": "running"})
    with pytest.raises(TimeoutError, match="still running"):
        client.wait_for_task("t", poll_interval=0.01, timeout=0.05)


def test_an_upload_is_the_raw_file(
    client: APIClient, server: ScriptedServer, tmp_path: Path
) -> None:
    server.rest_answers["POST", "/api/boms"] = (201, {"bom_file": "boms/我的.csv"})
    path = tmp_path / "我的.csv"
    path.write_bytes(b"id,name\n")
    assert client.upload_bom(path)["bom_file"] == "boms/我的.csv"
    assert server.rest_requests[-1][2] == "filename=%E6%88%91%E7%9A%84.csv"
    assert server.rest_requests[-1][3] == b"id,name\n"


def test_the_latest_experiment(client: APIClient, server: ScriptedServer) -> None:
    server.rest_answers["GET", "/api/experiments"] = (200, {"experiments": [], "total": 0})
    assert client.get_latest_experiment() is None
    newest = {"name": "run_2", "path": "experiments/run_2", "summary": {}}
    answer = {"experiments": [newest, {"name": "run_1"}], "total": 2}
    server.rest_answers["GET", "/api/experiments"] = (200, answer)
    assert client.get_latest_experiment() == newest


def test_an_image_is_saved(client: APIClient, server: ScriptedServer, tmp_path: Path) -> None:
    path = "/api/tasks/t/visualizations/final_layout_3d.png"
    server.rest_answers["GET", path] = (200, b"\x89PNG")
    out = tmp_path / "layout.png"
    client.download_visualization("t", "final_layout_3d.png", out)
    assert out.read_bytes() == b"\x89PNG"
