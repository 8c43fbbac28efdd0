"""How many requests may wait for something slower than this server, so that some threads always stay free for the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SLOTS = 48
"""Requests that may wait at a time, such as invocations of an endpoint. Each holds a thread."""
OTHER_THREADS = 464  # mutants: equivalent: no client sees one thread more or less
"""Threads for all other requests: descriptions of jobs, S3, logs. Threads start when they are needed. As many clients may stop
in the middle of a request before others wait for a thread, until the time limit of the slow ones ends."""


class RequestSlots:
    """Slots for waiting requests. Thread-safe."""

    def __init__(self, number: int = SLOTS) -> None:
        self._free = threading.Semaphore(number)

    @contextmanager
    def acquire(self) -> Iterator[bool]:
        """Yield whether a slot was free; the slot is held until the block ends."""
        acquired = self._free.acquire(blocking=False)
        try:
            yield acquired
        finally:
            if acquired:
                self._free.release()
