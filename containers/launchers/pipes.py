"""Pipe mode, on the platform's side: a FIFO for each pass over a channel, fed from files or objects while the job reads.

Source: container contract section 2, input modes. The next FIFO exists before the current pass ends, so that a reader can
open it at once. A reader that closes early gets a complete pass from the next FIFO. Every text object ends with a line
feed, which is added if it is missing; otherwise the last row of an object would join the first row of the next. With the
record wrapper RecordIO, every object and every attribute of an augmented manifest is one record. Without it, text of a
manifest is one line.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import random
import threading
import zlib
from collections.abc import Callable, Sequence
from typing import IO, BinaryIO, Protocol, cast

from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.contract.paths import OptML

CHUNK_BYTES = 1 << 20  # mutants: equivalent: the size of a read, which nobody sees
READER_POLL_S = 0.005  # mutants: equivalent: any time that is short
ENDING_S = 5  # mutants: equivalent: any time that is long for a thread to end
DAMAGED_GZIP = (gzip.BadGzipFile, zlib.error, EOFError)


def is_text(content_type: str | None) -> bool:
    """True for content types whose records are lines."""
    return (content_type or "").lower().lstrip().startswith(("text/", "application/jsonlines"))


class Content(Protocol):
    """A file, which a `Path` names, or an object of S3."""

    @property
    def name(self) -> str:
        """Its name, for messages."""

    def open(self, mode: str, /) -> IO:
        """Open it to be read from its start."""


Payload = Content | bytes
"""A file, or the text of an attribute of a manifest."""

PipeRecord = Payload | tuple[Payload, ...]
"""What a shuffle keeps together: a file, or all attributes of a line of a manifest."""


class Pipe:
    """Feeds one channel of one host until it is closed. Holds at most one chunk, or one wrapped record, in memory.

    `problem`: why a pass ended early, so that its reader did not get all data; None as long as all passes were whole. `report` is
    called with it, in the thread that feeds.
    """

    def __init__(
        self,
        folder: OptML,
        channel: str,
        records: Sequence[PipeRecord],
        config: ChannelConfig,
        shuffle_seed: int | None,
        report: Callable[[str], None] = lambda problem: None,
    ) -> None:
        self._folder = folder
        self._channel = channel
        self._records = tuple(records)
        self._wrapped = config.record_wrapper == "RecordIO"
        self._packed = config.compression == "Gzip"
        self._ending = b"\n" if is_text(config.content_type) else b""
        self._shuffle_seed = shuffle_seed
        self._report = report
        self.problem: str | None = None
        self._closed = threading.Event()
        os.mkfifo(folder.pipe(channel, 0))
        self._feeder = threading.Thread(target=self._feed, name=f"pipe {channel}", daemon=True)
        self._feeder.start()

    def close(self) -> None:
        """Stop feeding. Call it after the reader has ended, because a blocked write ends only with its reader."""
        self._closed.set()
        self._feeder.join(timeout=ENDING_S)

    def _feed(self) -> None:
        epoch = 0
        while (fifo := self._await_reader(epoch)) is not None:
            os.mkfifo(self._folder.pipe(self._channel, epoch + 1))
            with contextlib.suppress(BrokenPipeError), os.fdopen(fifo, "wb") as sink:
                self._write_pass(epoch, sink)
            self._folder.pipe(self._channel, epoch).unlink(missing_ok=True)
            epoch += 1

    def _await_reader(self, epoch: int) -> int | None:
        """Open the FIFO once a process reads from it; None if the pipe is closed first. A blocking open could not be cancelled."""
        while not self._closed.is_set():
            try:
                fifo = os.open(self._folder.pipe(self._channel, epoch), os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads yet; or no more files may be open for the moment
                self._closed.wait(READER_POLL_S)
            else:
                os.set_blocking(fifo, True)
                return fifo
        return None

    def _write_pass(self, epoch: int, sink: BinaryIO) -> None:
        for record in self._order(epoch):
            for payload in record if isinstance(record, tuple) else (record,):
                if problem := self._problem_of_writing(payload, sink):
                    self.problem = self.problem or problem
                    self._report(problem)
                    return

    def _problem_of_writing(self, payload: Payload, sink: BinaryIO) -> str:
        """Write it, and return why that ended early; empty if all is written. Raises BrokenPipeError for a reader that is gone."""
        try:
            self._write(payload, sink)
        except BrokenPipeError:
            raise
        except DAMAGED_GZIP as error:
            return _not_gzip(self._channel, cast(Content, payload), error)  # only files are unpacked
        except Exception as error:  # if this thread ended, the reader would wait for ever for the next pass
            name = "text of a manifest" if isinstance(payload, bytes) else payload.name
            return f"Channel {self._channel}: {name} could not be read to its end: {error}"
        return ""

    def _write(self, payload: Payload, sink: BinaryIO) -> None:
        if self._wrapped:
            from wildsage.containers.codecs.records import recordio  # NumPy, which no other pipe needs

            sink.write(recordio.frame_split(payload if isinstance(payload, bytes) else self._read(payload)))
        elif isinstance(payload, bytes):
            sink.write(payload + b"\n")
        else:
            self._copy(payload, sink)

    def _read(self, content: Content) -> bytes:
        with content.open("rb") as stored, self._unpacked(stored) as source:
            return source.read()

    def _copy(self, content: Content, sink: BinaryIO) -> None:
        with content.open("rb") as stored, self._unpacked(stored) as source:
            chunk = self._ending
            while more := source.read(CHUNK_BYTES):
                chunk = more
                sink.write(chunk)
        if not chunk.endswith(self._ending):
            sink.write(self._ending)

    def _unpacked(self, stored: IO) -> IO:
        return cast(IO, gzip.GzipFile(fileobj=stored)) if self._packed else stored

    def _order(self, epoch: int) -> list[PipeRecord]:
        """Records in the order of the keys or lines; with a ShuffleConfig, in a random order for every pass, from its seed."""
        records = list(self._records)
        if self._shuffle_seed is not None:
            random.Random(self._shuffle_seed + epoch).shuffle(records)
        return records


def _not_gzip(channel: str, file: Content, error: Exception) -> str:
    return (
        f"Channel {channel}: {file.name} is not a valid gzip file, which CompressionType Gzip says it is: {error}. "
        "Compress the object, or leave CompressionType out."
    )
