"""A task as the fold of its events."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from msgalaxy.rest import FINAL_STATUSES, as_object

STATUSES = frozenset({"pending", "running", "paused"}) | FINAL_STATUSES


@dataclass
class TaskState:
    """What is known of a task after the events so far.

    `apply` takes one `task_update` after the other; afterwards the fields are those of
    `GET /api/tasks/{id}`. The server and the JavaScript client fold by the same rule.
    """

    id: str
    status: str = "pending"
    #: The request that created the task; known from a snapshot or `from_task` only.
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    created_at: str = ""
    started_at: str | None = None
    completed_at: str | None = None
    #: What the task gave back, once it has ended.
    result: dict[str, Any] | None = None
    #: Why it failed.
    error: str | None = None
    #: Data of the newest `progress`.
    progress: dict[str, Any] | None = None
    #: Data of the newest `iteration_complete`.
    last_iteration: dict[str, Any] | None = None
    #: Seq of the newest event that was folded in.
    head_seq: int = 0
    #: Data of every `iteration_complete` that was folded in, oldest first, without its layout.
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @classmethod
    def from_task(cls, task: dict[str, Any]) -> TaskState:
        """The state that a task object (of `APIClient.get_task`) tells of."""
        state = cls(str(task["id"]))
        state._take(task)
        return state

    @property
    def metrics(self) -> dict[str, Any]:
        """The headline numbers of the newest iteration."""
        return as_object((self.last_iteration or {}).get("metrics")) or {}

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to the task."""
        return self.status in FINAL_STATUSES

    def apply(self, update: dict[str, Any]) -> bool:
        """Folds one event in. False when it is old news or another task's: nothing has changed."""
        kind, seq = update.get("event_type"), update.get("seq")
        data = as_object(update.get("data")) or {}
        if update.get("task_id") != self.id:
            return False
        if kind == "snapshot":
            self._take(data)
            return True
        if not isinstance(seq, int) or seq <= self.head_seq:
            return False
        timestamp = str(update.get("timestamp", ""))
        if self.head_seq == 0:
            self.created_at = timestamp
        self.head_seq = seq
        if kind == "status_change":
            self._take_status(data, timestamp)
        elif kind == "progress":
            self.progress = _without_layout(data)
        elif kind == "iteration_complete":
            self.last_iteration = _without_layout(data)
            self.history.append(self.last_iteration)
        # An `error` changes the task only by the status change that follows it.
        return True

    def to_task(self) -> dict[str, Any]:
        """The task object, as the server tells it."""
        task = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "history"}
        return task | {"task_id": self.id}

    def _take_status(self, data: dict[str, Any], timestamp: str) -> None:
        status = data.get("status")
        # A status that this version does not know leaves the task as it was.
        if status not in STATUSES:
            return
        self.status = status
        if status == "running" and self.started_at is None:
            self.started_at = timestamp
        if status in FINAL_STATUSES:
            error = data.get("error")
            self.completed_at = timestamp
            self.result = as_object(data.get("result"))
            self.error = error if isinstance(error, str) else None

    def _take(self, task: dict[str, Any]) -> None:
        for f in fields(self):
            if f.name in task and f.name not in ("id", "history"):
                setattr(self, f.name, task[f.name])


def _without_layout(data: dict[str, Any]) -> dict[str, Any]:
    """A layout is of its event alone: a task object never has it."""
    return {key: value for key, value in data.items() if key != "layout"}
