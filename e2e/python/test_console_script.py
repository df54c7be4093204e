"""The verbs of `msgalaxy-client` against the real server."""

from __future__ import annotations

import json

import pytest
from msgalaxy import APIClient

from harness import Server, console_script

BOM = "config/bom_example.json"


def test_without_a_command_it_helps() -> None:
    done = console_script()
    assert done.returncode == 0
    for name in ("health", "run", "list", "status", "result", "validate", "cancel", "watch"):
        assert name in done.stdout


def test_health(server: Server) -> None:
    done = console_script("--base-url", server.url, "health")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "ok"


def test_nobody_there() -> None:
    done = console_script("--base-url", "http://127.0.0.1:9", "health")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_run_status_result_list_watch(server: Server) -> None:
    base = ("--base-url", server.url)
    done = console_script(*base, "run", BOM, "--max-iterations", "2")
    assert done.returncode == 0, done.stderr
    task_id = done.stdout.splitlines()[0].removeprefix("Task created: ")
    assert "Status: completed" in done.stdout
    status = console_script(*base, "status", task_id)
    assert json.loads(status.stdout)["status"] == "completed"
    result = console_script(*base, "result", task_id)
    assert json.loads(result.stdout)["summary"]["status"] == "SUCCESS"
    assert task_id in console_script(*base, "list").stdout
    watch = console_script(*base, "watch", task_id)
    assert watch.returncode == 0, watch.stderr
    assert watch.stdout.splitlines()[0].startswith("pending")
    assert watch.stdout.splitlines()[-1].startswith("completed")


def test_run_without_waiting_then_cancel(server: Server, api: APIClient) -> None:
    base = ("--base-url", server.url)
    done = console_script(*base, "run", BOM, "--max-iterations", "10000", "--no-wait")
    assert done.returncode == 0, done.stderr
    task_id = done.stdout.strip().removeprefix("Task created: ")
    cancelled = console_script(*base, "cancel", task_id)
    assert cancelled.returncode == 0, cancelled.stderr
    assert api.wait_for_task(task_id, 0.1, 120)["status"] in ("cancelled", "completed")


def test_validate(server: Server) -> None:
    base = ("--base-url", server.url)
    assert console_script(*base, "validate", BOM).returncode == 0
    (server.data_dir / "wrong.json").write_text('{"components": []}')
    wrong = console_script(*base, "validate", "wrong.json")
    assert wrong.returncode == 1
    assert "组件列表为空" in wrong.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "unknown"),
        ("result", "unknown"),
        ("cancel", "unknown"),
        ("watch", "unknown"),
        ("run", "no-such-bom.json"),
        ("run", BOM, "--max-iterations", "0"),
        ("validate", "no-such-bom.json"),
    ],
)
def test_refusals_exit_with_1(server: Server, arguments: tuple[str, ...]) -> None:
    done = console_script("--base-url", server.url, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
