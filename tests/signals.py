"""Signals that come at an inconvenient time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def taken_by_another_thread(number: signal.Signals) -> Iterator[None]:
    """A signal to this process interrupts no call of this thread, as one does not that comes just before the call: another thread
    takes it. Processes that are started meanwhile have it blocked."""
    over = threading.Event()
    other = threading.Thread(target=over.wait, args=(240,))
    other.start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        over.set()
        other.join()
