"""The memory a server with many threads keeps after large transfers."""

from __future__ import annotations

import contextlib
import ctypes

M_ARENA_MAX = -8
ARENAS = 2


def keep_small() -> None:
    """Give all threads two heaps together: glibc gives each thread one that keeps what was freed.

    Halves what a 200 MB object leaves behind; call it before threads start. No effect on other C libraries.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
