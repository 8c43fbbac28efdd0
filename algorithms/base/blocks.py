"""Work on the blocks of a stream on all cores. Few blocks are held at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Block = TypeVar("Block")
Result = TypeVar("Result")


def in_parallel(work: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
    """What `work` makes of every block, in order. As many blocks are in work as this process has cores, and one waits.

    Raises what `work` raises.
    """
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        pending: deque[Future[Result]] = deque()
        for block in blocks:
            pending.append(pool.submit(work, block))
            if len(pending) > cores:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
