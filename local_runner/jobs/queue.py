"""The queue of jobs: a limited number runs at a time, the others wait in the order in which they came."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

import psutil

JOB_BYTES = 2 << 30
"""Memory that a job is expected to need."""

Begin = Callable[[], None]


def default_limit() -> int:
    """One job for each core that this process may use, and at most one for every 2 GiB of the machine's memory."""
    memory_bytes = psutil.virtual_memory().total
    return max(1, min(len(psutil.Process().cpu_affinity() or ()) or os.cpu_count() or 1, memory_bytes // JOB_BYTES))


class Queue:
    """Begins at most `limit` jobs at a time. Thread-safe. A job that waits holds no thread."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running = 0
        self._waiting: deque[Begin] = deque()
        self._closed = False
        self._lock = threading.Lock()

    @property
    def is_full(self) -> bool:
        """Whether a job that comes now has to wait."""
        return self._running + len(self._waiting) >= self._limit

    def enter(self, begin: Begin) -> None:
        """Call `begin`, which must return at once, when it is the job's turn. The job gives its turn back with `leave`."""
        with self._lock:
            self._waiting.append(begin)
            self._begin_next()

    def remove(self, begin: Begin) -> bool:
        """Remove a job that waits. Returns False if it does not wait."""
        with self._lock:
            waits = begin in self._waiting
            if waits:
                self._waiting.remove(begin)
            return waits

    def leave(self) -> None:
        """End a job's turn, and begin the next job."""
        with self._lock:
            self._running -= 1
            self._begin_next()

    def close(self) -> None:
        """Begin no more jobs; those that wait are left as they are."""
        with self._lock:
            self._closed = True

    def _begin_next(self) -> None:
        while self._waiting and self._running < self._limit and not self._closed:
            self._running += 1
            self._waiting.popleft()()
