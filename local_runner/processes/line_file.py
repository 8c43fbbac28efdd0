"""A file to which a server adds lines, which other processes follow: what callers should learn when their program has ended."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path


class LineFile:
    """Lines, each as often as it was added, up to `most_bytes`. The file starts empty with each server."""

    def __init__(self, path: Path, most_bytes: int = 1 << 20) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        path.unlink(missing_ok=True)

    def add(self, line: str) -> None:
        """Append a line, unless the file is full: any client may cause one with each request. Thread-safe."""
        with self._lock, self._path.open("a") as file:
            if file.tell() < self._most_bytes:
                file.write(f"{line}\n")


def count_lines(path: Path) -> Counter[str]:
    """How often each line was added, the most frequent first."""
    lines = path.read_text().splitlines() if path.exists() else ()
    return Counter(dict(Counter(lines).most_common()))


class LineReader:
    """Lines that were added since the last read, or since this reader was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0

    def new(self) -> list[str]:
        """Each new line once, in the order in which they were added first."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._position)
            lines = file.read().rpartition(b"\n")[0]
        self._position += len(lines) + bool(lines)
        return list(dict.fromkeys(lines.decode().splitlines()))
