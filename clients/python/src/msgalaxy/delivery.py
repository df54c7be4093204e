"""Brings the events of one task into order, each exactly once.

Events arrive on any thread, perhaps twice (a replay after a reconnect overlaps what came before)
and perhaps swapped (the Socket.IO library starts a thread per message). `seq` sorts it out: from 1,
without a gap, per task.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from msgalaxy.rest import as_object

Update = dict[str, Any]

#: Events held back while an earlier one is missing; beyond it all are asked for again.
HELD_LIMIT = 1000


@dataclass
class Stream:
    """What is known of one subscribed task."""

    task_id: str
    #: Seq of the last event that was handed on.
    last_seq: int = 0
    #: Incarnation of the server's log that `last_seq` belongs to.
    log_id: str | None = None
    #: The server has answered the newest subscribe.
    confirmed: bool = False
    #: Status after which nothing follows, or "refused".
    final_status: str | None = None
    #: Since when an event has been missing, on the caller's clock.
    gap_since_s: float | None = None
    #: When to subscribe again after a refusal that will pass, on the caller's clock.
    retry_at_s: float | None = None
    _held: dict[int, Update] = field(default_factory=dict[int, Update])

    def request(self) -> dict[str, Any]:
        """The subscribe packet that continues where this stream stands."""
        packet: dict[str, Any] = {"task_id": self.task_id}
        if self.last_seq:
            packet["after_seq"] = self.last_seq
            if self.log_id is not None:
                packet["log_id"] = self.log_id
        return packet

    def accept(self, update: Update, now_s: float) -> list[Update]:
        """Takes one event and returns those whose turn it is, in order."""
        seq = update.get("seq")
        if update.get("event_type") == "snapshot":
            return self._restart(update)
        if not isinstance(seq, int):
            # A server without a log numbers nothing; what it sends is in order.
            return [update]
        if seq <= self.last_seq:
            return []
        self._held[seq] = update
        ready = self._take_ready()
        if not self._held:
            self.gap_since_s = None
        elif ready or self.gap_since_s is None:
            self.gap_since_s = now_s
        if len(self._held) > HELD_LIMIT:
            self._held.clear()
        return ready

    def _take_ready(self) -> list[Update]:
        ready: list[Update] = []
        for seq in sorted(self._held):
            update = self._held[seq]
            # A subscription that leaves events out says which one came before.
            before = update.get("prev_seq", seq - 1)
            if before > self.last_seq:
                break
            del self._held[seq]
            if seq > self.last_seq:
                self.last_seq = seq
                ready.append(update)
        return ready

    def _restart(self, snapshot: Update) -> list[Update]:
        # The server cannot continue from where we were: it sends the task as it is, then repeats
        # its status, and goes on from the head of its log.
        head = (as_object(snapshot.get("data")) or {}).get("head_seq")
        self.gap_since_s = None
        if isinstance(head, int):
            # One less, so that the repeated status (numbered as the head) is handed on as well.
            self.last_seq = max(head - 1, 0)
        return [snapshot, *self._take_ready()]
