"""The console script `msgalaxy-client`: a server's tasks from a shell."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import requests
from socketio.exceptions import SocketIOError

from msgalaxy.live import TaskWebSocketClient
from msgalaxy.rest import APIClient, as_object


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code: 0 done, 1 it failed, 2 wrong usage."""
    parser = _parser()
    options = parser.parse_args(argv)
    verb: Callable[[APIClient, argparse.Namespace], int] | None = options.verb
    if verb is None:
        parser.print_help()
        return 0
    try:
        with APIClient(options.base_url, token=_token()) as client:
            return verb(client, options)
    except requests.exceptions.ConnectionError:
        return _fail(f"no MsGalaxy server answers at {options.base_url}")
    except (requests.RequestException, SocketIOError, TimeoutError, OSError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130


def _token() -> str | None:
    """For a server that asks for one; not an argument, which every list of processes would show."""
    return os.environ.get("MSGALAXY_TOKEN") or None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="msgalaxy-client",
        description="Orders and watches layout optimizations.",
        epilog="A server that asks for a token gets the environment variable MSGALAXY_TOKEN.",
    )
    parser.add_argument(
        "--base-url",
        default="http://localhost:5000",
        help="address of the server (default: %(default)s)",
    )
    parser.set_defaults(verb=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(
        name: str, verb: Callable[[APIClient, argparse.Namespace], int], text: str, *args: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(verb=verb)
        for arg in args:
            command.add_argument(arg)
        return command

    add("health", _health, "Is the server there?")
    run = add("run", _run, "Optimize the layout of a BOM file on the server.", "bom")
    run.add_argument("--max-iterations", type=int, default=20, metavar="N")
    run.add_argument("--no-wait", action="store_true", help="order it and return at once")
    add("list", _list, "List the tasks, newest first.")
    add("status", _status, "Show one task.", "task_id")
    add("result", _result, "Show the result of a finished task.", "task_id")
    add("validate", _validate, "Check a BOM file on the server.", "bom")
    add("cancel", _cancel, "End a task.", "task_id")
    add("watch", _watch, "Follow a task live until it ends.", "task_id")
    return parser


def _health(client: APIClient, _: argparse.Namespace) -> int:
    _show(client.health_check())
    return 0


def _run(client: APIClient, options: argparse.Namespace) -> int:
    task = client.run_optimization(options.bom, options.max_iterations, wait=False)
    print(f"Task created: {task['task_id']}")
    _warn(task.get("warnings"))
    if options.no_wait:
        return 0
    task = client.wait_for_task(task["task_id"])
    print(f"Status: {task['status']}")
    if task["status"] != "completed":
        return _fail(task.get("error") or f"the task was {task['status']}")
    _show(task["result"])
    return 0


def _list(client: APIClient, _: argparse.Namespace) -> int:
    answer = client.list_tasks()
    for task in answer["tasks"]:
        print(f"{task['id']}  {task['status']:<10}  {task['created_at']}")
    print(f"Total: {answer['total']}")
    return 0


def _status(client: APIClient, options: argparse.Namespace) -> int:
    _show(client.get_task(options.task_id))
    return 0


def _result(client: APIClient, options: argparse.Namespace) -> int:
    _show(client.get_task_result(options.task_id))
    return 0


def _validate(client: APIClient, options: argparse.Namespace) -> int:
    answer = client.validate_bom(options.bom)
    if answer["valid"]:
        _warn(answer.get("problems"))
        print(f"Valid: {answer['num_components']} components")
        return 0
    for text in answer["errors"]:
        print(f"- {text}")
    return _fail(f"{options.bom} is not valid")


def _cancel(client: APIClient, options: argparse.Namespace) -> int:
    task = client.cancel_task(options.task_id)
    print(f"Status: {task['status']}")
    return 0


def _watch(client: APIClient, options: argparse.Namespace) -> int:
    task_id: str = options.task_id
    # An unknown task is refused here, with the server's own words.
    client.get_task(task_id)
    live = TaskWebSocketClient(options.base_url, token=_token())
    live.on_update = _print_update
    live.connect()
    try:
        live.subscribe(task_id)
        ended = live.wait_for_completion()
    finally:
        live.disconnect()
    status = ended.get(task_id)
    return 0 if status == "completed" else _fail(f"the task ended as {status}")


def _print_update(update: dict[str, Any]) -> None:
    kind = update.get("event_type")
    data = as_object(update.get("data")) or {}
    if kind == "status_change":
        text = f"{data.get('status')}: {data.get('message', '')}"
    elif kind == "progress" and "message" in data:
        text = f"{data.get('progress_percent', 0):5.1f} %  {data['message']}"
    elif kind == "progress":
        done, of = data.get("current_iteration"), data.get("max_iterations")
        text = f"{data.get('progress_percent', 0):5.1f} %  iteration {done}/{of}"
    elif kind == "iteration_complete":
        metrics = as_object(data.get("metrics")) or {}
        text = f"iteration {data.get('iteration')}  " + "  ".join(
            f"{name}={value}" for name, value in metrics.items()
        )
    else:
        text = f"{kind} {json.dumps(data, ensure_ascii=False)}"
    print(text, flush=True)


def _warn(warnings: list[dict[str, Any]] | None) -> None:
    """What is odd about an input that is usable; keys without effect in one line."""
    without_effect: list[str] = []
    for warning in warnings or []:
        if warning["code"] == "not_evaluated_yet":
            without_effect.append(warning["pointer"].rpartition("/")[2])
        else:
            place = f"{warning['pointer']}: " if warning["pointer"] else ""
            print(f"Warning: {place}{warning['message_en']}", file=sys.stderr)
    if without_effect:
        keys = ", ".join(without_effect)
        print(f"Warning: read and kept, but not evaluated yet: {keys}", file=sys.stderr)


def _show(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _fail(text: str) -> int:
    print(f"Error: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
