"""The training container of k-means with a clock on each of its phases: `python -m benchmarks.container_clocks train`.

It is `python -m wildsage.containers train` with a few functions wrapped, which are called a few dozen times for each batch. At the
end it writes the seconds of each phase, elapsed and of one core, as JSON to the file that the variable CLOCKS names.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.kmeans.refinement import Refinement
from wildsage.algorithms.kmeans.state import StreamState
from wildsage.algorithms.kmeans.steps import ExactSearch
from wildsage.containers.__main__ import main
from wildsage.containers.input.row_stream import RowStream

VARIABLE = "CLOCKS"

taken: defaultdict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(2))
"""Of each clock the seconds that elapsed, and those of one core that the process, or the thread in a search, has used."""


def now(core: Callable[[], float] = time.process_time) -> NDArray[np.float64]:
    """Both times."""
    return np.array([time.perf_counter(), core()])


def clock(owner: type, method: str, name: str) -> None:
    """Add the time of every call of a method."""
    work = getattr(owner, method)

    @functools.wraps(work)
    def clocked(*given: Any, **named: Any) -> Any:
        began = now()
        result = work(*given, **named)
        taken[name] += now() - began
        return result

    setattr(owner, method, clocked)


def clock_steps(owner: type, method: str, inside: str, outside: str, core: Callable[[], float]) -> None:
    """Add the time inside a generator, and that which its user takes between two steps."""
    work = getattr(owner, method)

    @functools.wraps(work)
    def clocked(*given: Any, **named: Any) -> Iterator[Any]:
        asked, iterator, done = now(core), work(*given, **named), object()
        while (item := next(iterator, done)) is not done:
            made = now(core)
            yield item
            taken[inside] += made - asked
            asked = now(core)
            taken[outside] += asked - made
        taken[inside] += now(core) - asked

    setattr(owner, method, clocked)


def phases() -> dict[str, list[float]]:
    """Both times of each phase. "centers" is moving, opening and merging them, and "settle" is all that follows the stream."""
    search = taken["in search"][1] / (taken["in search"] + taken["in sums"])[1]
    found = {
        "read": taken["read"],
        "search": taken["assign"] * search,
        "sums": taken["assign"] * (1 - search),
        "sample": taken["sample"],
        "centers": taken["absorb"] - taken["assign"] - taken["sample"],
        "settle": taken["settle"],
    }
    return {name: seconds.tolist() for name, seconds in found.items()}


if __name__ == "__main__":
    clock_steps(RowStream, "batches", "read", "learn", time.process_time)
    clock_steps(ExactSearch, "_blocks", "in search", "in sums", time.thread_time)
    for owner, method, name in (
        (StreamState, "absorb", "absorb"),
        (StreamState, "_assign", "assign"),
        (StreamState, "_sample", "sample"),
        (Refinement, "refine", "settle"),
    ):
        clock(owner, method, name)
    status = main(sys.argv[1:])
    Path(os.environ[VARIABLE]).write_text(json.dumps(phases()))
    sys.exit(status)
