"""A server that asks everybody for a token, and each of our clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgalaxy import APIClient, APIError, TaskWebSocketClient
from socketio.exceptions import ConnectionError as SocketConnectionError
from test_event_order import NODE, node_program

from harness import PATIENCE_S, Server, console_script, program, run, until

BOM = "config/bom_example.json"


class Guarded:
    """The server, and the desk where its keys are made."""

    def __init__(self, data_dir: Path) -> None:
        settings = data_dir / "server.toml"
        # Whoever has a token that ends within a day is warned at once.
        settings.write_text('[auth]\nmode = "required"\nexpiry_warning_s = 86400\n')
        self.server = Server(data_dir, options=["--config", settings]).start()

    def key(self, *options: str, name: str = "ann", scope: str = "tasks:read,tasks:write") -> str:
        made = self._token("create", "--name", name, "--scope", scope, *options)
        return made.strip()

    def revoke(self, key: str) -> None:
        self._token("revoke", key)

    def _token(self, verb: str, *options: str) -> str:
        done = run([program(), "token", verb, "--data-dir", self.server.data_dir, *options])
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path)
    yield guarded
    guarded.server.stop()


def test_without_a_token_each_client_says_what_is_missing(guarded: Guarded) -> None:
    url = guarded.server.url
    with APIClient(url) as api, pytest.raises(APIError) as refused:
        api.list_tasks()
    assert (refused.value.status, refused.value.code) == (401, "token_missing")
    with pytest.raises(SocketConnectionError, match="token_missing"):
        TaskWebSocketClient(url).connect()
    listed = console_script("--base-url", url, "list")
    assert listed.returncode == 1
    assert "wants a token" in listed.stderr
    watched = run([program(), "watch", "x", "--url", url])
    assert watched.returncode == 1
    assert "401 Unauthorized: this server wants a token" in watched.stderr


def test_the_python_client_renews_its_token_on_a_connection_that_stands(guarded: Guarded) -> None:
    first, second = guarded.key("--expires", "1h"), guarded.key()
    tokens = iter([first, second])
    live = TaskWebSocketClient(guarded.server.url, token=lambda: next(tokens))
    renewed: list[dict[str, object]] = []
    live.sio.on("auth_refreshed", renewed.append, namespace="/tasks")
    live.connect()
    until(lambda: renewed, "the answer to the new token")
    assert renewed[0]["expires_at"] is None
    sid = live.sio.get_sid("/tasks")
    guarded.revoke(first)
    with APIClient(guarded.server.url, token=second) as api:
        task_id = api.create_task(BOM, 2)["task_id"]
        live.subscribe(task_id)
        assert live.wait_for_completion(PATIENCE_S) == {task_id: "completed"}
        assert api.get_task(task_id)["head_seq"] == live.task_state(task_id).head_seq
    assert live.sio.get_sid("/tasks") == sid, "the connection stood all the time"
    live.disconnect()


def test_a_revoked_key_is_noticed_by_a_client_that_is_connected(guarded: Guarded) -> None:
    key = guarded.key()
    live = TaskWebSocketClient(guarded.server.url, token=key, retry_delay=0.05)
    heard: list[str] = []
    live.on_server_error = lambda refusal: heard.append(refusal["code"])
    live.connect()
    guarded.revoke(key)
    until(lambda: "token_revoked" in heard, "word that the key ended")
    until(lambda: not live.connected, "the end of the connection")
    live.disconnect()


def test_the_javascript_client_renews_its_token_on_a_connection_that_stands(
    guarded: Guarded,
) -> None:
    order = {
        "url": guarded.server.url,
        "tokens": [guarded.key("--expires", "1h"), guarded.key()],
        "patience_s": PATIENCE_S,
    }
    done = run([node_program(), NODE / "watch_with_tokens.mjs", json.dumps(order)])
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["seqs"]
    assert told["seqs"] == list(range(1, len(told["seqs"]) + 1))
    assert told["phases"] == ["connecting", "connected", "closed"], "one connection"
    assert (told["expires_at"], told["left"]) == (None, 0)


def test_the_console_script_takes_the_token_from_the_environment(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSGALAXY_TOKEN", guarded.key())
    listed = console_script("--base-url", guarded.server.url, "list")
    assert listed.returncode == 0, listed.stderr


def test_watching_takes_the_token_from_the_environment(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, stranger = guarded.key(), guarded.key(name="bob")
    with APIClient(guarded.server.url, token=key) as api:
        task_id = api.create_task(BOM, 1)["task_id"]
    watch = [program(), "watch", task_id, "--url", guarded.server.url, "--json"]
    monkeypatch.setenv("MSGALAXY_TOKEN", key)
    watched = run(watch)
    assert watched.returncode == 0, watched.stderr
    updates = [json.loads(line) for line in watched.stdout.splitlines()]
    assert [update["seq"] for update in updates] == list(range(1, len(updates) + 1))
    monkeypatch.setenv("MSGALAXY_TOKEN", stranger)
    refused = run(watch)
    assert refused.returncode == 1
    assert "task_not_found" in refused.stderr
    assert stranger not in refused.stderr


def test_a_share_link_reads_its_task(guarded: Guarded) -> None:
    with APIClient(guarded.server.url, token=guarded.key()) as api:
        task_id = api.create_task(BOM, 1)["task_id"]
        other = api.create_task(BOM, 1)["task_id"]
        shared = api.session.post(f"{guarded.server.url}/api/tasks/{task_id}/share").json()
    with APIClient(guarded.server.url, token=shared["token"]) as guest:
        assert guest.get_task(task_id)["id"] == task_id
        with pytest.raises(APIError, match="not found"):
            guest.get_task(other)
    live = TaskWebSocketClient(guarded.server.url, token=shared["token"])
    live.connect()
    live.subscribe(task_id)
    assert live.wait_for_completion(PATIENCE_S) == {task_id: "completed"}
    live.disconnect()
