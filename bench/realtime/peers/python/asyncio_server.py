"""python-socketio's asyncio server on uvicorn (uvloop, httptools).

uvicorn asyncio_server:app
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import socketio

from updates import Order

sio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
running: set[asyncio.Task[None]] = set()


@sio.on("connect", namespace="/tasks")
async def handle_connect(sid: str, environ: dict[str, Any]) -> None:
    await sio.emit("connected", {"message": "Connected"}, namespace="/tasks", to=sid)


@sio.on("subscribe", namespace="/tasks")
async def handle_subscribe(sid: str, data: dict[str, Any]) -> None:
    await sio.enter_room(sid, data["task_id"], namespace="/tasks")
    await sio.emit("subscribed", {"task_id": data["task_id"]}, namespace="/tasks", to=sid)


async def publish(order: Order) -> None:
    for pause, update in order.schedule():
        if pause is None:
            await sio.emit("task_update", update, namespace="/tasks", to=order.task)
        else:
            await asyncio.sleep(pause)


async def other(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Everything that is not Socket.IO: the publish request."""
    if scope["type"] != "http":
        return
    status = 404
    if scope["path"] == "/publish":
        asked = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        order = Order(asked["task"], int(asked["count"]), float(asked["rate"]), int(asked["seq0"]))
        task = asyncio.create_task(publish(order))
        running.add(task)
        task.add_done_callback(running.discard)
        status = 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


app = socketio.ASGIApp(sio, other_asgi_app=other)
