"""How many requests may wait for something slower than this server: some of its threads always stay free for the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SEATS, STANDING = 48, 16
"""Threads for requests that wait, such as invocations, and for all others: looks at jobs, S3, logs."""


class Seats:
    """Thread-safe."""

    def __init__(self, number: int = SEATS) -> None:
        self._free = threading.Semaphore(number)

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Whether there was a seat; it is free again after the block."""
        seated = self._free.acquire(blocking=False)
        try:
            yield seated
        finally:
            if seated:
                self._free.release()
