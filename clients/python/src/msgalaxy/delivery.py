"""What one subscription asks for, and which of the arriving events it hands on.

A replay after a reconnect may overlap what came before, and an event may be missing: `seq` sorts it
out, which counts from 1, without a gap, per task.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from msgalaxy.rest import as_object
from msgalaxy.state import TaskState

Update = dict[str, Any]


class Verdict(Enum):
    """What to do with an event."""

    #: It is the one whose turn it is: hand it on.
    NEXT = auto()
    #: It was handed on before: drop it.
    OLD = auto()
    #: At least one before it is missing: it will come again, behind that one.
    GAP = auto()


@dataclass
class Options:
    """Which events a subscription brings, and what they carry."""

    events: Sequence[str] | None = None
    coalesce: bool = False
    layout: bool = False

    def request(self) -> dict[str, Any]:
        """The packet's fields for these options."""
        packet: dict[str, Any] = {}
        if self.events is not None:
            # The end of a task is a status change; without it a wait would never return.
            packet["events"] = list(dict.fromkeys([*self.events, "status_change"]))
        if self.coalesce:
            packet["coalesce"] = True
        if self.layout:
            packet["layout"] = True
        return packet

    @property
    def leaves_out(self) -> bool:
        """Whether not every event comes, so that `prev_seq` says which one came before."""
        return self.events is not None or self.coalesce


@dataclass
class Stream:
    """What is known of one subscribed task."""

    task_id: str
    options: Options = field(default_factory=Options)
    #: Seq of the last event that was handed on.
    last_seq: int = 0
    #: Incarnation of the server's log that `last_seq` belongs to.
    log_id: str | None = None
    #: The server has answered the newest subscribe.
    confirmed: bool = False
    #: An event has been handed on since the last gap.
    got_further: bool = True
    #: Status after which nothing follows, or "refused".
    final_status: str | None = None
    #: When to subscribe again after something that will pass, on the caller's clock.
    retry_at_s: float | None = None
    #: The task as of the last event that was handed on.
    state: TaskState = field(init=False)

    def __post_init__(self) -> None:
        self.state = TaskState(self.task_id)

    def request(self) -> dict[str, Any]:
        """The subscribe packet that continues where this stream stands."""
        packet: dict[str, Any] = {"task_id": self.task_id}
        if self.last_seq:
            packet["after_seq"] = self.last_seq
            if self.log_id is not None:
                packet["log_id"] = self.log_id
        return packet | self.options.request()

    def subscribed(self, log_id: str | None) -> bool:
        """The server has answered. Says whether its log is another one than before."""
        self.confirmed = True
        self.retry_at_s = None
        is_other = None not in (log_id, self.log_id) and log_id != self.log_id
        if is_other:
            # The numbers so far mean nothing in it. The server sends a snapshot; should the
            # connection break before, everything is asked for.
            self.last_seq = 0
        self.log_id = log_id
        return is_other

    def forget(self) -> None:
        """Empties the state for the events of another log; they do not tell the request."""
        self.state = TaskState(self.task_id, config=self.state.config)

    def accept(self, update: Update) -> Verdict:
        """Judges one event; after `NEXT` the stream stands behind it."""
        seq = update.get("seq")
        if update.get("event_type") == "snapshot":
            self._restart(update)
            return Verdict.NEXT
        if not isinstance(seq, int):
            # A server without a log numbers nothing; what it sends is in order.
            return Verdict.NEXT
        if seq <= self.last_seq:
            return Verdict.OLD
        before = update.get("prev_seq") if self.options.leaves_out else None
        # The status that follows a snapshot names the snapshot, whose seq is its own.
        if min(before if isinstance(before, int) else seq, seq - 1) > self.last_seq:
            return Verdict.GAP
        self.last_seq = seq
        self.got_further = True
        return Verdict.NEXT

    def _restart(self, snapshot: Update) -> None:
        # The server cannot continue from where we were: it sends the task as it is, then repeats
        # its status, and goes on from the head of its log.
        head = (as_object(snapshot.get("data")) or {}).get("head_seq")
        if isinstance(head, int):
            # One less, so that the repeated status (numbered as the head) is handed on as well.
            self.last_seq = max(head - 1, 0)
            self.got_further = True


def read_layout(update: Update) -> None:
    """Turns the binary temperature field of a layout into an array of floats."""
    layout = as_object((as_object(update.get("data")) or {}).get("layout"))
    panels = as_object((layout or {}).get("panels"))
    if panels is None or not isinstance(panels.get("temperatures"), bytes):
        return
    temperatures = array("f")
    temperatures.frombytes(panels["temperatures"])
    if sys.byteorder == "big":
        temperatures.byteswap()
    panels["temperatures"] = temperatures
