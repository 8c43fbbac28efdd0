"""The queue of jobs: so many run at a time, the others wait their turn in the order in which they came."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

import psutil

JOB_BYTES = 2 << 30
"""Memory that a job is expected to need."""
LOOK_EVERY_S = 0.5


def default_limit() -> int:
    """One job for each core that this process may use, as far as the machine's memory goes."""
    memory_bytes = psutil.virtual_memory().total
    return max(1, min(len(psutil.Process().cpu_affinity() or ()) or os.cpu_count() or 1, memory_bytes // JOB_BYTES))


class Queue:
    """Lets `limit` jobs in at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def is_full(self) -> bool:
        """Whether a job that comes now has to wait."""
        return self._running + len(self._waiting) >= self._limit

    def enter(self, called_off: Callable[[], object]) -> bool:
        """Wait for a turn, to be given back with `leave`; False, and no turn, if the job is called off before."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            while not called_off() and (self._running >= self._limit or self._waiting[0] is not ticket):
                self._changed.wait(LOOK_EVERY_S)
            self._waiting.remove(ticket)
            has_turn = not called_off()
            self._running += has_turn
            self._changed.notify_all()
            return has_turn

    def leave(self) -> None:
        """Let the next one in."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def look(self) -> None:
        """Have all who wait see at once whether they are called off."""
        with self._changed:
            self._changed.notify_all()
