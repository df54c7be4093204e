"""What a subscription can ask for, with our clients and connections cut at random bytes."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from cutting_proxy import CuttingProxy
from msgalaxy import APIClient, TaskWebSocketClient
from test_cuts import BYTES, CLIENTS, order_task

from harness import PATIENCE_S, Server, Update, until


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Any:
    return CLIENTS[request.param]


@pytest.fixture(params=BYTES)
def proxy(request: pytest.FixtureRequest, server: Server) -> Any:
    proxy = CuttingProxy(server.port, 7, *BYTES[request.param])
    yield proxy, request.param
    proxy.close()


def plain(update: Update) -> Update:
    """The event as it stands in the log."""
    data = {key: value for key, value in update["data"].items() if key != "layout"}
    own = ("prev_seq", "coalesced_from")
    return {key: value for key, value in update.items() if key not in own} | {"data": data}


def chained(updates: list[Update]) -> bool:
    """Whether each event names the one before it."""
    seqs = [0, *(update["seq"] for update in updates)]
    return [update["prev_seq"] for update in updates] == seqs[:-1]


def test_only_some_kinds(api: APIClient, client: Any, proxy: Any) -> None:
    task_id = order_task(api)
    report = client(*proxy, task_id, {"events": ["iteration_complete"]})
    wanted = ("iteration_complete", "status_change")
    log = [event for event in api.iter_events(task_id) if event["event_type"] in wanted]
    assert [plain(update) for update in report["events"]] == log
    assert chained(report["events"])
    assert report["task"]["last_iteration"] == log[-2]["data"]


def test_progress_that_waited_is_left_out(api: APIClient, client: Any, server: Server) -> None:
    task_id = order_task(api)
    api.wait_for_task(task_id, 0.1, PATIENCE_S)
    direct = CuttingProxy(server.port, 0, 10**9, 10**9)
    report = client(direct, "websocket", task_id, {"coalesce": True})
    direct.close()
    log = {event["seq"]: event for event in api.iter_events(task_id)}
    heard = {update["seq"]: update for update in report["events"]}
    assert all(plain(update) == log[seq] for seq, update in heard.items())
    assert chained(report["events"])
    missing = log.keys() - heard.keys()
    # The whole history waited for this client.
    assert missing
    assert {log[seq]["event_type"] for seq in missing} == {"progress"}
    stood_for = set[int]()
    for seq, update in heard.items():
        if "coalesced_from" in update:
            assert update["event_type"] == "progress"
            stood_for |= set(range(update["coalesced_from"], seq)) & missing
    assert stood_for == missing
    assert report["task"]["progress"] == api.get_task(task_id)["progress"]


def test_layouts(api: APIClient, client: Any, server: Server) -> None:
    # A layout is larger than what lies between two cuts elsewhere.
    proxy = CuttingProxy(server.port, 9, 6000, 30_000)
    task_id = order_task(api)
    report = client(proxy, "websocket", task_id, {"layout": True})
    assert proxy.cuts > 2
    proxy.close()
    updates = report["events"]
    assert [plain(update) for update in updates] == list(api.iter_events(task_id))
    assert "layout" not in report["task"]["last_iteration"]
    (start,) = (u for u in updates if u["event_type"] == "progress" and "layout" in u["data"])
    assert start["data"]["progress_percent"] == 0
    done = [update for update in updates if update["event_type"] == "iteration_complete"]
    for update in done[:: len(done) // 4]:
        k, layout = update["data"]["iteration"], update["data"]["layout"]
        url = f"{api.base_url}/api/tasks/{task_id}/iterations/{k}"
        state = api.session.get(url, timeout=60).json()
        check_layout(layout, state)


def check_layout(layout: dict[str, Any], state: dict[str, Any]) -> None:
    """The layout against the design state of the same iteration."""
    assert len(layout["components"]) == len(state["components"])
    for told, stored in zip(layout["components"], state["components"], strict=True):
        assert told["id"] == stored["id"]
        for key in ("temperature", "temp_margin", "clearance"):
            assert told[key] == pytest.approx(stored[key], abs=0.01)
        for key in ("position", "center", "dimensions", "rotation"):
            assert told[key] == pytest.approx(stored[key], abs=0.002)
    assert layout["envelope"]["inner_size"] == pytest.approx(
        state["envelope"]["inner_size"], abs=0.002
    )
    assert len(layout["keepouts"]) == len(state["keepouts"])
    told, stored = layout["constraints"], state["metadata"]["constraints"]
    assert [c["group"] for c in told] == [c["group"] for c in stored]
    assert [c["margin"] for c in told] == pytest.approx([c["margin"] for c in stored], abs=1e-5)
    mesh, field = layout["panels"]["mesh"], layout["panels"]["temperatures"]
    values = field["values"] if isinstance(field, dict) else list(field)
    if isinstance(field, dict):
        assert field["kind"] == "Float32Array"
    assert mesh == state["metadata"]["mesh"]
    assert len(values) == 6 * mesh * mesh
    # The panels are not far from what stands on them.
    warmest = max(component["temperature"] for component in state["components"])
    assert -150 < min(values) < max(values) < warmest + 30


def test_without_being_asked_there_is_no_layout(api: APIClient, live: TaskWebSocketClient) -> None:
    heard: list[dict[str, Any]] = []
    live.on_iteration_complete = lambda _, data: heard.append(data)
    live.connect()
    task_id = api.create_task("config/bom_example.json", 2)["task_id"]
    live.subscribe(task_id)
    assert live.wait_for_completion(PATIENCE_S) == {task_id: "completed"}
    assert heard
    assert all("layout" not in data for data in heard)


def test_status_changes_of_all_tasks(api: APIClient, live: TaskWebSocketClient) -> None:
    heard: list[tuple[str, str, str]] = []
    stands = threading.Event()
    live.on_subscribed = lambda *_: stands.set()
    live.on_update = lambda u: heard.append((u["task_id"], u["event_type"], u["data"]["status"]))
    live.connect()
    live.subscribe("*")
    assert stands.wait(PATIENCE_S)
    tasks = [api.create_task("config/bom_example.json", 1, seed=n)["task_id"] for n in range(3)]
    until(
        lambda: sum(task in tasks and status == "completed" for task, _, status in heard) == 3,
        "the end of all three",
    )
    for task_id in tasks:
        told = [(kind, status) for task, kind, status in heard if task == task_id]
        assert told == [("status_change", s) for s in ("pending", "running", "completed")]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"events": []}, "invalid_events"),
        ({"events": ["snapshot"]}, "invalid_events"),
        ({"coalesce": "yes"}, "invalid_coalesce"),
        ({"layout": 1}, "invalid_layout"),
    ],
)
def test_wrong_options_are_refused(
    api: APIClient, live: TaskWebSocketClient, wrong: dict[str, Any], code: str
) -> None:
    task_id = api.create_task("config/bom_example.json", 1)["task_id"]
    refusals: list[dict[str, Any]] = []
    heard = threading.Event()

    def on_error(refusal: dict[str, Any]) -> None:
        refusals.append(refusal)
        heard.set()

    live.connect()
    live.sio.on("error", on_error, namespace="/tasks")
    live.sio.emit("subscribe", {"task_id": task_id, **wrong}, namespace="/tasks")
    assert heard.wait(PATIENCE_S)
    assert (refusals[0]["code"], refusals[0]["task_id"]) == (code, task_id)
