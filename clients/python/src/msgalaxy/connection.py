"""One Socket.IO connection: what the library leaves to its users."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import requests
import socketio
from socketio.exceptions import ConnectionError as SocketConnectionError

NAMESPACE = "/tasks"

#: The longest pause that a server may ask for.
LONGEST_PAUSE_S = 60.0

logger = logging.getLogger("msgalaxy.live")


def http_session() -> requests.Session:
    """A session for polling that takes an answer cut off within its headers for what it is.

    Without its length the rest of such an answer looks like an empty one, and the packets that it
    carried would be missed in silence. Engine.IO has no empty answers.
    """

    def check(answer: requests.Response, *_: Any, **__: Any) -> None:
        if answer.ok and not answer.content:
            raise requests.exceptions.ConnectionError("the answer to a poll was cut off")

    session = requests.Session()
    session.hooks["response"].append(check)
    return session


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
            loops = getattr(target, "__self__", None) is sio.eio
            return start(run, target, *args, **kwargs) if loops else start(target, *args, **kwargs)
        with lock:
            waiting.append(lambda: target(*args, **kwargs))
            if busy:
                return None
            busy = True
        return start(work)

    sio.eio.start_background_task = start_or_queue


def stands(sio: socketio.Client) -> bool:
    """Whether events can still come and go."""
    writer = sio.eio.write_loop_task
    # Over polling the library goes on reading, for nothing, when it could not write.
    return bool(sio.connected and sio.eio.state == "connected" and writer and writer.is_alive())


def join(sio: socketio.Client, timeout_s: float, why: Callable[[], str]) -> None:
    """Waits until the namespace is joined; the library would also wait for a broken connection.

    `why` tells what the server said when it refused.
    """
    deadline_s = time.monotonic() + timeout_s
    while NAMESPACE not in sio.namespaces:
        if sio.failed_namespaces:
            raise SocketConnectionError(f"the server refused the connection: {why()}")
        if not stands(sio):
            raise SocketConnectionError("the connection broke while it was made")
        if time.monotonic() > deadline_s:
            raise SocketConnectionError(f"no answer from the server in {timeout_s:g} s")
        time.sleep(0.005)


def pause_asked_for(notice: dict[str, Any]) -> float | None:
    """For how many seconds a server that is about to end wants this client to stay away."""
    retry_ms = notice.get("retry_ms")
    if not isinstance(retry_ms, (int, float)) or not retry_ms > 0:
        return None
    # A little more for some than for others: not all clients at once.
    return min(retry_ms / 1000, LONGEST_PAUSE_S) * random.uniform(1.0, 1.25)


def close(sio: socketio.Client) -> None:
    """Ends a connection, whatever state it is in."""
    try:
        sio.disconnect()
    except Exception:
        # The connection was broken already; nothing is left to end.
        logger.debug("while disconnecting", exc_info=True)
