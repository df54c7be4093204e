"""The live half: hear of every step of a task while it happens."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import socketio
from socketio.exceptions import SocketIOError

from msgalaxy.connection import (
    NAMESPACE,
    close,
    handle_in_order,
    http_session,
    join,
    stands,
)
from msgalaxy.delivery import ALL_TASKS, Options, Stream, Update, Verdict, read_layout
from msgalaxy.rest import FINAL_STATUSES, as_object
from msgalaxy.state import TaskState

#: Refusals that say nothing about the task: the server had trouble, or dropped packets unread.
PASSING_CODES = frozenset({"internal", "too_many_messages"})

#: Seconds until a subscription is asked for again after such a refusal, or when an event is
#: missing although it was asked for.
RETRY_DELAY_S = 1.0

#: Seconds to wait for an orderly close.
HANG_UP_PATIENCE_S = 1.0

TaskCallback = Callable[[str, dict[str, Any]], object]

logger = logging.getLogger("msgalaxy.live")


class TaskWebSocketClient:
    """Subscribes to tasks and calls back for each of their events, in order, each once.

    Assign the callbacks wanted; each is called with `(task_id, data)`:
    `on_status_change`, `on_progress`, `on_iteration_complete`, `on_error` (the task failed),
    `on_subscribed`, `on_snapshot` (the server could not continue where this client stood, and tells
    the task as it is). Two more: `on_update(envelope)` gets every event whole, with `seq` and
    `timestamp`; `on_server_error(data)` hears when the server refuses a request of this client.
    Without a callback an event is logged.

    A broken connection is made again without end, and the subscriptions continue where they stood,
    until `disconnect()` is called.
    """

    def __init__(
        self,
        server_url: str = "http://localhost:5000",
        *,
        transports: Sequence[str] | None = None,
        connect_timeout: int = 10,
        retry_delay: float = 0.5,
        retry_delay_max: float = 5.0,
    ) -> None:
        self.server_url = server_url
        self.connected = False
        self.on_status_change: TaskCallback | None = None
        self.on_progress: TaskCallback | None = None
        self.on_iteration_complete: TaskCallback | None = None
        self.on_error: TaskCallback | None = None
        self.on_subscribed: TaskCallback | None = None
        self.on_snapshot: TaskCallback | None = None
        self.on_update: Callable[[Update], object] | None = None
        self.on_server_error: Callable[[dict[str, Any]], object] | None = None
        self._transports = list(transports) if transports is not None else None
        self._connect_timeout_s = connect_timeout
        self._retry_delay_s = retry_delay
        self._retry_delay_max_s = retry_delay_max
        self._streams: dict[str, Stream] = {}
        # Guards the streams and the queue of updates; told whenever a stream ends.
        self._changed = threading.Condition()
        self._ready: deque[Update] = deque()
        self._handing_on = False
        self._open = False
        self._wake = threading.Event()
        self._keeper: threading.Thread | None = None
        #: The connection in use. A reconnect makes a new one and carries its handlers over.
        self.sio: socketio.Client = self._new_connection()

    def connect(self) -> None:
        """Connects, and from then on keeps the connection up. Raises when it cannot be made."""
        if self._open:
            return
        self._dial()
        with self._changed:
            self._open = True
        self._keeper = threading.Thread(target=self._keep, name="msgalaxy-keeper", daemon=True)
        self._keeper.start()

    def disconnect(self) -> None:
        """Ends the connection for good. The object may `connect()` again later."""
        with self._changed:
            self._open = False
            self.connected = False
            self._changed.notify_all()
        self._wake.set()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.join(timeout=self._connect_timeout_s)
        self._hang_up()

    def subscribe(
        self,
        task_id: str,
        *,
        events: Sequence[str] | None = None,
        coalesce: bool = False,
        layout: bool = False,
        after_seq: int = 0,
        log_id: str | None = None,
    ) -> None:
        """Asks for a task's events: first those so far, then each as it happens.

        `events` names the kinds wanted; status changes always come. With `coalesce` only the newest
        of several `progress` events that wait for this client is sent. With `layout` each
        `iteration_complete` carries `data["layout"]`, in it the panels' temperatures as an
        `array("f")`. `after_seq` and `log_id` continue where another process stopped.

        A task that is subscribed already goes on where it stands, with the options given now. The
        task "*" stands for the status changes of all tasks; `wait_for_completion` takes no notice
        of them.
        """
        if not self._open:
            raise RuntimeError("Not connected to server")
        with self._changed:
            stream = self._streams.get(task_id)
            if stream is None:
                stream = Stream(task_id, last_seq=after_seq, log_id=log_id)
                self._streams[task_id] = stream
            stream.options = Options(events, coalesce, layout)
        # Without a connection just now, the next one subscribes.
        if self.connected:
            self._send_subscribe(stream)

    def unsubscribe(self, task_id: str) -> None:
        """Hears no more of a task. The task itself goes on."""
        with self._changed:
            self._streams.pop(task_id, None)
            self._changed.notify_all()
        try:
            self.sio.emit("unsubscribe", {"task_id": task_id}, namespace=NAMESPACE)
        except SocketIOError:
            # No connection, no subscription.
            logger.debug("not connected while unsubscribing from %s", task_id)

    def task_state(self, task_id: str) -> TaskState:
        """A subscribed task as of the newest callback: the fold of its events."""
        with self._changed:
            return self._streams[task_id].state

    def wait_for_completion(self, timeout: float | None = None) -> dict[str, str]:
        """Waits until every subscribed task has ended, and returns how each of them did.

        The values are "completed", "failed" or "cancelled", or "refused" when the server does not
        know the task. A task that is missing in the answer had not ended when `timeout` (seconds)
        ran out or `disconnect()` was called. A subscription made meanwhile is waited for as well.
        """
        if not self._open:
            raise RuntimeError("Not connected to server")
        with self._changed:
            self._changed.wait_for(lambda: not self._open or self._all_ended(), timeout)
            outcomes = {stream.task_id: self._outcome(stream) for stream in self._waited_for()}
            return {task_id: status for task_id, status in outcomes.items() if status is not None}

    def _all_ended(self) -> bool:
        streams = self._waited_for()
        return bool(streams) and all(stream.final_status is not None for stream in streams)

    def _outcome(self, stream: Stream) -> str | None:
        """How a task ended, also while the callback of its last event calls `disconnect()`."""
        status = stream.state.status
        if stream.final_status is None and not self._open and status in FINAL_STATUSES:
            return status
        return stream.final_status

    def _waited_for(self) -> list[Stream]:
        return [stream for stream in self._streams.values() if stream.task_id != ALL_TASKS]

    # The connection.

    def _new_connection(self) -> socketio.Client:
        # The library's own reconnection gives up after an orderly close by the server, such as a
        # restart, and reuses a connection object whose old threads may still run. So it stays off
        # and every attempt gets a fresh object.
        sio = socketio.Client(reconnection=False, handle_sigint=False, http_session=http_session())
        handle_in_order(sio, lambda: sio is self.sio, lambda: self._lost(sio))
        earlier = getattr(self, "sio", None)
        if earlier is not None:
            for namespace, handlers in earlier.handlers.items():
                for event, handler in handlers.items():
                    sio.on(event, handler, namespace=namespace)
        sio.on("disconnect", lambda *_: self._lost(sio), namespace=NAMESPACE)
        sio.on("task_update", self._on_task_update, namespace=NAMESPACE)
        sio.on("subscribed", self._on_subscribed, namespace=NAMESPACE)
        sio.on("error", self._on_server_error, namespace=NAMESPACE)
        return sio

    def _lost(self, sio: socketio.Client) -> None:
        if sio is self.sio:
            self.connected = False
            self._wake.set()

    def _dial(self) -> None:
        self._hang_up(patience_s=0)
        self.sio = self._new_connection()
        try:
            self.sio.connect(
                self.server_url,
                namespaces=[NAMESPACE],
                transports=self._transports,
                wait=False,
            )
            join(self.sio, self._connect_timeout_s)
        except Exception:
            self._hang_up(patience_s=0)
            raise
        self._resume()

    def _resume(self) -> None:
        """A connection stands: every subscription continues on it."""
        self.connected = True
        with self._changed:
            unfinished = [s for s in self._streams.values() if s.final_status is None]
        for stream in unfinished:
            self._send_subscribe(stream)

    def _hang_up(self, patience_s: float = HANG_UP_PATIENCE_S) -> None:
        self.connected = False
        # A polling connection is only closed when its hanging request comes back, up to half a
        # minute later: nobody has to stay for that.
        closing = threading.Thread(target=close, args=(self.sio,), daemon=True)
        closing.start()
        closing.join(patience_s)

    def _keep(self) -> None:
        """Makes the connection again whenever it is gone, until `disconnect()`."""
        me = threading.current_thread()
        failures = 0
        while self._open and self._keeper is me:
            if self.connected and stands(self.sio):
                failures = 0
                self._wake.wait(1.0)
                self._wake.clear()
                self._ask_again()
                continue
            self.connected = False
            pause_s = min(self._retry_delay_s * 2**failures, self._retry_delay_max_s)
            self._pause(pause_s * random.uniform(0.5, 1.0))
            if not self._open:
                return
            try:
                self._dial()
                logger.info("connected again to %s", self.server_url)
            except Exception as error:
                # Whatever answers there now (a proxy's page, half a server): it is tried again.
                failures = min(failures + 1, 16)
                logger.debug("no connection to %s yet: %s", self.server_url, error)
        if not self._open:
            self._hang_up()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._open, seconds)

    def _send_subscribe(self, stream: Stream) -> None:
        with self._changed:
            stream.confirmed = False
            stream.retry_at_s = None
            packet = stream.request()
        try:
            self.sio.emit("subscribe", packet, namespace=NAMESPACE)
        except SocketIOError:
            # The connection broke just now: the next one subscribes again.
            self._wake.set()

    def _ask_again(self) -> None:
        """Subscribes again where that was put off."""
        now_s = time.monotonic()
        with self._changed:
            due = [
                stream
                for stream in self._streams.values()
                if stream.retry_at_s is not None and now_s >= stream.retry_at_s
            ]
        for stream in due:
            self._send_subscribe(stream)

    # What the server says.

    def _on_task_update(self, envelope: object = None, *_: object) -> None:
        update = as_object(envelope)
        if update is None:
            logger.warning("ignored a task_update that is no object: %r", envelope)
            return
        read_layout(update)
        with self._changed:
            stream = self._streams.get(str(update.get("task_id")))
            # Without a stream: all tasks are followed, or a server tells everybody everything.
            verdict = Verdict.NEXT if stream is None else stream.accept(update)
            if verdict is Verdict.NEXT:
                self._ready.append(update)
        if verdict is Verdict.GAP and stream is not None:
            self._ask_for_missing(stream)
        self._hand_on()

    def _ask_for_missing(self, stream: Stream) -> None:
        with self._changed:
            if not stream.confirmed or stream.retry_at_s is not None:
                # Asked already: what still arrives was on its way before the answer.
                return
            logger.info("task %s: the event after seq %d is missing", *_place(stream))
            at_once, stream.got_further = stream.got_further, False
            if not at_once:
                stream.retry_at_s = time.monotonic() + RETRY_DELAY_S
        if at_once:
            self._send_subscribe(stream)

    def _hand_on(self) -> None:
        """Calls back for all updates that are ready; one thread at a time, so in order."""
        with self._changed:
            if self._handing_on:
                return
            self._handing_on = True
        while True:
            with self._changed:
                if not self._ready:
                    self._handing_on = False
                    return
                update = self._ready.popleft()
                stream = self._streams.get(str(update.get("task_id")))
                if stream is not None:
                    stream.state.apply(update)
            self._dispatch(update)
            self._note_end(update)

    def _dispatch(self, update: Update) -> None:
        task_id, kind, data = _parts(update)
        callbacks: dict[str, TaskCallback | None] = {
            "status_change": self.on_status_change,
            "progress": self.on_progress,
            "iteration_complete": self.on_iteration_complete,
            "error": self.on_error,
            "snapshot": self.on_snapshot,
        }
        if self.on_update is not None:
            _call(self.on_update, update)
        callback = callbacks.get(kind)
        if callback is not None:
            _call(callback, task_id, data)
        elif self.on_update is None:
            logger.info("task %s: %s %s", task_id, kind, data)

    def _note_end(self, update: Update) -> None:
        task_id, kind, data = _parts(update)
        status = data.get("status")
        # A server without a log says `error` only, and no `status_change failed` after it.
        says_status = kind == "status_change" or (kind == "error" and "seq" not in update)
        if not says_status or status not in FINAL_STATUSES:
            return
        with self._changed:
            stream = self._streams.get(task_id)
            if stream is not None:
                stream.final_status = status
                self._changed.notify_all()

    def _on_subscribed(self, answer: object = None, *_: object) -> None:
        data = as_object(answer)
        if data is None:
            return
        task_id = str(data.get("task_id"))
        with self._changed:
            stream = self._streams.get(task_id)
            if stream is not None:
                stream.confirmed = True
                stream.retry_at_s = None
                log_id = data.get("log_id")
                stream.log_id = log_id if isinstance(log_id, str) else None
        if self.on_subscribed is not None:
            _call(self.on_subscribed, task_id, data)

    def _on_server_error(self, answer: object = None, *_: object) -> None:
        data = as_object(answer) or {"message": str(answer)}
        if self.on_server_error is not None:
            _call(self.on_server_error, data)
        else:
            logger.warning("the server refused a request: %s", data.get("message"))
        with self._changed:
            # Packets that were dropped unread have no task: any unanswered one may be among them.
            asked = data.get("task_id")
            unanswered = [
                stream
                for stream in self._streams.values()
                if not stream.confirmed
                and stream.final_status is None
                and (asked is None or stream.task_id == asked)
            ]
            if data.get("code") in PASSING_CODES:
                for stream in unanswered:
                    stream.retry_at_s = time.monotonic() + RETRY_DELAY_S
            elif asked is not None:
                for stream in unanswered:
                    stream.final_status = "refused"
                self._changed.notify_all()


def _place(stream: Stream) -> tuple[str, int]:
    return stream.task_id, stream.last_seq


def _parts(update: Update) -> tuple[str, str, dict[str, Any]]:
    return (
        str(update.get("task_id", "")),
        str(update.get("event_type", "")),
        as_object(update.get("data")) or {},
    )


def _call(callback: Callable[..., object], *arguments: object) -> None:
    # A mistake in a callback must not lose the events after it.
    try:
        callback(*arguments)
    except Exception:
        logger.exception("a callback raised")
