"""Which buckets callers tried to read although they do not exist, as a file that other processes follow."""

from __future__ import annotations

import threading
from pathlib import Path

READS = ("GetObject", "HeadObject", "ListObjects", "ListObjectsV2", "CopyObject", "UploadPartCopy")
"""Operations that read a bucket. HeadBucket asks whether one exists, and the answer no is fine."""


class MissedBuckets:
    """One bucket name a line, once for each failed read. The file starts empty with each server."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        path.unlink(missing_ok=True)

    def add(self, bucket: str) -> None:
        """Append the name of a bucket that does not exist here. Thread-safe."""
        with self._lock, self._path.open("a") as file:
            file.write(f"{bucket}\n")


class MissedBucketsReader:
    """Names that were added since the last read, or since this reader was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0

    def new(self) -> list[str]:
        """Each new name once, in the order of the first failed reads."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._position)
            lines = file.read().rpartition(b"\n")[0]
        self._position += len(lines) + bool(lines)
        return list(dict.fromkeys(lines.decode().splitlines()))
