"""Bytes on their way into the store: written to a temporary file and digested in the same pass."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wildsage.local_runner.s3.checksums import ALGORITHMS, Hash, base64_text

CHUNK_BYTES = 1 << 18

NUMBERS = itertools.count()  # names of pending objects: the folder belongs to this process, which found it empty


@dataclass(frozen=True)
class PendingObject:
    """A finished temporary file. `md5` in hex; `checksums`: algorithm → base64 value; `modified_ns` is the file's mtime."""

    path: Path
    size: int
    modified_ns: int
    md5: str
    checksums: dict[str, str]

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


def write_pending(folder: Path, chunks: Iterable[bytes], algorithms: Iterable[str] = ()) -> PendingObject:
    """Write the chunks to a new file in `folder`, holding one chunk at a time. If they raise, nothing is left behind."""
    md5 = hashlib.md5(usedforsecurity=False)
    sums = {name: ALGORITHMS[name]() for name in algorithms}
    path, status = _write(folder, chunks, [md5, *sums.values()])
    return PendingObject(path, status.st_size, status.st_mtime_ns, md5.hexdigest(), _values(sums))


def join_files(folder: Path, paths: Sequence[Path], algorithms: Iterable[str] = ()) -> PendingObject:
    """Write files one after another to a new file in `folder`. `md5` is left empty: S3 does not want it of joined parts."""
    sums = {name: ALGORITHMS[name]() for name in algorithms}
    path, status = _write(folder, _joined(paths), list(sums.values()))
    return PendingObject(path, status.st_size, status.st_mtime_ns, "", _values(sums))


def file_chunks(file: BinaryIO, first: int = 0, end: int = sys.maxsize) -> Iterator[bytes]:
    """Bytes `first` to before `end` of an open file."""
    file.seek(first)
    while chunk := file.read(min(CHUNK_BYTES, end - first)):
        yield chunk
        first += len(chunk)


def _joined(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            yield from file_chunks(file)


def _write(folder: Path, chunks: Iterable[bytes], hashes: Sequence[Hash]) -> tuple[Path, os.stat_result]:
    path = folder / f"{next(NUMBERS)}"
    with open(path, "xb", buffering=0, opener=_for_its_owner) as file:
        try:
            for chunk in chunks:
                _write_all(file, chunk)
                for running in hashes:
                    running.update(chunk)
            return path, os.fstat(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _write_all(file: BinaryIO, chunk: bytes) -> None:
    """A raw file may take less than it is given."""
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


def _values(sums: dict[str, Hash]) -> dict[str, str]:
    return {algorithm: base64_text(running.digest()) for algorithm, running in sums.items()}
