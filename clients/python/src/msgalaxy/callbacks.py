"""What the user of the live client is told, and how: one call at a time, in order."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from msgalaxy.rest import as_object

Update = dict[str, Any]

TaskCallback = Callable[[str, dict[str, Any]], object]

logger = logging.getLogger("msgalaxy.live")


class Callbacks:
    """The callbacks of a live client; those that are not assigned stay silent."""

    def __init__(self) -> None:
        self.on_status_change: TaskCallback | None = None
        self.on_progress: TaskCallback | None = None
        self.on_iteration_complete: TaskCallback | None = None
        self.on_error: TaskCallback | None = None
        self.on_subscribed: TaskCallback | None = None
        self.on_snapshot: TaskCallback | None = None
        self.on_update: Callable[[Update], object] | None = None
        self.on_server_error: Callable[[dict[str, Any]], object] | None = None
        self.on_missed: Callable[[str], object] | None = None
        self._calls = Calls()

    def _call_back(self, update: Update) -> None:
        """Tells one event."""
        task_id, kind, data = parts(update)
        callbacks: dict[str, TaskCallback | None] = {
            "status_change": self.on_status_change,
            "progress": self.on_progress,
            "iteration_complete": self.on_iteration_complete,
            "error": self.on_error,
            "snapshot": self.on_snapshot,
        }
        if self.on_update is not None:
            call_back(self.on_update, update)
        callback = callbacks.get(kind)
        if callback is not None:
            call_back(callback, task_id, data)
        elif self.on_update is None:
            logger.info("task %s: %s %s", task_id, kind, data)

    def _tell(self, callback: Callable[..., object] | None, *arguments: object) -> None:
        """Calls back in turn with the events."""
        if callback is not None:
            self._calls.add(partial(call_back, callback, *arguments))
            self._calls.make()


class Calls:
    """A queue of calls that whoever is first makes for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: deque[Callable[[], None]] = deque()
        self._busy = False

    def add(self, call: Callable[[], None]) -> None:
        """Puts a call behind those that wait."""
        with self._lock:
            self._ready.append(call)

    def make(self) -> None:
        """Makes all calls that wait, unless a thread is doing so already."""
        with self._lock:
            if self._busy:
                return
            self._busy = True
        while True:
            with self._lock:
                if not self._ready:
                    self._busy = False
                    return
                call = self._ready.popleft()
            call()


def parts(update: Update) -> tuple[str, str, dict[str, Any]]:
    """Task, kind and data of an event, whatever it looks like."""
    return (
        str(update.get("task_id", "")),
        str(update.get("event_type", "")),
        as_object(update.get("data")) or {},
    )


def call_back(callback: Callable[..., object], *arguments: object) -> None:
    """Calls the user's code; a mistake in it must not lose the events after it."""
    try:
        callback(*arguments)
    except Exception:
        logger.exception("a callback raised")
