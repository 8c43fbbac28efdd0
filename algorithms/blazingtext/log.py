"""Log lines as the original wrote them: a launcher's with time and level, and those of the trainer [contract: blazingtext, Log]."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

MEGABYTE = 1 << 20
MILLION = 1_000_000
PROGRESS_EVERY_S = 2.0


class BlazingTextLog:
    """The lines of one job."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write

    def info(self, text: str) -> None:
        """A line of the launcher."""
        self._launcher("INFO", text)

    def warning(self, text: str) -> None:
        """A warning of the launcher."""
        self._launcher("WARNING", text)

    def read(self, tokens: int) -> None:
        """How many tokens were read so far."""
        self.write(f"Read {tokens // MILLION}M words")

    def vocabulary(self, words: int) -> None:
        """How many words are learned."""
        self.write(f"Number of words:  {words}")

    def processing(self, path: str, size: int) -> None:
        """A file of a channel and its size in bytes."""
        self.info(f"Processing {path} . File size: {size // MEGABYTE} MB")

    def metric(self, name: str, value: float, places: int = 4) -> None:
        """A metric of the whole job, as SageMaker's regular expressions find it."""
        self.write(f"#{name}: {value:.{places}f}")

    def _launcher(self, level: str, text: str) -> None:
        self.write(f"[{datetime.now(UTC):%m/%d/%Y %H:%M:%S} {level} {os.getpid()}] {text}")


class Progress:
    """Reports step size, share and speed from time to time. `marks`: whether the lines stand between number signs."""

    def __init__(self, log: BlazingTextLog, total: int, marks: bool) -> None:
        self._log = log
        self._total = total
        self._mark = "##### " if marks else ""
        self._started_s = self._said_s = time.monotonic()

    def report(self, done: int, rate: float) -> None:
        """Say where the job is, if the last line is long enough ago."""
        if time.monotonic() - self._said_s > PROGRESS_EVERY_S:
            self._said_s = time.monotonic()
            self._say(done, rate)

    def finish(self, done: int, rate: float) -> None:
        """The last lines: `done` tokens were learned from, with step size `rate` at the end."""
        self._say(done, rate)
        if not self._mark:
            self._log.write("")
        self._log.write("Training finished." if self._mark else "Training finished!")
        self._log.write(f"Average throughput in Million words/sec: {self._speed(done):.2f}")
        self._log.write(f"Total training time in seconds: {self._seconds():.2f}")
        self._log.write("")

    def _say(self, done: int, rate: float) -> None:
        share = 100 * min(1.0, done / max(self._total, 1))
        line = f"Alpha: {rate:.4f}  Progress: {share:.2f}%  Million Words/sec: {self._speed(done):.2f}"
        self._log.write(f"{self._mark}{line}{self._mark[::-1]}")

    def _speed(self, done: int) -> float:
        return done / MILLION / max(self._seconds(), 1e-9)

    def _seconds(self) -> float:
        return time.monotonic() - self._started_s
