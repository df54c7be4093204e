"""The subscription to all tasks: what of their status changes was heard, and what was missed.

Such a subscription begins where it is made, so a broken connection leaves a hole. What is missing
of a task that was heard of is read from its log; meanwhile what arrives of it waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from msgalaxy.rest import FINAL_STATUSES, APIClient, APIError, as_object

Update = dict[str, Any]

#: Subscribed instead of a task: the status changes of all tasks.
ALL_TASKS = "*"

#: Tasks remembered; of the finished ones the oldest is forgotten first.
MAX_REMEMBERED = 10_000


@dataclass
class Mark:
    """How far one task was heard."""

    seq: int = 0
    ended: bool = False
    #: Something was missed that a reading of the log may have passed already.
    missed: bool = False
    #: What arrived while the log is to be read: it comes after that.
    waiting: list[Update] | None = None

    def take(self, update: Update) -> bool:
        """Whether an event has not been heard yet; it has, then."""
        seq = update.get("seq")
        if isinstance(seq, int):
            if seq <= self.seq:
                return False
            self.seq = seq
        self.ended = (as_object(update.get("data")) or {}).get("status") in FINAL_STATUSES
        return True


class AllTasks:
    """What is known of all tasks. The caller sees to it that one thread at a time is in here."""

    def __init__(self) -> None:
        #: Incarnation of the server's log that the marks belong to.
        self.log_id: str | None = None
        #: Whether the connection broke since the subscription stood.
        self.was_away = False
        self._stood = False
        self._marks: dict[str, Mark] = {}

    def subscribed(self, log_id: str | None) -> bool:
        """The subscription stands. Says whether events may have been missed."""
        if self.log_id is not None and log_id != self.log_id:
            # Another log: the numbers heard so far mean nothing in it.
            self._marks.clear()
        self.log_id = log_id
        was_away, self.was_away, self._stood = self.was_away, False, True
        return was_away

    def lost(self) -> None:
        """The connection is gone."""
        self.was_away |= self._stood
        self._stood = False

    def accept(self, update: Update) -> bool:
        """Whether to hand on a status change now."""
        mark = self._mark(str(update.get("task_id")))
        if mark.waiting is not None:
            mark.waiting.append(update)
            return False
        return mark.take(update)

    def note(self, update: Update) -> None:
        """A status change came by the task's own subscription."""
        self._mark(str(update.get("task_id"))).take(update)

    def missed(self, task_id: str) -> None:
        """Status changes of a task, or of any, may have been missed."""
        if task_id != ALL_TASKS:
            self._mark(task_id)
        for known, mark in self._marks.items():
            if task_id in (known, ALL_TASKS) and not mark.ended:
                mark.missed = True
                if mark.waiting is None:
                    mark.waiting = []

    def to_read(self) -> tuple[str, int] | None:
        """The next task whose log is to be read, and the seq behind which."""
        for task_id, mark in self._marks.items():
            if mark.missed:
                mark.missed = False
                return task_id, mark.seq
        return None

    def read(self, task_id: str, log: list[Update]) -> list[Update]:
        """What to hand on of the status changes in a log, and of what waited for them."""
        mark = self._marks.get(task_id)
        if mark is None:
            return []
        fresh = [update for update in log if mark.take(update)]
        if not mark.missed:
            fresh += [update for update in mark.waiting or [] if mark.take(update)]
            mark.waiting = None
        return fresh

    def unread(self, task_id: str) -> None:
        """A log could not be read: it is tried again."""
        mark = self._marks.get(task_id)
        if mark is not None:
            mark.missed = True

    def _mark(self, task_id: str) -> Mark:
        if task_id not in self._marks and len(self._marks) >= MAX_REMEMBERED:
            over = (known for known, mark in self._marks.items() if mark.ended)
            del self._marks[next(over, next(iter(self._marks)))]
        return self._marks.setdefault(task_id, Mark())


def read_log(api: APIClient, task_id: str, after: int, log_id: str | None) -> list[Update] | None:
    """The status changes of a task behind a seq; None when they cannot be read now."""
    found: list[Update] = []
    try:
        while True:
            page = api.events(task_id, after)
            if log_id is not None and page["log_id"] != log_id:
                # The server has another log; the connection will say so, too.
                return None
            if not page["events"]:
                return found
            found += filter(is_status, page["events"])
            after = page["next_after"]
    except APIError as refusal:
        # There is no such task, for instance: waiting would not help.
        return found if refusal.status < 500 and refusal.status not in (408, 429) else None
    except (requests.RequestException, KeyError):
        return None


def is_status(update: Update) -> bool:
    """Whether an event is a change of status."""
    return update.get("event_type") == "status_change"
