"""How long the invocations of endpoints took lately, and how many failed. AWS has these numbers as metrics of CloudWatch."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

MOST_KEPT = 5_000  # mutants: equivalent: nothing promises their exact number
"""Invocations of one variant that are kept; with more in a window, its numbers are those of the last so many."""


@dataclass(frozen=True)
class Invocation:
    """One invocation: when it ended, in seconds of a clock that never goes back, how many it took, and whether it failed."""

    ended_s: float
    took_s: float
    failed: bool


@dataclass(frozen=True)
class InvocationSummary:
    """Numbers of the invocations in a window of time. `p50_s` and `p99_s` are None without one."""

    count: int
    errors: int
    p50_s: float | None
    p99_s: float | None


class InvocationTimes:
    """The last invocations of each variant. Thread-safe; it holds at most `MOST_KEPT` for each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, deque[Invocation]]] = {}

    @contextmanager
    def measured(self, endpoint: str, variant: str) -> Iterator[None]:
        """Note how long the block takes, and whether it raises."""
        begun_s, failed = time.monotonic(), True
        try:
            yield
            failed = False
        finally:
            now_s = time.monotonic()
            self._note(endpoint, variant, Invocation(now_s, now_s - begun_s, failed))

    def summary(self, endpoint: str, variant: str, window_s: float) -> InvocationSummary:
        """The numbers of the last `window_s` seconds."""
        begin_s = time.monotonic() - window_s
        with self._lock:
            found = [one for one in self._kept.get(endpoint, {}).get(variant, ()) if one.ended_s >= begin_s]
        times_s = sorted(one.took_s for one in found)
        errors = sum(one.failed for one in found)
        return InvocationSummary(len(found), errors, percentile(times_s, 50), percentile(times_s, 99))

    def forget(self, endpoint: str) -> None:
        """Drop what is kept of an endpoint that was deleted."""
        with self._lock:
            self._kept.pop(endpoint, None)

    def _note(self, endpoint: str, variant: str, invocation: Invocation) -> None:
        with self._lock:
            variants = self._kept.setdefault(endpoint, defaultdict(lambda: deque(maxlen=MOST_KEPT)))
            variants[variant].append(invocation)


def percentile(ascending: Sequence[float], percent: int) -> float | None:
    """The smallest value that at least so many percent of all do not exceed (nearest rank); None of none.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50), percentile([1.0, 2.0, 3.0, 4.0], 99)
    (2.0, 4.0)
    """
    return ascending[-(-len(ascending) * percent // 100) - 1] if ascending else None
