"""Temporary folders that do not pile up: a killed process cannot remove its own, so the next process does.

The owner of a folder holds a lock on it. The kernel releases the lock when the process ends, for whatever reason.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "wildsage-job-"
UNLOCKED = "wildsage-new-"  # other processes must not see it before it is locked


@contextmanager
def folder() -> Iterator[Path]:
    """Yield an empty folder and remove it afterwards. Removes folders of processes that have ended first."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{PREFIX}*"):
        _remove_abandoned(left)
    unlocked = Path(tempfile.mkdtemp(prefix=UNLOCKED))
    lock = os.open(unlocked, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    own = unlocked.rename(place / unlocked.name.replace(UNLOCKED, PREFIX))
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(left: Path) -> None:
    try:
        lock = os.open(left, os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # it belongs to another user, has been removed, or is not a folder: to open a pipe would wait
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(left, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)
