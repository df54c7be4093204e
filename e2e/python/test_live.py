"""Our live client with the real server (T6 to T8 of the original's tests, run here)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from msgalaxy import APIClient, TaskWebSocketClient

from harness import PATIENCE_S, Server, until

BOM = "config/bom_example.json"


def test_connection(live: TaskWebSocketClient) -> None:
    assert live.connected is False
    live.connect()
    assert live.connected is True
    live.disconnect()
    assert live.connected is False


def test_subscribe_to_an_existing_task(api: APIClient, live: TaskWebSocketClient) -> None:
    confirmed = threading.Event()
    live.on_subscribed = lambda *_: confirmed.set()
    task = api.create_task(BOM, 1)
    live.connect()
    live.subscribe(task["task_id"])
    assert confirmed.wait(PATIENCE_S)


def test_receive_updates(api: APIClient, live: TaskWebSocketClient) -> None:
    statuses: list[str] = []
    percents: list[float] = []
    iterations: list[int] = []
    live.on_status_change = lambda _, data: statuses.append(data["status"])
    live.on_progress = lambda _, data: percents.append(data["progress_percent"])
    live.on_iteration_complete = lambda _, data: iterations.append(data["iteration"])
    live.connect()
    task_id = api.create_task(BOM, 5, convergence_threshold=0)["task_id"]
    live.subscribe(task_id)
    assert live.wait_for_completion(PATIENCE_S) == {task_id: "completed"}
    assert statuses == ["pending", "running", "completed"]
    assert iterations == [1, 2, 3, 4, 5]
    assert percents[0] == 0
    assert percents[-1] == 100
    # The result is there as soon as the wait has ended.
    assert api.get_task_result(task_id)["summary"]["status"] == "SUCCESS"


def test_a_task_that_has_ended_long_ago_is_told_from_the_start(
    api: APIClient, live: TaskWebSocketClient
) -> None:
    task = api.run_optimization(BOM, 2, poll_interval=0.1, timeout=PATIENCE_S)
    seen: list[int] = []
    live.on_update = lambda update: seen.append(update["seq"])
    live.connect()
    live.subscribe(task["id"])
    assert live.wait_for_completion(PATIENCE_S) == {task["id"]: "completed"}
    assert seen == [event["seq"] for event in api.iter_events(task["id"])]
    assert seen == list(range(1, len(seen) + 1))


def test_each_client_hears_of_its_own_task_only(server: Server, api: APIClient) -> None:
    clients = [TaskWebSocketClient(server.url) for _ in range(3)]
    heard: list[list[str]] = [[], [], []]
    for client, ids in zip(clients, heard, strict=True):
        client.on_update = lambda update, ids=ids: ids.append(update["task_id"])
        client.connect()
    tasks = [api.create_task(BOM, 3)["task_id"] for _ in range(2)]
    for client, task_id in zip(clients, tasks, strict=False):
        client.subscribe(task_id)
    for client, task_id in zip(clients, tasks, strict=False):
        assert client.wait_for_completion(PATIENCE_S) == {task_id: "completed"}
    # Whatever the server had for the third would have been sent before this answer.
    refused: list[dict[str, Any]] = []
    clients[2].on_server_error = refused.append
    clients[2].subscribe("no-such-task")
    assert clients[2].wait_for_completion(PATIENCE_S) == {"no-such-task": "refused"}
    for client in clients:
        client.disconnect()
    assert set(heard[0]) == {tasks[0]}
    assert set(heard[1]) == {tasks[1]}
    assert heard[2] == []
    assert refused[0]["message"] == "Task not found"
    assert refused[0]["code"]


def test_one_client_follows_many_tasks(api: APIClient, live: TaskWebSocketClient) -> None:
    live.connect()
    tasks = [api.create_task(BOM, 1, seed=seed)["task_id"] for seed in range(3)]
    for task_id in tasks:
        live.subscribe(task_id)
    assert live.wait_for_completion(PATIENCE_S) == dict.fromkeys(tasks, "completed")


def test_a_cancelled_task_ends_the_wait(api: APIClient, live: TaskWebSocketClient) -> None:
    live.connect()
    task_id = api.create_task(BOM, 10_000, convergence_threshold=0)["task_id"]
    running = threading.Event()
    live.on_iteration_complete = lambda *_: running.set()
    live.subscribe(task_id)
    assert running.wait(PATIENCE_S)
    api.cancel_task(task_id)
    assert live.wait_for_completion(PATIENCE_S) == {task_id: "cancelled"}
    # Its result is the best layout so far.
    assert api.get_task(task_id)["status"] == "cancelled"
    assert api.get_task_result(task_id)["summary"]["final_iteration"] >= 1


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_an_orderly_restart_is_survived(own_server: Server, transport: str) -> None:
    api = APIClient(own_server.url)
    live = TaskWebSocketClient(own_server.url, transports=[transport], retry_delay=0.1)
    seen: list[int] = []
    live.on_update = lambda update: seen.append(update["seq"])
    live.connect()
    task_id = api.create_task(BOM, 40, convergence_threshold=0)["task_id"]
    live.subscribe(task_id)
    until(lambda: len(seen) > 10, "ten events")
    assert own_server.stop() == 0
    own_server.start()
    assert live.wait_for_completion(PATIENCE_S) == {task_id: "completed"}
    assert live.connected is True
    live.disconnect()
    assert seen == list(range(1, len(seen) + 1))


def test_a_failure_while_writing_arrives_with_its_cause(own_server: Server) -> None:
    # A file where the directory of results should be.
    (own_server.data_dir / "experiments").write_text("in the way")
    api = APIClient(own_server.url)
    live = TaskWebSocketClient(own_server.url)
    told: list[tuple[str, dict[str, Any]]] = []
    live.on_error = lambda _, data: told.append(("error", data))
    live.on_status_change = lambda _, data: told.append((data["status"], data))
    live.connect()
    task_id = api.create_task(BOM, 3)["task_id"]
    live.subscribe(task_id)
    assert live.wait_for_completion(PATIENCE_S) == {task_id: "failed"}
    live.disconnect()
    assert [kind for kind, _ in told] == ["pending", "running", "error", "failed"]
    assert told[2][1]["status"] == "failed"
    assert "experiments" in told[2][1]["error"]
    assert told[3][1]["error"] == told[2][1]["error"]
    assert api.get_task(task_id)["error"] == told[2][1]["error"]
