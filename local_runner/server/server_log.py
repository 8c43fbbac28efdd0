"""The server's log file. What cannot be written to a full disk is kept in memory, and written when there is room."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from pathlib import Path

from wildsage.local_runner.processes.disk import TRY_AGAIN_S

MOST_KEPT = 1000
"""Lines, or tracebacks, that are kept; older ones are lost."""


class PatientFileHandler(logging.Handler):
    """Appends to a file, each record as a whole."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
        self._path = path
        self._kept: deque[bytes] = deque(maxlen=MOST_KEPT)
        self._again: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or keep it."""
        self._kept.append(self.format(record).encode(errors="replace") + b"\n")
        self._write_kept()

    def _write_kept(self) -> None:
        while self._kept:
            if not _append(self._path, self._kept[0]):
                self._try_later()
                return
            self._kept.popleft()

    def _try_later(self) -> None:
        if self._again is None:
            self._again = threading.Timer(TRY_AGAIN_S, self._try_again)
            self._again.daemon = True
            self._again.start()

    def _try_again(self) -> None:
        with self.lock or threading.RLock():
            self._again = None
            self._write_kept()


def _append(path: Path, text: bytes) -> bool:
    """Whether the whole text could be written; else nothing was."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        return False
    try:
        written = os.write(file, text)
        if written < len(text):
            os.ftruncate(file, os.fstat(file).st_size - written)
        return written == len(text)
    except OSError:
        return False
    finally:
        os.close(file)
