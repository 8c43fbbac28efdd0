"""Log groups and streams as files. Each event is one line, its time in milliseconds since 1970 and its message."""

from __future__ import annotations

import errno
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from wildsage.local_runner.processes import disk

TRAINING_JOBS = "/aws/sagemaker/TrainingJobs"
TRANSFORM_JOBS = "/aws/sagemaker/TransformJobs"
PROCESSING_JOBS = "/aws/sagemaker/ProcessingJobs"
ENDPOINTS = "/aws/sagemaker/Endpoints"
MAX_LINE_BYTES = 1_048_576  # mutants: equivalent: of a longer tail the same last line is cut off
NO_SPACE = os.strerror(errno.ENOSPC)
TICK_NS = 1_000_000_000  # mutants: equivalent: a moment more or less changes nothing


class NoSuchGroup(Exception):
    """No log group of that name."""


class NoSuchStream(Exception):
    """No log stream of that name in the group."""


@dataclass(frozen=True)
class LogEvent:
    """One line of a log. `end` is the position after it in its stream, in bytes."""

    timestamp_ms: int
    message: str
    end: int


@dataclass(frozen=True)
class LogStream:
    """What a stream says without being read. Times are milliseconds since 1970."""

    name: str
    created_ms: int
    written_ms: int
    size_bytes: int


class LogWriter:
    """Appends lines to one stream. Thread-safe; timestamps never decrease.

    On a full disk, lines are lost and counted: who writes them must not stop for that. Empty lines are left out, because an
    event has at least one character in the model of CloudWatch Logs. `written` is called after each line.
    """

    def __init__(self, path: Path, written: Callable[[], object] = lambda: None) -> None:
        _drop_cut_line(path)
        self._file = path.open("ab", buffering=0)
        self._written = written
        self._lock = threading.Lock()
        self._last_ms = 0  # mutants: equivalent: any time before now
        self._lost = 0
        self._folder = path.parent
        self.full_disk = ""
        """A sentence or line that says which disk was full, if this log or the program that it is of met one."""

    def __call__(self, line: str) -> None:
        with self._lock:
            text = line.rstrip("\r\n").replace("\n", " ")
            if self._file.closed or not text:
                return
            self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
            if NO_SPACE in text:
                self.full_disk = text.strip()
            if self._lost and self._write(f"Wildsage: {self._lost} lines are missing here: the disk was full."):
                self._lost = 0
            if self._lost or not self._write(text):
                self._lost += 1
                self.full_disk = self.full_disk or disk.full_text(self._folder)

    def _write(self, text: str) -> bool:
        """Write a whole line or nothing; False if the disk is full."""
        line = f"{self._last_ms}\t{text}\n".encode(errors="replace")
        try:
            written = self._file.write(line)
        except OSError as error:
            if not disk.is_full(error):
                raise
            return False
        if written < len(line):
            self._file.truncate(self._file.tell() - written)
        self._written()
        return written == len(line)

    def close(self) -> None:
        """Close the file. Lines that come later are dropped."""
        with self._lock:
            self._file.close()


class _Streams:
    """The names of a group's streams, by name and by the time of their last line, kept until its folder changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._changed_ns = -1  # mutants: equivalent: no folder was changed before 1970
        self._by_name: list[str] = []
        self._by_time: dict[str, None] | None = None

    def by_name(self, prefix: str) -> list[str]:
        """The names that begin with `prefix`, sorted."""
        with self._lock:
            self._refresh()
            first = bisect_left(self._by_name, prefix)
            end = bisect_left(self._by_name, True, lo=first, key=lambda name: not name.startswith(prefix))
            return self._by_name[first:end]

    def by_time(self, prefix: str) -> list[str]:
        """As `by_name`, sorted by the time at which a stream was last written to."""
        with self._lock:
            self._refresh()
            if self._by_time is None:
                with os.scandir(self._folder) as found:
                    times = sorted((one.stat().st_mtime_ns, _stream_name(one.name)) for one in found)
                self._by_time = dict.fromkeys(name for _, name in times)
            return [name for name in self._by_time if name.startswith(prefix)]

    def written(self, name: str) -> None:
        """Note that a stream has a new line."""
        with self._lock:
            if self._by_time is not None and name in self._by_time:
                del self._by_time[name]
                self._by_time[name] = None

    def _refresh(self) -> None:
        changed_ns = self._folder.stat().st_mtime_ns
        if changed_ns == self._changed_ns:
            return
        now_ns = time.time_ns()
        self._by_name = sorted(map(_stream_name, os.listdir(self._folder)))
        self._by_time = None
        # within one tick of its clock, a file system gives two changes of a folder the same time
        self._changed_ns = changed_ns if now_ns - changed_ns > TICK_NS else -1


class Logs:
    """All log groups below one folder. The names of groups and streams are percent-encoded in file names.

    One process writes; others may read, and delete streams.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups: dict[str, _Streams] = {}

    def writer(self, group: str, stream: str) -> LogWriter:
        """Open a stream for appending. The stream and its group exist from now on."""
        path = self._path(group, stream)
        path.parent.mkdir(parents=True, exist_ok=True)
        return LogWriter(path, lambda: self._streams(group).written(stream))

    def groups(self, prefix: str = "") -> list[str]:
        """Names of the groups that begin with `prefix`, sorted."""
        names = (unquote(path.name) for path in self._folder.iterdir()) if self._folder.is_dir() else ()
        return sorted(name for name in names if name.startswith(prefix))

    def streams(self, group: str, prefix: str = "") -> list[LogStream]:
        """Streams of a group, sorted by name. Raises NoSuchGroup."""
        return [self.stream(group, name) for name in self.stream_names(group, prefix)]

    def stream_names(self, group: str, prefix: str = "") -> list[str]:
        """Names of the streams of a group, sorted. No stream is read. Raises NoSuchGroup."""
        self._group(group)
        return self._streams(group).by_name(prefix)

    def stream_names_by_time(self, group: str, prefix: str = "") -> list[str]:
        """As `stream_names`, sorted by the time at which a stream was last written to."""
        self._group(group)
        return self._streams(group).by_time(prefix)

    def stream(self, group: str, name: str) -> LogStream:
        """What the stream of that name says. Raises FileNotFoundError."""
        return _stream(name, self._path(group, name))

    def events(self, group: str, stream: str, position: int = 0) -> Iterator[LogEvent]:
        """Complete lines from a byte position on, without one that is still being written. Raises NoSuchGroup, NoSuchStream."""
        return _events(self._open(group, stream), position)

    def tail_position(self, group: str, stream: str, most_bytes: int) -> int:
        """The position from which at most so many bytes of a stream are left; 0 for a shorter one. Raises NoSuchGroup,
        NoSuchStream."""
        with self._open(group, stream) as file:
            size = file.seek(0, os.SEEK_END)
            if size <= most_bytes:
                return 0
            file.seek(size - most_bytes)
            file.readline()
            return file.tell()

    def _open(self, group: str, stream: str) -> BinaryIO:
        path = self._group(group) / _file_name(stream)
        try:
            return path.open("rb")
        except (FileNotFoundError, IsADirectoryError):  # a folder: the stream without a name
            raise NoSuchStream(f"The specified log stream does not exist: {stream} in {group}.") from None

    def _group(self, group: str) -> Path:
        folder = self._folder / _file_name(group)
        if not folder.is_dir():
            raise NoSuchGroup(f"The specified log group does not exist: {group}.")
        return folder

    def _streams(self, group: str) -> _Streams:
        return self._groups.setdefault(group, _Streams(self._folder / _file_name(group)))

    def _path(self, group: str, stream: str) -> Path:
        return self._folder / _file_name(group) / _file_name(stream)


def _file_name(name: str) -> str:
    """Percent-encode a name. A name of dots alone is encoded too, because `..` would lead out of the folder."""
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")


def _stream_name(file_name: str) -> str:
    """The name of a stream from that of its file. Nearly all have slashes and nothing else that is encoded."""
    name = file_name.replace("%2F", "/")
    return unquote(file_name) if "%" in name else name


def _drop_cut_line(path: Path) -> None:
    """Remove the incomplete last line that a killed server left: readers skip it, and the next line would be appended to it."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - MAX_LINE_BYTES))
        tail = file.read()
        if not tail.endswith(b"\n"):  # otherwise another writer may have appended meanwhile
            file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)


def _events(file: BinaryIO, position: int) -> Iterator[LogEvent]:
    with file:
        if position:
            file.seek(position - 1)
            if file.read(1) != b"\n":  # a position that no event ended at
                return
        for line in file:
            if not line.endswith(b"\n"):
                return
            position += len(line)
            stamp, _, message = line[:-1].partition(b"\t")
            yield LogEvent(int(stamp), message.decode(errors="replace"), position)


def _stream(name: str, path: Path) -> LogStream:
    with path.open("rb") as file:
        first = file.readline().partition(b"\t")[0]
        status = path.stat()
    written_ms = status.st_mtime_ns // 1_000_000
    return LogStream(name, int(first) if first else written_ms, written_ms, status.st_size)
