"""What a live client is subscribed to, and which of the arriving events it hands on."""

from __future__ import annotations

import threading
from collections import Counter

from msgalaxy.all_tasks import ALL_TASKS, AllTasks, is_status
from msgalaxy.callbacks import parts
from msgalaxy.delivery import Stream, Update, Verdict
from msgalaxy.rest import FINAL_STATUSES
from msgalaxy.state import TaskState


class Subscriptions:
    """The subscriptions of a live client."""

    def __init__(self) -> None:
        #: Guards all that is in here; told whenever a stream ends.
        self._changed = threading.Condition()
        self._streams: dict[str, Stream] = {}
        self._all: AllTasks | None = None
        #: Tasks whose `unsubscribed` has not come, with how many of them are to come.
        self._left: Counter[str] = Counter()

    def task_state(self, task_id: str) -> TaskState:
        """A subscribed task as of the newest callback: the fold of its events."""
        with self._changed:
            return self._streams[task_id].state

    def _all_ended(self) -> bool:
        streams = self._waited_for()
        return bool(streams) and all(stream.final_status is not None for stream in streams)

    def _waited_for(self) -> list[Stream]:
        return [stream for stream in self._streams.values() if stream.task_id != ALL_TASKS]

    def _due(self, now_s: float) -> list[Stream]:
        """The streams whose time to subscribe again has come."""
        with self._changed:
            return [
                stream
                for stream in self._streams.values()
                if stream.retry_at_s is not None and now_s >= stream.retry_at_s
            ]

    def _stream_of(self, update: Update) -> Stream | None:
        """The stream that an event belongs to, if any."""
        return None if self._was_left(update) else self._streams.get(parts(update)[0])

    def _judge(self, stream: Stream | None, update: Update) -> Verdict:
        known = self._all if is_status(update) else None
        if stream is not None:
            verdict = stream.accept(update)
            if known is not None and verdict is Verdict.NEXT:
                known.note(update)
            return verdict
        if is_status(update) and self._left[ALL_TASKS] and "seq" in update:
            # On its way since before the subscription of all tasks was ended.
            return Verdict.OLD
        if known is not None:
            return Verdict.NEXT if known.accept(update) else Verdict.OLD
        # A server may tell everybody everything.
        return Verdict.OLD if self._was_left(update) else Verdict.NEXT

    def _was_left(self, update: Update) -> bool:
        """Whether an event belongs to a subscription that has been ended.

        Only a server that numbers its events answers `unsubscribe`; from others what belongs to a
        new subscription cannot be told apart.
        """
        task_id = parts(update)[0]
        return self._left[task_id] > 0 and ("seq" in update or task_id not in self._streams)

    def _is_wanted(self, stream: Stream, update: Update) -> bool:
        """Whether an event whose turn has come is still to be told."""
        is_followed = self._streams.get(stream.task_id) is stream
        return is_followed or (self._all is not None and is_status(update))

    def _note_unsubscribed(self, task_id: str) -> None:
        """The answer to `unsubscribe`: nothing of the subscription is on its way any more."""
        self._left[task_id] -= 1
        if self._left[task_id] <= 0:
            del self._left[task_id]

    def _note_end(self, stream: Stream, update: Update) -> None:
        _, kind, data = parts(update)
        status = data.get("status")
        # A server without a log says `error` only, and no `status_change failed` after it.
        says_status = kind == "status_change" or (kind == "error" and "seq" not in update)
        if not says_status or status not in FINAL_STATUSES:
            return
        with self._changed:
            stream.final_status = status
            self._changed.notify_all()
