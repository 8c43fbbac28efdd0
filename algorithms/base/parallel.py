"""Work on rows or on other parts, divided among the processor's cores.

Axes: n rows
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")

ENTRIES_LOW = 1 << 19  # mutants: equivalent: any number gives the same results up to rounding, in another time
"""Work that touches fewer numbers runs on the caller's thread, because handing it over costs more."""


_cores: ContextVar[int] = ContextVar("cores", default=0)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Inside it, or inside a function it decorates, torch's operations stay on the caller's thread; only `over_rows` and
    `over_parts` use the other cores.

    This is best for many small operations. One that splits itself over the cores first wakes them, which takes about 50 µs, or
    has left them spinning, which slows `over_rows` and `over_parts` down. A thread that uses torch for the first time meanwhile
    stays on one thread.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    token = _cores.set(threads)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        _cores.reset(token)


def over_rows(n: int, entries: int, device: torch.device, work: Callable[[slice], Result]) -> list[Result]:
    """The results of `work` on the parts of n rows, one part for each core, in the order of the rows.

    `entries` is how many numbers the work touches. Each part runs on one thread from end to end: operations that split
    themselves over the cores wait for each other after every operation, some milliseconds each time when another program uses a
    core, while parts wait once. The parts depend on torch's number of threads only, so the same setting gives the same bits. On a
    GPU there is one part.
    """
    threads = _threads(entries, device)
    cuts = [n * part // threads for part in range(threads + 1)]
    return over_parts(list(map(slice, cuts, cuts[1:])), entries, device, work)


def over_parts(
    parts: Sequence[Part], entries: int, device: torch.device, work: Callable[[Part], Result]
) -> list[Result]:
    """The results of `work` on the parts, in their order. A core that is free takes the next part, so the largest come first.

    `entries` is how many numbers the work touches. The parts, unlike those of `over_rows`, are the caller's: if they do not depend
    on the number of threads, then the bits of the results do not either.
    """
    threads = _threads(entries, device)
    if threads == 1:
        return list(map(work, parts))
    return list(_pool(threads, os.getpid()).map(work, parts))


def _threads(entries: int, device: torch.device) -> int:
    """How many threads do work that touches so many numbers."""
    if device.type != "cpu" or entries < ENTRIES_LOW:
        return 1
    return _cores.get() or torch.get_num_threads()


@cache
def _pool(threads: int, _process: int) -> ThreadPoolExecutor:
    """A pool of started threads that use one core each. Threads do not survive a fork, so every process has its own pool."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, "rows", initializer=_use_one_core)
    started = Barrier(threads)
    list(pool.map(lambda _: started.wait(), range(threads)))
    torch.set_num_threads(before)  # the initializer has also changed what later threads start with
    return pool


def _use_one_core() -> None:
    torch.get_num_threads()  # the first call takes over the process's setting; only after it can the thread have its own
    torch.set_num_threads(1)
