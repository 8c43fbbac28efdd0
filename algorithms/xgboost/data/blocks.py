"""A stream in blocks of whole lines, which all cores parse at once. Few blocks are held at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def whole_lines(chunks: Iterable[bytes], block_bytes: int) -> Iterator[bytes]:
    """The stream in blocks of whole lines, each about `block_bytes` long."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= block_bytes and b"\n" in chunk:
            text = b"".join(held)
            end = text.rfind(b"\n") + 1
            yield text[:end]
            held, size = [text[end:]], len(text) - end
    if rest := b"".join(held):
        yield rest


def in_parallel(parse: Callable[[bytes], T], blocks: Iterable[bytes]) -> Iterator[T]:
    """What `parse` makes of every block, in order. As many blocks are in work as this process has cores, and one waits.

    Raises what `parse` raises.
    """
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        pending: deque[Future[T]] = deque()
        for block in blocks:
            pending.append(pool.submit(parse, block))
            if len(pending) > cores:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
