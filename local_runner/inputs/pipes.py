"""Pipe mode: a FIFO for each pass over a channel, fed from the S3 objects while the job reads.

Source: container contract section 2, input modes. The next FIFO exists before the one in use ends, so a reader that
goes on at once finds it; a reader that closes early gets a fresh pass from the next. Every object of text ends with a
line feed, added where it lacks one: else the last row of one would run into the first of the next. With the record wrapper
RecordIO every object, and every attribute of an augmented manifest, is one record; text of a manifest without it is one line.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from wildsage.containers.codecs.records import recordio
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.contract.paths import OptML

CHUNK_BYTES = 1 << 20
READER_POLL_S = 0.005


def is_text(content_type: str | None) -> bool:
    """True for types whose records are lines."""
    return (content_type or "").lower().lstrip().startswith(("text/", "application/jsonlines"))


Payload = Path | bytes
"""A file, or text of a manifest."""

Record = Payload | tuple[Payload, ...]
"""What a shuffle keeps together: a file, or all attributes of a line."""


class Pipe:
    """Feeds one channel of one host until it is closed; in memory is at most one chunk, or one record that is wrapped."""

    def __init__(
        self, folder: OptML, channel: str, records: Sequence[Record], config: ChannelConfig, shuffle_seed: int | None
    ) -> None:
        self._folder = folder
        self._channel = channel
        self._records = tuple(records)
        self._wrapped = config.record_wrapper == "RecordIO"
        self._open = gzip.open if config.compression == "Gzip" else open
        self._ending = b"\n" if is_text(config.content_type) else b""
        self._shuffle_seed = shuffle_seed
        self._closed = threading.Event()
        os.mkfifo(folder.pipe(channel, 0))
        self._feeder = threading.Thread(target=self._feed, name=f"pipe {channel}", daemon=True)
        self._feeder.start()

    def close(self) -> None:
        """Stop feeding. Call it when no reader is left: a feeder inside a write ends when its reader does."""
        self._closed.set()
        self._feeder.join(timeout=5)

    def _feed(self) -> None:
        epoch = 0
        while (fifo := self._await_reader(epoch)) is not None:
            os.mkfifo(self._folder.pipe(self._channel, epoch + 1))
            with contextlib.suppress(BrokenPipeError), os.fdopen(fifo, "wb", buffering=0) as sink:
                self._write_pass(epoch, sink)
            self._folder.pipe(self._channel, epoch).unlink(missing_ok=True)
            epoch += 1

    def _await_reader(self, epoch: int) -> int | None:
        """Open the FIFO once somebody reads from it; None when closed first. A blocking open could never be called off."""
        while not self._closed.is_set():
            try:
                fifo = os.open(self._folder.pipe(self._channel, epoch), os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno not in (errno.ENXIO, errno.ENOENT):
                    raise
                self._closed.wait(READER_POLL_S)
            else:
                os.set_blocking(fifo, True)
                return fifo
        return None

    def _write_pass(self, epoch: int, sink: BinaryIO) -> None:
        for record in self._order(epoch):
            for payload in record if isinstance(record, tuple) else (record,):
                self._write(payload, sink)

    def _write(self, payload: Payload, sink: BinaryIO) -> None:
        if self._wrapped:
            sink.write(recordio.frame_split(payload if isinstance(payload, bytes) else self._read(payload)))
        elif isinstance(payload, bytes):
            sink.write(payload + b"\n")
        else:
            self._copy(payload, sink)

    def _read(self, path: Path) -> bytes:
        with self._open(path, "rb") as source:
            return source.read()

    def _copy(self, path: Path, sink: BinaryIO) -> None:
        with self._open(path, "rb") as source:
            chunk = self._ending
            while more := source.read(CHUNK_BYTES):
                chunk = more
                sink.write(chunk)
        if not chunk.endswith(self._ending):
            sink.write(self._ending)

    def _order(self, epoch: int) -> list[Record]:
        """That of the keys or lines; with a ShuffleConfig, an order drawn anew for every pass from its seed."""
        records = list(self._records)
        if self._shuffle_seed is not None:
            random.Random(self._shuffle_seed + epoch).shuffle(records)
        return records
