"""REST: what the original's tests asked for, and every kind of bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from msgalaxy import APIClient, APIError

from harness import PATIENCE_S, Server

BOM = "config/bom_example.json"
IMAGES = ("evolution_trace.png", "final_layout_3d.png", "thermal_heatmap.png")


def part(id: str = "a", **changes: Any) -> dict[str, Any]:
    return {
        "id": id,
        "name": f"Part {id}",
        "dimensions": {"x": 100, "y": 80, "z": 40},
        "mass": 1.5,
        "power": 5,
        "category": "avionics",
        **changes,
    }


@pytest.fixture(scope="module")
def finished(server: Server) -> Any:
    with APIClient(server.url) as client:
        return client.run_optimization(BOM, 3, seed=1, poll_interval=0.1, timeout=PATIENCE_S)


def test_health(api: APIClient) -> None:
    answer = api.health_check()
    assert answer["status"] == "ok"
    assert answer["timestamp"].endswith("+00:00")
    assert requests.head(api.base_url + "/api/health", timeout=10).status_code == 200


def test_create_answers_pending_with_its_time(api: APIClient) -> None:
    task = api.create_task(BOM, 1)
    assert task["status"] == "pending"
    assert task["created_at"].endswith("+00:00")
    assert task["id"] == task["task_id"]


def test_a_task_has_all_its_keys(finished: Any) -> None:
    assert set(finished) >= {
        *("id", "task_id", "status", "config", "created_at", "started_at", "completed_at"),
        *("result", "error"),
    }
    assert finished["config"]["bom_file"] == BOM
    assert finished["error"] is None
    assert set(finished["result"]) >= {
        *("experiment_dir", "final_iteration", "num_components", "feasible", "seed"),
        *("score", "stop_reason"),
    }
    assert finished["result"]["feasible"] is True
    assert finished["result"]["seed"] == 1


def test_an_empty_list_then_three_tasks(own_server: Server) -> None:
    api = APIClient(own_server.url)
    empty = api.list_tasks()
    assert (empty["tasks"], empty["total"]) == ([], 0)
    created = [api.create_task(BOM, 1)["task_id"] for _ in range(3)]
    listed = api.list_tasks()
    assert listed["total"] == 3
    assert [task["id"] for task in listed["tasks"]] == created[::-1]


def test_result_and_images_of_a_finished_task(
    api: APIClient, finished: Any, server: Server, tmp_path: Path
) -> None:
    result = api.get_task_result(finished["id"])
    assert result["task_id"] == finished["id"]
    assert result["summary"]["status"] == "SUCCESS"
    assert result["summary"]["final_iteration"] == finished["result"]["final_iteration"]
    assert result["experiment_dir"] == finished["result"]["experiment_dir"]
    assert len(result["evolution"]) == finished["result"]["final_iteration"]
    assert all(isinstance(v, str) for row in result["evolution"] for v in row.values())
    for name in IMAGES:
        out = api.download_visualization(finished["id"], name, tmp_path / name)
        data = Path(out).read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(data) > 10_000
    directory = server.data_dir / result["experiment_dir"]
    names = {path.name for path in directory.iterdir()}
    assert {"evolution_trace.csv", "summary.json", "report.md", "visualizations"} <= names


def test_the_last_event_of_each_iteration_agrees_with_the_trace(
    api: APIClient, finished: Any
) -> None:
    rows = api.get_task_result(finished["id"])["evolution"]
    told = [
        event["data"]
        for event in api.iter_events(finished["id"])
        if event["event_type"] == "iteration_complete"
    ]
    assert [str(data["iteration"]) for data in told] == [row["iteration"] for row in rows]
    for data, row in zip(told, rows, strict=True):
        assert row["max_temp"] == f"{data['metrics']['max_temp']:.2f}"
        assert row["min_clearance"] == f"{data['metrics']['min_clearance']:.2f}"
        assert row["num_violations"] == str(data["metrics"]["num_violations"])


def test_experiments_are_listed_newest_first(api: APIClient, finished: Any) -> None:
    listed = api.list_experiments()
    assert listed["total"] >= 1
    assert all({"name", "path", "summary"} <= set(entry) for entry in listed["experiments"])
    names = [entry["name"] for entry in listed["experiments"]]
    assert names == sorted(names, reverse=True)
    assert finished["result"]["experiment_dir"] in {e["path"] for e in listed["experiments"]}
    assert api.get_latest_experiment() == listed["experiments"][0]


def test_an_unfinished_task_has_no_result_yet(api: APIClient) -> None:
    task_id = api.create_task(BOM, 10_000, convergence_threshold=0)["task_id"]
    for path in ("result", f"visualizations/{IMAGES[0]}"):
        answer = requests.get(f"{api.base_url}/api/tasks/{task_id}/{path}", timeout=30)
        assert answer.status_code == 400
        assert answer.json()["error"] == "Task not completed"
    api.cancel_task(task_id)
    assert api.wait_for_task(task_id, 0.1, PATIENCE_S)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api/tasks/unknown", 404, "Task not found"),
        ("GET", "/api/tasks/unknown/result", 404, "Task not found"),
        ("GET", "/api/tasks/unknown/events", 404, "Task not found"),
        ("POST", "/api/tasks/unknown/cancel", 404, "Task not found"),
        ("GET", "/api/tasks/unknown/visualizations/evolution_trace.png", 404, "Task not found"),
        ("GET", "/api/nothing", 404, "Not found"),
        ("GET", "/nothing", 404, "Not found"),
        ("PUT", "/api/health", 405, None),
        ("DELETE", "/api/tasks", 405, None),
    ],
)
def test_unknown_things_are_json(
    api: APIClient, method: str, path: str, status: int, error: str | None
) -> None:
    answer = requests.request(method, api.base_url + path, timeout=30)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert body["code"]
    if error:
        assert body["error"] == error


@pytest.mark.parametrize("name", ["..", "secret.png", "%2e%2e%2fsummary.json", "..%2fsummary.json"])
def test_only_the_known_images_are_served(api: APIClient, finished: Any, name: str) -> None:
    # Sent as it stands: the library would tidy the dots away.
    request = requests.Request("GET", api.base_url).prepare()
    request.url = f"{api.base_url}/api/tasks/{finished['id']}/visualizations/{name}"
    answer = api.session.send(request, timeout=30)
    assert answer.status_code == 404


# Bodies of POST /api/tasks that are refused with 400, and what the answer has to speak of.
REFUSED: dict[str, tuple[Any, str]] = {
    "no body": (b"", "body"),
    "broken JSON": (b'{"bom_file": ', ""),
    "NaN": (b'{"bom_file": "config/bom_example.json", "convergence_threshold": NaN}', ""),
    "an empty object": ({}, ""),
    "a list": ([1], ""),
    "a text": ("abc", ""),
    "null": (None, ""),
    "neither bom_file nor bom": ({"max_iterations": 5}, "bom"),
    "a missing file": ({"bom_file": "nope.json"}, "nope.json"),
    "a path upwards": ({"bom_file": "../outside.json"}, "outside.json"),
    "an absolute path": ({"bom_file": "/etc/hostname"}, "hostname"),
    "a symlink that leads out": ({"bom_file": "link.json"}, "link.json"),
    "bom_file a number": ({"bom_file": 5}, "bom_file"),
    "max_iterations 0": ({"bom_file": BOM, "max_iterations": 0}, "max_iterations"),
    "max_iterations -1": ({"bom_file": BOM, "max_iterations": -1}, "max_iterations"),
    "max_iterations 1e9": ({"bom_file": BOM, "max_iterations": 10**9}, "max_iterations"),
    "max_iterations 1.5": ({"bom_file": BOM, "max_iterations": 1.5}, "max_iterations"),
    "max_iterations a text": ({"bom_file": BOM, "max_iterations": "20"}, "max_iterations"),
    "convergence_threshold -1": (
        {"bom_file": BOM, "convergence_threshold": -1},
        "convergence_threshold",
    ),
    "seed -1": ({"bom_file": BOM, "seed": -1}, "seed"),
    "a configuration that is missing": ({"bom_file": BOM, "config_path": "x.yaml"}, "x.yaml"),
    "an empty BOM": ({"bom": {"components": []}}, "组件列表为空"),
    "duplicate ids": ({"bom": [part("a"), part("a")]}, "组件ID不唯一"),
    "ids that collide after expansion": ({"bom": [part("a", quantity=2), part("a_01")]}, "a_01"),
    "a negative size": ({"bom": [part(dimensions={"x": -1, "y": 1, "z": 1})]}, "尺寸必须大于0"),
    "no mass": ({"bom": [{k: v for k, v in part().items() if k != "mass"}]}, "mass"),
    "a negative mass": ({"bom": [part(mass=-2)]}, "质量必须大于0"),
    "a mass in words": ({"bom": [part(mass="heavy")]}, "mass"),
    "a negative power": ({"bom": [part(power=-2)]}, "功率不能为负"),
    "half a part": ({"bom": [part(quantity=1.5)]}, "quantity"),
}


@pytest.fixture(scope="module")
def traps(server: Server) -> Path:
    """Files that must not be reachable."""
    outside = server.data_dir.parent / "outside.json"
    outside.write_text(json.dumps({"components": [part()]}))
    link = server.data_dir / "link.json"
    if not link.is_symlink():
        link.symlink_to(outside)
    return outside


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.usefixtures("traps")
def test_bad_orders_are_refused_with_a_reason(api: APIClient, case: str) -> None:
    body, about = REFUSED[case]
    before = api.list_tasks(limit=1)["total"]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = requests.post(api.base_url + "/api/tasks", raw, timeout=60)
    assert answer.status_code == 400, answer.text
    refusal = answer.json()
    assert refusal["error"]
    assert refusal["code"]
    assert refusal["request_id"]
    assert about in json.dumps(refusal, ensure_ascii=False)
    assert api.list_tasks(limit=1)["total"] == before


def test_outside_and_missing_look_the_same(api: APIClient, traps: Path) -> None:
    assert traps.exists()
    answers = set()
    for name in ("../outside.json", "../no-file.json", "link.json", "no-file.json"):
        with pytest.raises(APIError) as caught:
            api.create_task(name)
        answers.add((caught.value.status, caught.value.code, caught.value.error.replace(name, "")))
    assert len(answers) == 1


def test_a_body_of_50_megabytes_is_refused(api: APIClient) -> None:
    body = b'{"bom_file": "' + b"x" * (50 << 20) + b'"}'
    answer = requests.post(api.base_url + "/api/tasks", body, timeout=120)
    assert answer.status_code == 413
    assert answer.json()["code"]
    assert api.health_check()["status"] == "ok"


TOO_BIG: dict[str, dict[str, Any]] = {
    "a 3-metre component": {
        "components": [part("bar", dimensions={"x": 3000, "y": 40, "z": 40}), part("b")],
        "envelope": {"x": 600, "y": 600, "z": 600},
    },
    "an envelope too small": {
        "components": [part(f"p{n}", dimensions={"x": 90, "y": 90, "z": 90}) for n in range(4)],
        "envelope": {"x": 100, "y": 100, "z": 100},
    },
}


@pytest.mark.parametrize("case", TOO_BIG)
def test_what_does_not_fit_is_said_and_nothing_is_dropped(
    api: APIClient, server: Server, case: str
) -> None:
    bom = TOO_BIG[case]
    answer = requests.post(
        api.base_url + "/api/tasks", json={"bom": bom, "max_iterations": 2}, timeout=60
    )
    assert answer.status_code == 201, answer.text
    task = api.wait_for_task(answer.json()["task_id"], 0.1, PATIENCE_S)
    assert task["status"] == "completed"
    assert task["result"]["feasible"] is False
    assert task["result"]["num_components"] == len(bom["components"])
    directory = server.data_dir / task["result"]["experiment_dir"]
    state = json.loads(max(directory.glob("design_state_iter_*.json")).read_text())
    assert {c["id"] for c in state["components"]} == {c["id"] for c in bom["components"]}
    assert state["metadata"]["feasible"] is False


def test_bom_validation(api: APIClient, server: Server) -> None:
    assert api.validate_bom(BOM)["valid"] is True
    bad = server.data_dir / "bad.json"
    bad.write_text(json.dumps({"components": [part("x", mass=-1), part("x")]}))
    answer = api.validate_bom("bad.json")
    assert answer["valid"] is False
    assert answer["num_components"] == 2
    errors = "\n".join(answer["errors"])
    assert "质量必须大于0" in errors
    assert "组件ID不唯一" in errors
    assert all(problem["code"] and problem["message_en"] for problem in answer["problems"])
    for body in ({}, {"bom_file": "missing.json"}, {"bom_file": 7}):
        refused = requests.post(api.base_url + "/api/bom/validate", json=body, timeout=30)
        assert refused.status_code == 400
        assert refused.json()["error"]


def test_an_inline_bom_and_an_uploaded_one_give_the_same_layout(
    api: APIClient, server: Server, tmp_path: Path
) -> None:
    parts = [part("a"), part("b", power=12), part("c", dimensions={"x": 60, "y": 60, "z": 60})]
    path = tmp_path / "three.csv"
    columns = "id,name,dim_x,dim_y,dim_z,mass,power,category,quantity"
    rows = [
        f"{p['id']},{p['name']},{p['dimensions']['x']},{p['dimensions']['y']},"
        f"{p['dimensions']['z']},{p['mass']},{p['power']},{p['category']},"
        for p in parts
    ]
    path.write_bytes("\r\n".join([columns, *rows, ""]).encode("utf-8-sig"))
    uploaded = api.upload_bom(path)
    assert uploaded["valid"] is True
    assert uploaded["num_components"] == 3
    assert uploaded["bom_file"] in {bom["bom_file"] for bom in api.list_boms()["boms"]}
    tasks = [
        api.create_task(uploaded["bom_file"], 3, seed=5),
        api.create_task(bom={"components": parts}, max_iterations=3, seed=5),
    ]
    layouts = []
    for created in tasks:
        task = api.wait_for_task(created["task_id"], 0.1, PATIENCE_S)
        directory = server.data_dir / task["result"]["experiment_dir"]
        state = json.loads(max(directory.glob("design_state_iter_*.json")).read_text())
        layouts.append(state["components"])
    assert layouts[0] == layouts[1]


def test_the_events_page_by_page(api: APIClient, finished: Any) -> None:
    everything = api.events(finished["id"])["events"]
    assert [event["seq"] for event in everything] == list(range(1, len(everything) + 1))
    page = api.events(finished["id"], after=3, limit=2)["events"]
    assert [event["seq"] for event in page] == [4, 5]
    assert api.events(finished["id"], after=len(everything))["events"] == []


def test_polling_every_two_seconds_until_completed(api: APIClient) -> None:
    created = api.create_task(BOM, 2)
    task = api.wait_for_task(created["task_id"], poll_interval=2.0, timeout=PATIENCE_S)
    assert task["status"] == "completed"
    assert task["completed_at"] >= task["started_at"] >= task["created_at"]


def test_two_orders_at_once_get_directories_of_their_own(api: APIClient) -> None:
    created = [api.create_task(BOM, 1, seed=3)["task_id"] for _ in range(4)]
    finished = [api.wait_for_task(task_id, 0.1, PATIENCE_S) for task_id in created]
    assert len({task["result"]["experiment_dir"] for task in finished}) == 4


def test_the_server_still_works_after_all_that(api: APIClient) -> None:
    task = api.run_optimization(BOM, 1, poll_interval=0.1, timeout=PATIENCE_S)
    assert task["status"] == "completed"
