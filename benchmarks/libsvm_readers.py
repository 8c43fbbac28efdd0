"""LIBSVM files of several sizes to a matrix: as a job reads them and as the library itself does, in turns.

python -m benchmarks.libsvm_readers [--repeats N]

It needs no more than a job does, so that it also runs in an environment with an old library. `benchmarks.xgboost` runs it in both.
"""

from __future__ import annotations

import wildsage.containers  # noqa: F401  sets how threads wait for each other, which OpenMP reads when XGBoost is imported

# isort: split
import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import xgboost

from wildsage.algorithms.base.program import JobChannel
from wildsage.algorithms.xgboost.data import libsvm
from wildsage.algorithms.xgboost.data.channel import ChannelReader
from wildsage.algorithms.xgboost.data.content_types import LIBSVM
from wildsage.algorithms.xgboost.data.late_loops import LateLoops
from wildsage.algorithms.xgboost.data.matrix import MatrixSettings
from wildsage.algorithms.xgboost.versions import NEWEST
from wildsage.containers.programs import RecordCodec

MEGABYTES = (0.1, 1, 10, 30, 100, 300)
SHAPES = {"8 of 8 columns": (8, 8), "30 of 500 columns": (30, 500)}
WRITTEN_ROWS = 20_000
SMALL_FILE, MANY_TIMES = 2_000_000, 10


def rows(stored: int, columns: int) -> list[bytes]:
    """Lines of LIBSVM with so many stored values each, at random columns."""
    rng = np.random.default_rng(0)
    values_nz = rng.normal(size=(WRITTEN_ROWS, stored)).tolist()
    columns_nz = np.sort(rng.random((WRITTEN_ROWS, columns)).argsort(axis=1)[:, :stored], axis=1).tolist()
    return [
        f"{number % 2} ".encode() + " ".join(f"{c}:{v:.6g}" for c, v in zip(*row, strict=True)).encode() + b"\n"
        for number, row in enumerate(zip(columns_nz, values_nz, strict=True))
    ]


def write(path: Path, lines: list[bytes], size: int) -> None:
    """A file of about so many bytes, with the lines over and over."""
    block = b"".join(lines)
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
        file.write(block[: block.find(b"\n", size % len(block)) + 1])


def by_job(channel: JobChannel) -> Callable[[], xgboost.DMatrix | None]:
    """What reads the channel. As in a job the loops are loaded before, if this file is worth it."""
    loops = LateLoops()
    loops.expect({"train": channel})
    if loops.expected:
        loops.load()
    reader = ChannelReader(LIBSVM, NEWEST, False, MatrixSettings(), RecordCodec(), lambda _line: None)

    def read() -> xgboost.DMatrix | None:
        with mock.patch.object(libsvm, "LATE_LOOPS", loops):
            return reader.read(channel)

    return read


def by_library(path: Path) -> xgboost.DMatrix:
    """The matrix by the library's own reader, which since 3.1 warns that it will go."""
    with warnings.catch_warnings(action="ignore"):
        return xgboost.DMatrix(f"{path}?format=libsvm")


def measured(path: Path, repeats: int) -> dict[str, list[float]]:
    """Median seconds by the clock, and of the processor, of a job's reader and of the library's."""
    read = by_job(JobChannel(None, "File", "FullyReplicated", {}, path.parent, lambda: iter(())))
    contenders: dict[str, Callable[[], object]] = {"job": read, "library": lambda: by_library(path)}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, work in contenders.items():
            began = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    return {name: _medians(pairs) for name, pairs in taken.items()}


def start(repeats: int) -> dict[str, list[float]]:
    """Median seconds by the clock, and of all cores, of a process that imports what a job does, with and without the loops."""
    job = "import wildsage.containers, wildsage.algorithms.xgboost.training"
    loops = "import threading; from wildsage.algorithms.xgboost.data.late_loops import LATE_LOOPS"
    programs = {"without": job, "with": f"{loops}; threading.Thread(target=LATE_LOOPS.load).start(); {job}"}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            began, used = time.perf_counter(), _children_s()
            subprocess.run([sys.executable, "-c", program], check=True)
            taken[name].append((time.perf_counter() - began, _children_s() - used))
    return {name: _medians(pairs) for name, pairs in taken.items()}


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _medians(pairs: list[tuple[float, float]]) -> list[float]:
    return [statistics.median(each) for each in zip(*pairs, strict=True)]


def main() -> None:
    """Print one JSON object: the library's version, the medians for each shape and size, and those of a process's start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train" / "rows.libsvm"
        path.parent.mkdir()
        for shape, (stored, columns) in SHAPES.items():
            lines = rows(stored, columns)
            for megabytes in MEGABYTES:
                write(path, lines, int(megabytes * 1e6))
                times = repeats * MANY_TIMES if megabytes * 1e6 < SMALL_FILE else repeats
                found.append({"shape": shape, "megabytes": megabytes, **measured(path, times)})
    print(json.dumps({"version": xgboost.__version__, "files": found, "start": start(repeats)}))


if __name__ == "__main__":
    main()
