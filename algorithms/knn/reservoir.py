"""A uniform sample of a stream, of bounded size, that merges with those of other hosts.

Axes: n rows of a batch · d columns · b rows that enter · r rows of the sample
"""

from __future__ import annotations

import math
import mmap
import sys

import numpy as np
import torch
from torch import Tensor

SLACK = 16
"""The sample may exceed its capacity by a 16th before it is cut back, since each cut copies all of it."""

CHUNK_ROWS = 4_096

NORESERVE = 0x4000 if sys.platform == "linux" else 0
"""MAP_NORESERVE allows a mapping larger than the machine's memory. Python 3.11 does not define it."""


class Reservoir:
    """The `capacity` rows with the smallest keys of all rows seen, in the order they came; a key is uniform in [0, 1).

    Every row is sampled with equal probability, and the smallest keys of two reservoirs are a sample of both streams
    [Efraimidis & Spirakis 2006, for equal weights]. A stream of at most `capacity` rows is kept whole. Memory: 17/16 of the
    sample. Room for the capacity is reserved in one piece, which takes memory only where rows have been written.
    """

    def __init__(self, capacity: int, columns: int) -> None:
        self.capacity = capacity
        self._room = capacity + capacity // SLACK + CHUNK_ROWS
        self._rows_rd = reserve((self._room, columns), np.float32)
        self._labels_r = reserve((self._room,), np.float32)
        self._keys_r = reserve((self._room,), np.float64)
        self._held = 0
        self._limit = math.inf

    def __len__(self) -> int:
        return self._held

    @property
    def rows_rd(self) -> Tensor:
        """The sampled rows (r, d), float32; not a copy."""
        return self._rows_rd[: self._held]

    @property
    def labels_r(self) -> Tensor:
        """Their labels (r,), float32; not a copy."""
        return self._labels_r[: self._held]

    @property
    def keys_r(self) -> Tensor:
        """Their keys (r,), float64; not a copy."""
        return self._keys_r[: self._held]

    def draw(self, rows: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw keys for the next `rows` rows. Returns the places (b,) of those that enter, ascending, and their keys (b,)."""
        keys_n = torch.rand(rows, dtype=torch.float64, generator=rng)
        entering = (keys_n < self._limit).nonzero().flatten()
        return entering, keys_n[entering]

    def add(self, rows_bd: Tensor, labels_b: Tensor, keys_b: Tensor) -> None:
        """Take in the rows (b, d) that `draw` let enter, their labels (b,) and the keys (b,) that it drew."""
        for rows, labels, keys in zip(*(each.split(CHUNK_ROWS) for each in (rows_bd, labels_b, keys_b)), strict=True):
            if self._held + len(rows) > self._room:
                self.cut(smallest(self.keys_r, self.capacity))
            self._put(self._held, rows, labels, keys)
            self._held += len(rows)

    def cut(self, limit: float) -> None:
        """Drop the rows whose key is above `limit`. Later rows with such a key do not enter."""
        self._limit = min(self._limit, limit)
        end, kept = self._held, 0
        for begin in range(0, end, CHUNK_ROWS):
            chunk = slice(begin, min(begin + CHUNK_ROWS, end))
            stays = self._keys_r[chunk] <= limit
            self._put(kept, self._rows_rd[chunk][stays], self._labels_r[chunk][stays], self._keys_r[chunk][stays])
            kept += int(stays.sum())
        self._held = kept

    def _put(self, place: int, rows_bd: Tensor, labels_b: Tensor, keys_b: Tensor) -> None:
        chosen = slice(place, place + len(keys_b))
        self._rows_rd[chosen], self._labels_r[chosen], self._keys_r[chosen] = rows_bd, labels_b, keys_b


def smallest(keys_r: Tensor, count: int) -> float:
    """The largest of the `count` smallest keys; infinity if there are at most `count`. With 53 random bits, keys differ."""
    return float(keys_r.kthvalue(count).values) if len(keys_r) > count else math.inf


def reserve(shape: tuple[int, ...], dtype: type[np.floating]) -> Tensor:
    """Zeros of that shape, which take memory only where they are written to."""
    pages = mmap.mmap(-1, math.prod(shape) * np.dtype(dtype).itemsize, mmap.MAP_PRIVATE | NORESERVE)
    return torch.from_numpy(np.frombuffer(pages, dtype).reshape(shape))
