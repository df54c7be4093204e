"""kill -9 of the server at random moments of a run: nothing is lost, doubled or different."""

from __future__ import annotations

import random
import threading
from pathlib import Path

from msgalaxy import APIClient, TaskWebSocketClient

from harness import PATIENCE_S, ROOT, Server, last_state, until

KILLS = 10
ITERATIONS = 40
SEED = 11
# Pending, running, progress 0, two for each iteration; then images and the end.
EVENTS = 3 + 2 * ITERATIONS


def order(api: APIClient) -> str:
    bom_file = api.upload_bom(ROOT / "examples" / "boms" / "cubesat_6u_12.json")["bom_file"]
    task = api.create_task(bom_file, ITERATIONS, convergence_threshold=0, seed=SEED)
    return str(task["task_id"])


def until_seen(seen: list[int], count: int) -> None:
    until(lambda: len(seen) >= count, f"event {count}")


def test_ten_kills_leave_no_trace(tmp_path: Path) -> None:
    calm_dir, rough_dir = tmp_path / "calm", tmp_path / "rough"
    calm_dir.mkdir()
    rough_dir.mkdir()

    calm = Server(calm_dir).start()
    api = APIClient(calm.url)
    undisturbed = api.wait_for_task(order(api), 0.2, PATIENCE_S)
    assert undisturbed["status"] == "completed"
    assert calm.stop() == 0

    chance = random.Random(2026)
    moments = sorted(chance.sample(range(2, EVENTS), KILLS))
    rough = Server(rough_dir).start()
    live = TaskWebSocketClient(rough.url, retry_delay=0.05, retry_delay_max=0.5)
    seen: list[int] = []
    live.on_update = lambda update: seen.append(update["seq"])
    live.connect()
    api = APIClient(rough.url)
    task_id = order(api)
    live.subscribe(task_id)
    for moment in moments:
        until_seen(seen, moment)
        # Not only right behind an event, but anywhere in an iteration.
        threading.Event().wait(chance.uniform(0, 0.2))
        rough.kill()
        rough.start()
    assert live.wait_for_completion(PATIENCE_S) == {task_id: "completed"}
    live.disconnect()

    log = list(api.iter_events(task_id))
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    assert seen == [event["seq"] for event in log]
    finals = [e for e in log if e["data"].get("status") in ("completed", "failed", "cancelled")]
    assert [event["seq"] for event in finals] == [len(log)]
    iterations = [e["data"]["iteration"] for e in log if e["event_type"] == "iteration_complete"]
    assert iterations == list(range(1, ITERATIONS + 1))

    task = api.get_task(task_id)
    assert task["status"] == "completed"
    for key in ("score", "feasible", "final_iteration", "seed", "num_components"):
        assert task["result"][key] == undisturbed["result"][key]
    survivor = last_state(rough_dir, task)["components"]
    assert survivor == last_state(calm_dir, undisturbed)["components"]
    assert len(api.get_task_result(task_id)["evolution"]) == ITERATIONS
    assert rough.stop() == 0


def test_finished_tasks_survive_a_kill(own_server: Server) -> None:
    api = APIClient(own_server.url)
    task = api.run_optimization("config/bom_example.json", 2, poll_interval=0.1, timeout=PATIENCE_S)
    result = api.get_task_result(task["id"])
    events = list(api.iter_events(task["id"]))
    own_server.kill()
    own_server.start()
    assert api.get_task(task["id"]) == task
    assert api.get_task_result(task["id"]) == result
    assert list(api.iter_events(task["id"])) == events
    assert api.list_tasks()["total"] == 1


def test_waiting_tasks_survive_a_kill(own_server: Server) -> None:
    api = APIClient(own_server.url)
    tasks = [api.create_task("config/bom_example.json", 3)["task_id"] for _ in range(6)]
    own_server.kill()
    own_server.start()
    for task_id in tasks:
        assert api.wait_for_task(task_id, 0.1, PATIENCE_S)["status"] == "completed"
        seqs = [event["seq"] for event in api.iter_events(task_id)]
        assert seqs == list(range(1, len(seqs) + 1))
