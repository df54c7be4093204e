"""What both Python servers emit: the same events by the same schedule."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Without a rate: how many events are emitted before others get their turn.
UNPACED_BATCH = 64


@dataclass(frozen=True)
class Order:
    """A publish request of the load generator."""

    task: str
    count: int
    rate: float
    seq0: int

    def schedule(self) -> Iterator[tuple[float | None, dict[str, Any]]]:
        """Yields before each event how long to sleep (None: not at all), and the event.

        The event is made after the sleep, so that its time is that of the emit.
        """
        start_us = now_us()
        for i in range(self.count):
            due_us = start_us + int(i * 1e6 / self.rate) if self.rate > 0 else now_us()
            wait_us = due_us - now_us()
            if wait_us > 0:
                yield wait_us * 1e-6, {}
            elif i % UNPACED_BATCH == UNPACED_BATCH - 1:
                yield 0.0, {}
            yield None, update(self.task, self.seq0 + i, due_us)


def now_us() -> int:
    """CLOCK_MONOTONIC, which the load generator reads, too."""
    return time.monotonic_ns() // 1000


def update(task: str, seq: int, due_us: int) -> dict[str, Any]:
    iteration = seq % 20 + 1
    return {
        "task_id": task,
        "event_type": "progress",
        "data": {
            "current_iteration": iteration,
            "max_iterations": 20,
            "progress_percent": iteration * 5,
            "message": f"Iteration {iteration} of 20",
            "pub_seq": seq,
            "ts_us": now_us(),
            "due_us": due_us,
        },
        "timestamp": datetime.now().isoformat(),
    }
