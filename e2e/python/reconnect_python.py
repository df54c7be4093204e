"""python-socketio as it comes: says on standard output when it is connected, after how many tries.

reconnect_python.py URL
"""

from __future__ import annotations

import sys

import socketio

sio = socketio.Client(handle_sigint=False)
attempts = 0
attempt = sio.connect


def connect(*arguments: object, **options: object) -> None:
    global attempts
    attempts += 1
    attempt(*arguments, **options)


sio.on("connect", lambda: print("connected", attempts, flush=True), namespace="/tasks")
sio.connect(sys.argv[1], namespaces=["/tasks"])
# The library makes its own connections through the same method.
sio.connect = connect
sio.wait()
