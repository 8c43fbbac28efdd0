"""Objects that are being written: a temporary file, with digests computed in the same pass."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wildsage.local_runner.processes import disk
from wildsage.local_runner.s3.checksums import ALGORITHMS, Hash, base64_text

CHUNK_BYTES = 1 << 18  # mutants: equivalent: chunks of another size are the same bytes

NUMBERS = itertools.count()  # file names; unique, since only this process uses the folder and it was empty at the start


@dataclass(frozen=True)
class PendingObject:
    """A complete temporary file. `md5` in hex; `checksums`: algorithm → base64 value; `modified_ns`: the file's mtime."""

    path: Path
    size: int
    modified_ns: int
    md5: str
    checksums: dict[str, str]

    def discard(self) -> None:
        """Remove the temporary file."""
        self.path.unlink(missing_ok=True)


def write_pending(folder: Path, chunks: Iterable[bytes], algorithms: Iterable[str] = ()) -> PendingObject:
    """Write chunks to a new file in `folder`, with one chunk in memory at a time. Removes the file if an error occurs."""
    md5 = hashlib.md5(usedforsecurity=False)  # mutants: equivalent: another digest only where FIPS forbids it
    sums = {name: ALGORITHMS[name]() for name in algorithms}
    path, status = _write(folder, chunks, [md5, *sums.values()])
    return PendingObject(path, status.st_size, status.st_mtime_ns, md5.hexdigest(), _values(sums))


def join_files(folder: Path, paths: Sequence[Path], algorithms: Iterable[str] = ()) -> PendingObject:
    """Concatenate files to a new file in `folder`. `md5` is empty, since S3 does not use it for joined parts."""
    sums = {name: ALGORITHMS[name]() for name in algorithms}
    path, status = _write(folder, _joined(paths), list(sums.values()))
    return PendingObject(path, status.st_size, status.st_mtime_ns, "", _values(sums))


def file_chunks(file: BinaryIO, first: int = 0, end: int = sys.maxsize) -> Iterator[bytes]:
    """Bytes `first` (included) to `end` (excluded) of an open file, in chunks."""
    file.seek(first)
    while chunk := file.read(min(CHUNK_BYTES, end - first)):
        yield chunk
        first += len(chunk)


def _joined(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        with open(path, "rb", buffering=0) as file:  # mutants: equivalent: the bytes are the same
            yield from file_chunks(file)


def _write(folder: Path, chunks: Iterable[bytes], hashes: Sequence[Hash]) -> tuple[Path, os.stat_result]:
    disk.require_room(folder)
    path = folder / f"{next(NUMBERS)}"
    with open(path, "xb", buffering=0, opener=_open_private) as file:
        try:
            for chunk in chunks:
                _write_all(file, chunk)
                for running in hashes:
                    running.update(chunk)
            return path, os.fstat(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _write_all(file: BinaryIO, chunk: bytes) -> None:
    """Write the whole chunk. An unbuffered file may write less than it is given at once."""
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


def _values(sums: dict[str, Hash]) -> dict[str, str]:
    return {algorithm: base64_text(running.digest()) for algorithm, running in sums.items()}
