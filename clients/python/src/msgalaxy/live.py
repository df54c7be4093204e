"""The live half: hear of every step of a task while it happens."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

import socketio
from socketio.exceptions import SocketIOError

from msgalaxy.all_tasks import ALL_TASKS, AllTasks, read_log
from msgalaxy.callbacks import Callbacks
from msgalaxy.connection import (
    NAMESPACE,
    close,
    handle_in_order,
    http_session,
    join,
    pause_asked_for,
    stands,
)
from msgalaxy.delivery import Options, Stream, Update, Verdict, read_layout
from msgalaxy.rest import FINAL_STATUSES, APIClient, Token, as_object, read_token
from msgalaxy.subscriptions import Subscriptions

#: Seconds until a subscription is asked for again when the server had trouble, or when an event is
#: missing although it was asked for.
RETRY_DELAY_S = 1.0

#: Seconds to wait for an orderly close.
HANG_UP_PATIENCE_S = 1.0

logger = logging.getLogger("msgalaxy.live")


class TaskWebSocketClient(Callbacks, Subscriptions):
    """Subscribes to tasks and calls back for each of their events, in order, each once.

    Assign the callbacks wanted; each is called with `(task_id, data)`:
    `on_status_change`, `on_progress`, `on_iteration_complete`, `on_error` (the task failed),
    `on_subscribed`, `on_snapshot` (the server could not continue where this client stood, and tells
    the task as it is). Three more: `on_update(envelope)` gets every event whole, with `seq` and
    `timestamp`; `on_server_error(data)` hears when the server refuses a request of this client;
    `on_missed(task_id)` belongs to the subscription of all tasks. Without a callback an event is
    logged.

    A broken connection is made again without end, and the subscriptions continue where they stood,
    until `disconnect()` is called.

    `token` is for a server that asks for one. A function is called for each connection, and when
    the token in use is about to end: so the connection stays.
    """

    def __init__(
        self,
        server_url: str = "http://localhost:5000",
        *,
        transports: Sequence[str] | None = None,
        connect_timeout: int = 10,
        retry_delay: float = 0.5,
        retry_delay_max: float = 5.0,
        token: Token | None = None,
    ) -> None:
        Callbacks.__init__(self)
        Subscriptions.__init__(self)
        self.server_url = server_url
        self._token = token
        self.connected = False
        self._transports = list(transports) if transports is not None else None
        self._connect_timeout_s = connect_timeout
        self._retry_delay_s = retry_delay
        self._retry_delay_max_s = retry_delay_max
        self._open = False
        #: When a server that was about to end wants this client back.
        self._not_before_s = 0.0
        #: Why the server let the last connection not in.
        self._refusal = "no reason given"
        self._wake = threading.Event()
        self._keeper: threading.Thread | None = None
        # The library leaves out what the address says beyond the host.
        self._path = f"{urlsplit(self.server_url).path.strip('/')}/socket.io".lstrip("/")
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
        if keeper not in (None, threading.current_thread()):
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
        of several `progress` events that wait for this client is sent. With `layout` the first
        `progress` and each `iteration_complete` carry `data["layout"]`, in it the panels'
        temperatures as an `array("f")`. `after_seq` and `log_id` continue where another process
        stopped.

        A task that is subscribed already goes on where it stands, with the options given now.

        The task "*", which has no options, stands for the status changes of all tasks from now on;
        `wait_for_completion` takes no notice of them. What was missed of a task that was heard of
        is read from its log: `on_missed` is called with its id, and the events follow. With "*" it
        says that any task's may have been missed: read the list of tasks again.
        """
        if not self._open:
            raise RuntimeError("Not connected to server")
        with self._changed:
            stream = self._streams.get(task_id)
            if stream is None:
                stream = Stream(task_id, last_seq=after_seq, log_id=log_id)
                self._streams[task_id] = stream
            stream.options = Options(events, coalesce, layout)
            if task_id == ALL_TASKS and self._all is None:
                self._all = AllTasks()
        # Without a connection just now, the next one subscribes.
        if self.connected:
            self._send_subscribe(stream)

    def unsubscribe(self, task_id: str) -> None:
        """Hears no more of a task. The task itself goes on."""
        with self._changed:
            self._streams.pop(task_id, None)
            if task_id == ALL_TASKS:
                self._all = None
            self._changed.notify_all()
            try:
                self.sio.emit("unsubscribe", {"task_id": task_id}, namespace=NAMESPACE)
                self._left[task_id] += 1
            except SocketIOError:
                # No connection, no subscription.
                logger.debug("not connected while unsubscribing from %s", task_id)

    def catch_up(self, task_id: str) -> None:
        """Brings those status changes of a task that the subscription of "*" has not brought."""
        with self._changed:
            if self._all is None:
                raise RuntimeError('Not subscribed to "*"')
            self._all.missed(task_id)
        self._wake.set()

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

    def _outcome(self, stream: Stream) -> str | None:
        """How a task ended, also while the callback of its last event calls `disconnect()`."""
        status = stream.state.status
        if stream.final_status is None and not self._open and status in FINAL_STATUSES:
            return status
        return stream.final_status

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
        sio.on("unsubscribed", self._on_unsubscribed, namespace=NAMESPACE)
        sio.on("error", self._on_server_error, namespace=NAMESPACE)
        sio.on("server_draining", self._on_draining, namespace=NAMESPACE)
        sio.on("connect_error", self._on_refused, namespace=NAMESPACE)
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
                socketio_path=self._path,
                auth=None if self._token is None else {"token": read_token(self._token)},
                wait=False,
            )
            join(self.sio, self._connect_timeout_s, lambda: self._refusal)
        except Exception:
            self._hang_up(patience_s=0)
            raise
        self._resume()

    def _resume(self) -> None:
        """A connection stands: every subscription continues on it."""
        with self._changed:
            self.connected = True
            self._left.clear()
            if self._all is not None:
                self._all.lost()
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
                self._catch_up()
                continue
            self.connected = False
            pause_s = min(self._retry_delay_s * 2**failures, self._retry_delay_max_s)
            self._pause(pause_s * random.uniform(0.5, 1.0))
            self._pause(self._not_before_s - time.monotonic())
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

    def _renew(self, token: Callable[[], str]) -> None:
        """The token is about to end: shows a new one, without which the connection ends."""
        try:
            self.sio.emit("auth_refresh", {"token": token()}, namespace=NAMESPACE)
        except Exception as error:
            # The next connection asks for a token again.
            logger.warning("the token could not be renewed: %s", error)

    def _send_subscribe(self, stream: Stream) -> None:
        # Under the lock: an `unsubscribe` of another thread comes behind it or stops it.
        with self._changed:
            if self._streams.get(stream.task_id) is not stream:
                return
            stream.confirmed = False
            stream.retry_at_s = None
            try:
                self.sio.emit("subscribe", stream.request(), namespace=NAMESPACE)
            except SocketIOError:
                # The connection broke just now: the next one subscribes again.
                self._wake.set()

    def _ask_again(self) -> None:
        """Subscribes again where that was put off."""
        for stream in self._due(time.monotonic()):
            self._send_subscribe(stream)

    def _catch_up(self) -> None:
        """Reads what the subscription of all tasks has missed."""
        while self._open and self.connected:
            with self._changed:
                known = self._all
                todo = known.to_read() if known is not None else None
            if known is None or todo is None or not self._read_missed(known, *todo):
                return

    def _read_missed(self, known: AllTasks, task_id: str, after: int) -> bool:
        """Reads one task's log; says whether that was possible."""
        with APIClient(self.server_url, timeout=self._connect_timeout_s, token=self._token) as api:
            log = read_log(api, task_id, after, known.log_id)
        with self._changed:
            if log is None or self._all is not known:
                known.unread(task_id)
                return False
            for update in known.read(task_id, log):
                self._calls.add(partial(self._hand_on, None, update))
        self._calls.make()
        return True

    # What the server says.

    def _on_task_update(self, envelope: object = None, *_: object) -> None:
        update = as_object(envelope)
        if update is None:
            logger.warning("ignored a task_update that is no object: %r", envelope)
            return
        read_layout(update)
        with self._changed:
            stream = self._stream_of(update)
            verdict = self._judge(stream, update)
            if verdict is Verdict.NEXT:
                self._calls.add(partial(self._hand_on, stream, update))
        if verdict is Verdict.GAP and stream is not None:
            self._ask_for_missing(stream)
        self._calls.make()

    def _ask_for_missing(self, stream: Stream) -> None:
        with self._changed:
            if not stream.confirmed or stream.retry_at_s is not None:
                # Asked already: what still arrives was on its way before the answer.
                return
            logger.info(
                "task %s: the event after seq %d is missing", stream.task_id, stream.last_seq
            )
            at_once, stream.got_further = stream.got_further, False
            if not at_once:
                stream.retry_at_s = time.monotonic() + RETRY_DELAY_S
        if at_once:
            self._send_subscribe(stream)

    def _hand_on(self, stream: Stream | None, update: Update) -> None:
        if stream is not None:
            with self._changed:
                if not self._is_wanted(stream, update):
                    return
                stream.state.apply(update)
        self._call_back(update)
        if stream is not None:
            self._note_end(stream, update)

    def _on_subscribed(self, answer: object = None, *_: object) -> None:
        data = as_object(answer)
        if data is None:
            return
        task_id, log_id = str(data.get("task_id")), data.get("log_id")
        missed = False
        with self._changed:
            if self._left[task_id] and log_id is not None:
                # The answer to a subscription that has been ended.
                return
            stream = self._streams.get(task_id)
            if stream is not None:
                if stream.subscribed(log_id if isinstance(log_id, str) else None):
                    # Behind the events of the other log whose callbacks still wait.
                    self._calls.add(stream.forget)
                if task_id == ALL_TASKS and self._all is not None:
                    missed = self._all.subscribed(stream.log_id)
        self._calls.make()
        self._tell(self.on_subscribed, task_id, data)
        if missed:
            self._missed(ALL_TASKS)

    def _on_unsubscribed(self, answer: object = None, *_: object) -> None:
        with self._changed:
            self._note_unsubscribed(str((as_object(answer) or {}).get("task_id")))

    def _missed(self, task_id: str) -> None:
        with self._changed:
            if self._all is None:
                return
            self._all.missed(task_id)
        self._tell(self.on_missed, task_id)
        self._wake.set()

    def _on_draining(self, notice: object = None, *_: object) -> None:
        """The server is about to end, and says in how many milliseconds another may be there."""
        pause_s = pause_asked_for(as_object(notice) or {})
        if pause_s is not None:
            self._not_before_s = time.monotonic() + pause_s
            logger.info("the server is about to end; connecting again in %.1f s", pause_s)

    def _on_refused(self, answer: object = None, *_: object) -> None:
        refusal = as_object(answer) or {"message": str(answer)}
        code = (as_object(refusal.get("data")) or {}).get("code")
        self._refusal = f"{refusal.get('message')}" + (f" [{code}]" if code else "")

    def _on_server_error(self, answer: object = None, *_: object) -> None:
        data = as_object(answer) or {"message": str(answer)}
        asked, code = data.get("task_id"), data.get("code")
        if code == "events_missed":
            for task_id in data.get("task_ids", [ALL_TASKS]):
                self._missed(str(task_id))
            return
        if code == "token_expiring" and callable(self._token):
            self._renew(self._token)
            return
        if self.on_server_error is None:
            logger.warning("the server refused a request: %s", data.get("message"))
        self._tell(self.on_server_error, data)
        with self._changed:
            stream = self._streams.get(str(asked))
            if stream is None or stream.confirmed or stream.final_status is not None:
                # Of no task, or of one that is followed already.
                return
            if code == "internal":
                stream.retry_at_s = time.monotonic() + RETRY_DELAY_S
            else:
                stream.final_status = "refused"
                self._changed.notify_all()
