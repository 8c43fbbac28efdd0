"""What the processes of a job use at the moment. A container that runs as processes has its folder as working directory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class UsageSample:
    """Seconds of the processor so far and resident bytes of all processes below a folder, at a time in seconds since 1970."""

    at: float
    cpu_s: float
    resident_bytes: int
    processes: int


def sample(folder: Path) -> UsageSample:
    """What all processes use that work below a folder. Processes that have ended count no more."""
    cpu_s, resident_bytes, processes = 0.0, 0, 0
    for process in _working_below(folder):
        try:
            with process.oneshot():
                times = process.cpu_times()
                resident_bytes += process.memory_info().rss
        except psutil.Error:  # it has ended meanwhile
            continue
        cpu_s += times.user + times.system
        processes += 1
    return UsageSample(time.time(), cpu_s, resident_bytes, processes)


def _working_below(folder: Path) -> Iterator[psutil.Process]:
    """The processes of this user whose working directory is the folder or lies in it."""
    resolved = folder.resolve()
    for process in psutil.process_iter(["cwd"]):
        place = process.info["cwd"]
        if place and Path(place).is_relative_to(resolved):
            yield process
