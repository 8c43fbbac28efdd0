"""What all benchmarks share: medians of rounds that take turns, peaks of memory, the name of the machine, a table on screen, and a
dated report."""

from __future__ import annotations

import multiprocessing
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


def medians(
    contenders: Mapping[str, Callable[[], Any]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each contender. They take turns, so that a busy moment of the machine meets all of them.

    `clock` measures elapsed time unless given. `time.process_time` counts this process alone, for one thread on a shared machine.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            began = clock()
            work()
            seconds[name].append(clock() - began)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def peak_mib(work: Callable[..., object], *given: object) -> float:
    """How much the peak of resident memory rises in a process of its own. `work` and what it is given have to be picklable."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_rise_mib, work, *given).result()


def _rise_mib(work: Callable[..., object], *given: object) -> float:
    before = _high_water_mib()
    work(*given)
    return _high_water_mib() - before


def _high_water_mib() -> float:
    """The peak so far; `ru_maxrss` also counts what the process was forked from."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def processor() -> str:
    """The processor's own name."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()


def hardware() -> str:
    """One line: processor, cores, memory, system."""
    memory_gib = psutil.virtual_memory().total / (1 << 30)
    return f"{processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}"


def load() -> str:
    """One sentence: how many programs wanted a processor in the last quarter of an hour, those of the benchmark included."""
    return f"Load of the machine over the last quarter of an hour: {os.getloadavg()[2]:.1f} on {os.cpu_count()} processors."


def versions(packages: Sequence[str]) -> str:
    """One line: Python and these packages."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)])


@dataclass(frozen=True)
class Report:
    """A table of measurements. `name` begins its file name, `command` repeats it, and `notes` say what was measured and how."""

    name: str
    title: str
    command: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    notes: str
    packages: tuple[str, ...]

    def show(self) -> None:
        """Print the table."""
        table = Table(*self.columns, title=self.title)
        for row in self.rows:
            table.add_row(*row)
        Console().print(table)

    def write(self, today: date, folder: Path = RESULTS) -> Path:
        """Write `<name>_<processor>_<yyyy-mm-dd>.md`; returns its path."""
        slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", processor().lower())).strip("-")
        path = folder / f"{self.name}_{slug}_{today}.md"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(self.markdown(today))
        return path

    def markdown(self, today: date) -> str:
        """The report as a page, with the machine, the versions of the packages and the command."""
        lines = [
            f"# {self.title}",
            "",
            f"{today} · {hardware()}  ",
            versions(self.packages),
            "",
            f"    {self.command}",
            "",
        ]
        lines += [_row(self.columns), _row(["---"] * len(self.columns)), *map(_row, self.rows), "", self.notes, ""]
        return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
