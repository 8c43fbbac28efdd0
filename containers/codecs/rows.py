"""Rows, dense or sparse, as flat NumPy arrays: what decoders return before it becomes a batch. It works without torch.

Axes: n rows · z stored values · d features · l label columns
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FlatRows:
    """n rows of `width` columns. Row i has the next `counts_n[i]` values of `values_z`, in the columns `keys_z`.

    In dense rows `keys_z` is None, and every row has `width` values. `labels_nl` is (n, l), or None without labels.
    """

    counts_n: NDArray[np.int64]
    values_z: NDArray
    keys_z: NDArray[np.int64] | None
    width: int
    labels_nl: NDArray | None = None

    def __len__(self) -> int:
        return len(self.counts_n)

    def sparse_keys(self) -> NDArray[np.int64]:
        """Return the column of every stored value (z,), also for dense rows."""
        return np.tile(np.arange(self.width), len(self)) if self.keys_z is None else self.keys_z

    def ordered(self, order_n: NDArray[np.int64]) -> FlatRows:
        """Return the rows that `order_n` numbers, in its order."""
        places_z = spread((np.cumsum(self.counts_n) - self.counts_n)[order_n], self.counts_n[order_n])
        return FlatRows(
            self.counts_n[order_n],
            self.values_z[places_z],
            None if self.keys_z is None else self.keys_z[places_z],
            self.width,
            None if self.labels_nl is None else self.labels_nl[order_n],
        )


def stack(parts: Sequence[FlatRows]) -> FlatRows:
    """Join rows of one width. Sparse with dense rows become sparse; float32 with float64 becomes float64."""
    if len(parts) == 1:
        return parts[0]  # mutants: equivalent: the last is the first
    labels = [part.labels_nl for part in parts if part.labels_nl is not None]
    dense = all(part.keys_z is None for part in parts)
    return FlatRows(
        np.concatenate([part.counts_n for part in parts]),
        np.concatenate([floating(part.values_z) for part in parts]),
        None if dense else np.concatenate([part.sparse_keys() for part in parts]),
        parts[0].width,  # mutants: equivalent: all have the same width
        np.concatenate([floating(labels_nl) for labels_nl in labels]) if labels else None,
    )


def spread(starts_n: NDArray[np.int64], counts_n: NDArray[np.int64], step: int = 1) -> NDArray[np.int64]:
    """Return the positions `start, start + step, …` (`count` of them) of every row, as one flat array."""
    before_n = np.cumsum(counts_n) - counts_n
    places_z = np.repeat(starts_n - step * before_n, counts_n)
    return places_z + np.arange(0, step * len(places_z), step)


def as_matrix(values: NDArray) -> NDArray:
    """Return (n,) as (n, 1), and (n, m) as it is."""
    return values[:, None] if values.ndim == 1 else values


def floating(values: NDArray) -> NDArray:
    """Return float32 and float64 unchanged, and other types as float32."""
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)
