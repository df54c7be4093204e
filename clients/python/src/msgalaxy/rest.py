"""The REST half: order a task, look at it, fetch what it left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import requests

JSON = dict[str, Any]

#: An access key, a JWT or the token of a share link, or who is asked for a fresh one each time.
Token = str | Callable[[], str]

#: Statuses after which nothing more happens to a task.
FINAL_STATUSES = frozenset({"completed", "failed", "cancelled"})

# Seconds to reach the server, and seconds of silence while it answers.
DEFAULT_TIMEOUT_S = (5.0, 60.0)


class APIError(requests.HTTPError):
    """The server refused a request. Says what the server said.

    `code` is stable and made for programs, `problems` lists everything that is wrong with a BOM or
    a field, `request_id` finds the request in the server's log.
    """

    def __init__(self, response: requests.Response) -> None:
        body = _error_body(response)
        self.status: int = response.status_code
        self.error: str = str(body.get("error") or response.reason or "request failed")
        self.code: str = str(body.get("code") or "")
        problems = body.get("problems")
        self.problems: list[JSON] = cast(list[JSON], problems) if isinstance(problems, list) else []
        self.request_id: str | None = body.get("request_id")
        super().__init__(f"{self.status} {self.error}", response=response)


class Bearer(requests.auth.AuthBase):
    """Shows a token with every request to the server, and to no other that it sends us to."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Adds the token to a request."""
        request.headers["Authorization"] = f"Bearer {read_token(self._token)}"
        return request


def read_token(token: Token) -> str:
    """The token as of now."""
    return token if isinstance(token, str) else token()


class APIClient:
    """Speaks to the REST interface of one server.

    Every method returns the decoded JSON answer. A refusal raises `APIError`, which is a
    `requests.HTTPError`; no answer at all raises another `requests.RequestException`. `token` is
    for a server that asks for one; a function is called for each request.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:5000",
        *,
        timeout: float | tuple[float, float] = DEFAULT_TIMEOUT_S,
        token: Token | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.session = requests.Session()
        self.timeout = timeout
        if token is not None:
            self.session.auth = Bearer(token)

    def close(self) -> None:
        """Gives the connections back. The client is a context manager, too."""
        self.session.close()

    def __enter__(self) -> APIClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def health_check(self) -> JSON:
        """Whether the server is there: `{"status": "ok", "timestamp": ...}`."""
        return self._json("GET", "/api/health")

    def create_task(
        self,
        bom_file: str | None = None,
        max_iterations: int = 20,
        convergence_threshold: float = 0.01,
        config_path: str = "config/system.yaml",
        *,
        bom: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        constraints: Mapping[str, float | str | bool] | None = None,
    ) -> JSON:
        """Orders an optimization. Give either `bom_file`, a path on the server, or `bom` itself.

        An equal `seed` gives an equal layout. A `convergence_threshold` of 0 never ends early.
        """
        body: JSON = {
            "max_iterations": max_iterations,
            "convergence_threshold": convergence_threshold,
            "config_path": config_path,
        }
        optional = {"bom_file": bom_file, "bom": bom, "seed": seed, "constraints": constraints}
        body.update({key: value for key, value in optional.items() if value is not None})
        return self._json("POST", "/api/tasks", json=body)

    def get_task(self, task_id: str) -> JSON:
        """The task as it is now."""
        return self._json("GET", f"/api/tasks/{_segment(task_id)}")

    def list_tasks(self, limit: int | None = None, cursor: str | None = None) -> JSON:
        """Tasks, newest first: `{"tasks": [...], "total": n}`."""
        return self._json("GET", "/api/tasks", params={"limit": limit, "cursor": cursor})

    def cancel_task(self, task_id: str) -> JSON:
        """Ends a task; a running one keeps its best layout so far. Returns the task."""
        return self._json("POST", f"/api/tasks/{_segment(task_id)}/cancel")

    def get_task_result(self, task_id: str) -> JSON:
        """Summary and evolution of a finished task."""
        return self._json("GET", f"/api/tasks/{_segment(task_id)}/result")

    def events(self, task_id: str, after: int = 0, limit: int | None = None) -> JSON:
        """One page of the task's log: the events whose `seq` is greater than `after`."""
        params = {"after": after, "limit": limit}
        return self._json("GET", f"/api/tasks/{_segment(task_id)}/events", params=params)

    def iter_events(self, task_id: str, after: int = 0) -> Iterator[JSON]:
        """All events stored so far, page by page."""
        while page := self.events(task_id, after)["events"]:
            for event in page:
                after = int(event["seq"])
                yield event

    def download_visualization(self, task_id: str, filename: str, output_path: str | Path) -> str:
        """Saves one image of a finished task and returns where it lies now.

        The names: `evolution_trace.png`, `final_layout_3d.png`, `thermal_heatmap.png`.
        """
        path = f"/api/tasks/{_segment(task_id)}/visualizations/{_segment(filename)}"
        image = self._send("GET", path).content
        Path(output_path).write_bytes(image)
        return str(output_path)

    def list_experiments(self) -> JSON:
        """Result directories, newest first: `{"experiments": [...], "total": n}`."""
        return self._json("GET", "/api/experiments")

    def get_latest_experiment(self) -> JSON | None:
        """The newest result directory, or None while there is none."""
        experiments = self.list_experiments()["experiments"]
        return cast(JSON, experiments[0]) if experiments else None

    def list_boms(self) -> JSON:
        """BOMs that the server has: its examples and what was uploaded."""
        return self._json("GET", "/api/boms")

    def upload_bom(self, path: str | Path, filename: str | None = None) -> JSON:
        """Sends a BOM file (.json, .csv, .yaml); the answer's `bom_file` is for `create_task`."""
        path = Path(path)
        return self._json(
            "POST",
            "/api/boms",
            params={"filename": filename or path.name},
            data=path.read_bytes(),
            headers={"Content-Type": "application/octet-stream"},
        )

    def validate_bom(self, bom_file: str) -> JSON:
        """Checks a BOM on the server: `{"valid": ..., "errors": [...], "problems": [...]}`."""
        return self._json("POST", "/api/bom/validate", json={"bom_file": bom_file})

    def wait_for_task(
        self, task_id: str, poll_interval: float = 2.0, timeout: float | None = None
    ) -> JSON:
        """Asks every `poll_interval` seconds until the task has ended, and returns it.

        Raises `TimeoutError` when it has not ended within `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            task = self.get_task(task_id)
            if task["status"] in FINAL_STATUSES:
                return task
            pause_s = poll_interval
            if deadline is not None:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError(
                        f"task {task_id} is still {task['status']} after {timeout:g} s"
                    )
                pause_s = min(pause_s, left_s)
            time.sleep(pause_s)

    def run_optimization(
        self,
        bom_file: str | None = None,
        max_iterations: int = 20,
        convergence_threshold: float = 0.01,
        config_path: str = "config/system.yaml",
        wait: bool = True,
        poll_interval: float = 2.0,
        timeout: float | None = None,
        *,
        bom: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        constraints: Mapping[str, float | str | bool] | None = None,
    ) -> JSON:
        """Orders a task and, with `wait`, stays until it has ended. Returns the task."""
        task = self.create_task(
            bom_file,
            max_iterations,
            convergence_threshold,
            config_path,
            bom=bom,
            seed=seed,
            constraints=constraints,
        )
        if not wait:
            return task
        return self.wait_for_task(task["task_id"], poll_interval, timeout)

    def _json(self, method: str, path: str, **options: Any) -> JSON:
        return cast(JSON, self._send(method, path, **options).json())

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        response = self.session.request(
            method, self.base_url + path, timeout=self.timeout, **options
        )
        if not response.ok:
            raise APIError(response)
        return response


def _segment(text: str) -> str:
    # An id comes from outside: it must stay one segment of the path.
    return quote(text, safe="")


def _error_body(response: requests.Response) -> JSON:
    try:
        body = response.json()
    except requests.exceptions.JSONDecodeError:
        # A proxy in between answers in HTML.
        return {}
    return as_object(body) or {}


def as_object(value: object) -> JSON | None:
    """The value, when it is a JSON object."""
    return cast(JSON, value) if isinstance(value, dict) else None
