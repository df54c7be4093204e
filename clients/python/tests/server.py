"""A scripted stand-in for the server: it can do what a real one does only by accident."""

from __future__ import annotations

import json
import logging
import re
import threading
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import socketio

Update = dict[str, Any]


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass


class ScriptedServer:
    """Sends what a test tells it to, over polling."""

    def __init__(self, port: int = 0) -> None:
        self.logs: dict[str, list[Update]] = {}
        self.log_id = "log-1"
        #: What the next subscriptions are answered instead, one after the other.
        self.refusals: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.rest_answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.rest_requests: list[tuple[str, str, str, bytes]] = []
        self.sids: list[str] = []
        self.subscribed = threading.Condition()
        self._sio = socketio.Server(async_mode="threading", logger=False, async_handlers=False)
        self._sio.on("connect", self._on_connect, namespace="/tasks")
        self._sio.on("subscribe", self._on_subscribe, namespace="/tasks")
        logging.getLogger("engineio.server").setLevel(logging.CRITICAL)
        app = socketio.WSGIApp(self._sio, self._rest)
        self._http = make_server("127.0.0.1", port, app, _ThreadingServer, _QuietHandler)
        self.port: int = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Closes every connection in order, as a restarting server does, and ends."""
        for sid in self.sids:
            self._sio.disconnect(sid, namespace="/tasks")
        self._http.shutdown()
        self._http.server_close()

    def emit(self, event: str, *data: Any) -> None:
        """Sends to every client."""
        self._sio.emit(event, data, namespace="/tasks")

    def drop_clients(self) -> None:
        """Disconnects every client in order."""
        for sid in list(self.sids):
            self._sio.disconnect(sid, namespace="/tasks")

    def wait_for_subscriptions(self, count: int) -> None:
        """Returns when that many subscribe packets have come."""
        with self.subscribed:
            assert self.subscribed.wait_for(lambda: len(self.requests) >= count, 20)

    def _on_connect(self, sid: str, *_: object) -> None:
        self.sids.append(sid)
        self._sio.emit("connected", {"message": "hello"}, to=sid, namespace="/tasks")

    def _on_subscribe(self, sid: str, data: dict[str, Any]) -> None:
        task_id = data["task_id"]

        def emit(event: str, payload: Any) -> None:
            self._sio.emit(event, payload, to=sid, namespace="/tasks")

        if self.refusals:
            emit("error", self.refusals.pop(0))
        elif task_id == "*":
            emit("subscribed", {"task_id": "*", "message": "ok", "log_id": self.log_id})
        elif task_id not in self.logs:
            emit("error", {"message": "Task not found", "task_id": task_id, "code": "not_found"})
        else:
            log = self.logs[task_id]
            emit("subscribed", {"task_id": task_id, "message": "ok", "log_id": self.log_id})
            for update in log:
                if update["seq"] > data.get("after_seq", 0):
                    emit("task_update", update)
        with self.subscribed:
            self.requests.append(data)
            self.subscribed.notify_all()

    def _rest(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.rest_requests.append((method, path, environ.get("QUERY_STRING", ""), body))
        status, answer = self.rest_answers.get((method, path)) or self._page(
            path, environ.get("QUERY_STRING", "")
        )
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(raw)))]
        start_response(f"{status} Scripted", headers)
        return [raw]

    def _page(self, path: str, query: str) -> tuple[int, Any]:
        found = re.fullmatch("/api/tasks/([^/]+)/events", path)
        if found is None or found[1] not in self.logs:
            return 404, {"error": "Not found"}
        after = int(dict(parse_qsl(query)).get("after", 0))
        events = [update for update in self.logs[found[1]] if update["seq"] > after][:2]
        last = events[-1]["seq"] if events else after
        return 200, {"events": events, "log_id": self.log_id, "next_after": last}


def update(task_id: str, seq: int, event_type: str = "progress", **data: Any) -> Update:
    """One `task_update` as the server sends it."""
    return {
        "task_id": task_id,
        "event_type": event_type,
        "data": data,
        "timestamp": "2026-01-01T00:00:00.000+00:00",
        "seq": seq,
        "v": 1,
    }
