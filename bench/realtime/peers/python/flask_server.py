"""Flask-SocketIO as the original deploys it, with a room per task.

    ASYNC_MODE=threading python flask_server.py PORT
    ASYNC_MODE=eventlet gunicorn -w 1 -k eventlet flask_server:app
    ASYNC_MODE=gevent gunicorn -w 1 -k geventwebsocket.gunicorn.workers.GeventWebSocketWorker \
        flask_server:app
"""

from __future__ import annotations

import os
import sys
from typing import Any

from flask import Flask, request
from flask_socketio import SocketIO, emit, join_room

from updates import Order

app = Flask(__name__)
# Left out, it would be guessed from what is installed; here everything is.
socketio = SocketIO(app, cors_allowed_origins="*", async_mode=os.environ["ASYNC_MODE"])


@socketio.on("connect", namespace="/tasks")
def handle_connect() -> None:
    emit("connected", {"message": "Connected to task updates"})


@socketio.on("subscribe", namespace="/tasks")
def handle_subscribe(data: dict[str, Any]) -> None:
    join_room(data["task_id"])
    emit("subscribed", {"task_id": data["task_id"]})


@app.post("/publish")
def handle_publish() -> str:
    asked = request.args
    order = Order(asked["task"], int(asked["count"]), float(asked["rate"]), int(asked["seq0"]))
    socketio.start_background_task(publish, order)
    return ""


def publish(order: Order) -> None:
    for pause, update in order.schedule():
        if pause is None:
            socketio.emit("task_update", update, namespace="/tasks", to=order.task)
        else:
            socketio.sleep(pause)


if __name__ == "__main__":
    socketio.run(app, host="127.0.0.1", port=int(sys.argv[1]), allow_unsafe_werkzeug=True)
