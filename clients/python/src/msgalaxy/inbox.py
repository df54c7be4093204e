"""Messages of one connection, one after the other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import socketio


def handle_in_order(
    sio: socketio.Client, is_current: Callable[[], bool], lost: Callable[[], None]
) -> None:
    """Makes a connection handle its messages in the order of their arrival.

    The library starts a thread for each. Events may overtake each other then, and a binary
    attachment the packet that announces it. Here one thread at a time takes what has arrived.
    What arrived on a connection that is no longer in use is dropped. `lost` is called when a thread
    that reads or writes has ended: the library does not always say so.
    """
    start = sio.eio.start_background_task
    waiting: deque[Callable[[], Any]] = deque()
    lock = threading.Lock()
    busy = False

    def work() -> None:
        nonlocal busy
        while True:
            with lock:
                if not waiting:
                    busy = False
                    return
                handle = waiting.popleft()
            if is_current():
                try:
                    handle()
                except Exception:
                    sio.logger.exception("a packet could not be handled")

    def run(target: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        try:
            target(*args, **kwargs)
        finally:
            lost()

    def start_or_queue(target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal busy
        if target != sio.eio.handlers.get("message"):
            return start(run, target, *args, **kwargs)
        with lock:
            waiting.append(lambda: target(*args, **kwargs))
            if busy:
                return None
            busy = True
        return start(work)

    sio.eio.start_background_task = start_or_queue
