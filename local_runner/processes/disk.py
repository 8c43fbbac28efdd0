"""What a full disk means: which errors are that, and what still works on it.

SQLite writes a change into its log first (WAL), which grows to about 4 MB before its pages move into the database and it begins
anew. On a full disk it could not grow, and nothing could be deleted any more. So the log gets that size while there is still room,
and new data is rejected a little before the disk is full.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

FULL = (errno.ENOSPC, errno.EDQUOT)
LOG_BYTES = 4_500_000
"""A thousand pages of 4 kB, at which SQLite moves them into the database, and some more."""

LOW_BYTES = 64 << 20
"""Where a disk has less left than this, logs of databases get their size."""

KEPT_BYTES = 8 << 20
"""Where a disk has less left than this, no new data is taken, so that databases may grow by the pages in their logs."""

TRY_AGAIN_S = 1.0  # mutants: equivalent: another wait ends with the same result


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or what a user may use of it, is full."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in FULL


def text(error: BaseException, folder: Path) -> str:
    """A sentence with the folder that is full: that of the file in the error, or the given one."""
    return full_text(Path(str(error.filename)).parent if isinstance(error, OSError) and error.filename else folder)


def full_text(place: Path) -> str:
    """A sentence with the folder that is full."""
    return f"No space left on device: {place}. Remove something there or elsewhere on its disk, then try again."


def free_bytes(place: Path) -> int:
    """What this user may still write to the disk of a file or folder, in bytes."""
    status = os.statvfs(place)
    return status.f_bavail * status.f_frsize


def require_room(folder: Path) -> None:
    """Raises OSError, as a full disk does, where a folder should take no new data."""
    if free_bytes(folder) < KEPT_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "new"))


class Database:
    """A connection for several threads, in which each statement is a transaction unless one is begun.

    A change outlives the process, even if that is killed; a power cut may lose the last seconds.
    """

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("PRAGMA temp_store = MEMORY")
        self._path, self._log = path, path.with_name(f"{path.name}-wal")
        self._reserve = path.with_name(f"{path.name}-reserve")
        self._has_room = False

    def keep_room(self) -> None:
        """On a disk that is almost full, take what changes may need. The connection's lock is held."""
        if not self._has_room and KEPT_BYTES < free_bytes(self._path) < LOW_BYTES:
            self._has_room = _allocate(self._log) and _allocate(self._reserve)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction, rolled back if the block or its end raises. The connection's lock is held."""
        self.keep_room()
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # SQLite may have ended it itself, as on a full disk
                self.connection.execute("ROLLBACK")
            raise

    def transact(self, change: Callable[[], T]) -> T:
        """Make a change that frees space, or that must not be left undone; on a full disk with what was kept for it.

        `change` is called in a transaction, and twice if the first one found no room. The connection's lock is held.
        """
        try:
            return self._once(change)
        except sqlite3.Error as error:
            if not is_full(error):
                raise
        self._reserve.unlink(missing_ok=True)
        self._has_room = False
        self.connection.execute("PRAGMA wal_checkpoint").fetchall()  # the database grows, and its log begins anew
        return self._once(change)

    def _once(self, change: Callable[[], T]) -> T:
        with self.transaction():
            return change()


def _allocate(file_path: Path) -> bool:
    """Give a file its size, if there is room. What follows the changes in a log, SQLite does not read."""
    with contextlib.suppress(OSError), open(os.open(file_path, os.O_RDWR | os.O_CREAT, 0o600), "rb") as file:
        os.posix_fallocate(file.fileno(), 0, LOG_BYTES)
        return True
    return False


def insist(act: Callable[[], None], given_up: Callable[[], bool]) -> None:
    """Do what must not be left undone: on a full disk again and again until there is room, or `given_up` says so."""
    while True:
        try:
            return act()
        except (OSError, sqlite3.Error) as error:
            if not is_full(error) or given_up():
                raise
        threading.Event().wait(TRY_AGAIN_S)
