"""Where the bytes of a channel come from: files, or one FIFO for each pass [contract: container, section 2].

How the bytes arrive does not change a result: the same objects in the same order give the same rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract.paths import OptML

CHUNK_BYTES = 1 << 22
PIPE_APPEARS_WITHIN_S = 300


@dataclass(frozen=True)
class Source:
    """One file of a channel, or one FIFO (a `pipe`), in which objects follow each other. Bytes are read in chunks."""

    path: Path
    pipe: bool = False

    def chunks(self) -> Iterator[bytes]:
        """Read it once from start to end, at most `CHUNK_BYTES` at a time."""
        with self.path.open("rb", buffering=0) as content:
            while chunk := content.read(CHUNK_BYTES):
                yield chunk


class Sources(Protocol):
    """The sources of a channel, pass after pass."""

    def next_pass(self) -> Iterator[Source]:
        """The sources of the next pass, in order."""


@dataclass(frozen=True)
class FileSources:
    """File and FastFile mode: all files below the channel's folder, sorted by name, without hidden ones."""

    folder: Path

    def next_pass(self) -> Iterator[Source]:
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.rglob("*"), key=lambda p: p.relative_to(self.folder).as_posix()):
            if path.is_file() and not path.name.startswith("."):
                yield Source(path)


class PipeSources:
    """Pipe mode: pass n reads the FIFO `<channel>_<n>`, and waits until it exists.

    `next_pass` raises PlatformError after `PIPE_APPEARS_WITHIN_S` seconds.
    """

    def __init__(self, opt_ml: OptML, channel: str) -> None:
        self._opt_ml = opt_ml
        self._channel = channel
        self._passes = 0

    def next_pass(self) -> Iterator[Source]:
        path = self._opt_ml.pipe(self._channel, self._passes)
        self._passes += 1
        deadline = time.monotonic() + PIPE_APPEARS_WITHIN_S
        while not path.exists():
            if time.monotonic() > deadline:
                raise PlatformError(f"{path}: the FIFO did not appear within {PIPE_APPEARS_WITHIN_S} s.")
            time.sleep(0.02)
        yield Source(path, pipe=True)
