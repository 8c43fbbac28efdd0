"""The queue of jobs: a limited number runs at a time, the others wait in the order in which they came."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

JOB_BYTES = 2 << 30
"""Memory that a job is expected to need."""

NO_THREAD = (
    "No thread could be started, because the limit of processes or of memory is reached. Raise the limit (`ulimit -u`), or try "
    "again when other jobs have ended."
)

Work = Callable[[], None]


class CannotBegin(Exception):
    """No thread could be started, and none is there that could do the work later."""


def begin(act: Callable[..., object], name: str, *arguments: Any) -> None:
    """Call `act` in a thread of its own. Raises CannotBegin if none can be started."""
    try:
        threading.Thread(target=act, args=arguments, name=name, daemon=True).start()
    except RuntimeError:
        raise CannotBegin(NO_THREAD) from None


@dataclass(frozen=True)
class Waiting:
    """A job that waits: `run` runs it to its end, `expire` is called in its place at `until`, on the clock of `time.monotonic`."""

    run: Work
    expire: Work
    until: float


def default_limit() -> int:
    """One job for each core that this process may use, and at most one for every 2 GiB of the machine's memory."""
    memory_bytes = psutil.virtual_memory().total
    return max(1, min(len(psutil.Process().cpu_affinity() or ()) or os.cpu_count() or 1, memory_bytes // JOB_BYTES))


class Queue:
    """Runs at most `limit` jobs at a time, each in a thread that takes the next job afterwards. Thread-safe.

    A job that waits is a record and holds no thread, whatever may end its wait: one thread watches over the limits of all.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running = 0
        self._waiting: deque[Waiting] = deque()
        self._closed = False
        self._changed = threading.Condition()
        self._wakes_at = math.inf  # the time at which the thread that watches looks again, if there is one

    @property
    def limit(self) -> int:
        """How many jobs run at a time."""
        return self._limit

    @property
    def running(self) -> int:
        """How many jobs run now."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many jobs wait now."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether a job that comes now has to wait."""
        return self._running + len(self._waiting) >= self._limit

    def enter(self, run: Work, expire: Work = lambda: None, within_s: float = math.inf) -> None:
        """Call `run` in a thread when it is the job's turn, or `expire` if that does not come within so many seconds.

        Raises CannotBegin, and forgets the job, if no thread starts and no job runs whose thread could take it.
        """
        job = Waiting(run, expire, time.monotonic() + within_s)
        with self._changed:
            self._waiting.append(job)
            self._begin()
            if self._waiting and not self._running and not self._closed:
                self._waiting.remove(job)
                raise CannotBegin(NO_THREAD)
            self._watch(job.until)

    def remove(self, run: Work) -> bool:
        """Remove a job that waits. Returns False if it does not wait."""
        with self._changed:
            found = next((job for job in self._waiting if job.run == run), None)
            if found:
                self._waiting.remove(found)
                self._end_watch()
            return found is not None

    def close(self) -> None:
        """Begin no more jobs; those that wait are left as they are."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _begin(self) -> None:
        """Start threads for the jobs whose turn it is. Where none starts, a running job's thread takes the next job."""
        while self._waiting and self._running < self._limit and not self._closed:
            try:
                begin(self._work, "job", self._waiting[0])
            except CannotBegin:
                return
            self._waiting.popleft()
            self._running += 1

    def _work(self, job: Waiting | None) -> None:
        while job:
            try:
                job.run()
            finally:
                job = self._next()

    def _next(self) -> Waiting | None:
        with self._changed:
            self._running -= 1
            if not self._waiting or self._closed:
                return None
            self._running += 1
            job = self._waiting.popleft()
            self._begin()
            self._end_watch()
            return job

    # The limits of waiting

    def _watch(self, until: float) -> None:
        """Let the thread that watches wake up by that time, if not earlier."""
        if until >= self._wakes_at:
            return
        if self._wakes_at == math.inf:
            try:
                begin(self._expire, "limits of waiting")
            except CannotBegin:  # the next job that enters tries again
                return
        self._wakes_at = until
        self._changed.notify_all()

    def _end_watch(self) -> None:
        if self._wakes_at < math.inf and not any(job.until < math.inf for job in self._waiting):
            self._changed.notify_all()

    def _expire(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                # mutants: equivalent: what is due now is due a moment later as well
                due = [job for job in self._waiting if job.until <= now]
                for job in due:
                    self._waiting.remove(job)
                self._wakes_at = min((job.until for job in self._waiting), default=math.inf)
                if not due and (self._wakes_at == math.inf or self._closed):
                    return
                if not due:
                    self._changed.wait(self._wakes_at - now)
            for job in due:
                job.expire()
