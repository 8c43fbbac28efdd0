"""What algorithms read: a batch of rows, and a stream of batches that can be read again.

Axes: n rows of a batch · d features · z stored values of a sparse batch · l label columns
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class SparseRows:
    """n rows of `width` columns in compressed-row form: row i owns entries `starts_n1[i]:starts_n1[i + 1]`.

    `starts_n1` (n + 1,) int64, `columns_z` (z,) int64, `values_z` (z,) float.
    """

    starts_n1: Tensor
    columns_z: Tensor
    values_z: Tensor
    width: int

    @classmethod
    def from_dense(cls, x_nd: Tensor) -> SparseRows:
        """The rows of an (n, d) tensor, zeros left out."""
        rows_z, columns_z = x_nd.nonzero(as_tuple=True)
        counts_n = torch.bincount(rows_z, minlength=len(x_nd))
        starts_n1 = torch.cat([counts_n.new_zeros(1), counts_n.cumsum(0)])
        return cls(starts_n1, columns_z, x_nd[rows_z, columns_z], x_nd.shape[1])

    def __len__(self) -> int:
        return len(self.starts_n1) - 1

    def __getitem__(self, rows: slice) -> SparseRows:
        first, last, _ = rows.indices(len(self))
        starts_n1 = self.starts_n1[first : last + 1]
        low, high = int(starts_n1[0]), int(starts_n1[-1])
        return SparseRows(starts_n1 - low, self.columns_z[low:high], self.values_z[low:high], self.width)

    def dense(self) -> Tensor:
        """The same rows as an (n, width) tensor; entries that name a column twice are added."""
        x_nd = self.values_z.new_zeros(len(self), self.width)
        rows_z = torch.repeat_interleave(torch.arange(len(self), device=x_nd.device), self.starts_n1.diff())
        return x_nd.index_put_((rows_z, self.columns_z), self.values_z, accumulate=True)

    def to(self, device: torch.device | str) -> SparseRows:
        """The same rows on another device."""
        return SparseRows(self.starts_n1.to(device), self.columns_z.to(device), self.values_z.to(device), self.width)


@dataclass(frozen=True)
class Batch:
    """n rows, with labels or without.

    `features` is an (n, d) float tensor, `SparseRows`, or for images (n, c, h, w) with values from 0 to 255. `labels_nl` is (n, l),
    or None for rows without labels.
    """

    features: Tensor | SparseRows
    labels_nl: Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice) -> Batch:
        return Batch(self.features[rows], None if self.labels_nl is None else self.labels_nl[rows])

    @property
    def width(self) -> int:
        """Columns in every row, d."""
        return self.features.width if isinstance(self.features, SparseRows) else self.features.shape[1]

    def dense(self) -> Tensor:
        """Features as an (n, d) float32 tensor, without a copy if they are one already."""
        features = self.features.dense() if isinstance(self.features, SparseRows) else self.features
        return features.to(torch.float32)

    def to(self, device: torch.device | str) -> Batch:
        """The same rows on another device, without a copy if they are there already."""
        return Batch(self.features.to(device), None if self.labels_nl is None else self.labels_nl.to(device))


def concatenate(batches: Sequence[Batch]) -> Batch:
    """Join batches of equal width, in order. Dense and sparse ones together become dense. A single batch is returned as it is."""
    if len(batches) == 1:
        return batches[0]
    labels = [b.labels_nl for b in batches if b.labels_nl is not None]
    labels_nl = torch.cat(labels) if len(labels) == len(batches) else None
    sparse = [b.features for b in batches if isinstance(b.features, SparseRows)]
    if len(sparse) == len(batches):
        return Batch(_concatenate_sparse(sparse), labels_nl)
    return Batch(torch.cat([_dense_as_stored(b.features) for b in batches]), labels_nl)


def _dense_as_stored(features: Tensor | SparseRows) -> Tensor:
    return features.dense() if isinstance(features, SparseRows) else features


def _concatenate_sparse(parts: Sequence[SparseRows]) -> SparseRows:
    counts_n = torch.cat([p.starts_n1.diff() for p in parts])
    starts_n1 = torch.cat([counts_n.new_zeros(1), counts_n.cumsum(0)])
    columns_z, values_z = torch.cat([p.columns_z for p in parts]), torch.cat([p.values_z for p in parts])
    return SparseRows(starts_n1, columns_z, values_z, parts[0].width)  # mutants: equivalent: all have the same width


class Stream(Protocol):
    """A channel that can be read any number of times, one batch in memory at a time."""

    def batches(self, rows: int, epoch: int = 0) -> Iterator[Batch]:
        """Read the channel once, in batches of `rows`; the last may be shorter. Each call starts a new pass.

        `epoch` is the number of the pass, from 0 on. A stream that shuffles gives every pass another order.
        """
        ...


@dataclass(frozen=True)
class MemoryStream:
    """A stream over one batch in memory, for tests, examples and use as a library."""

    rows: Batch

    # mutants: equivalent: rows have the same order in every pass
    def batches(self, rows: int, epoch: int = 0) -> Iterator[Batch]:
        """The batch in slices of `rows`; the last may be shorter."""
        for first in range(0, len(self.rows), rows):
            yield self.rows[first : first + rows]


def rebatch(pieces: Iterable[Batch], rows: int) -> Iterator[Batch]:
    """Cut pieces of any size into batches of `rows`; the last may be shorter. A row is copied at most once."""
    held: list[Batch] = []
    held_rows = 0
    for piece in pieces:
        while held_rows + len(piece) >= rows:
            cut = rows - held_rows
            yield concatenate([*held, piece[:cut]])
            piece, held, held_rows = piece[cut:], [], 0
        if len(piece):
            held.append(piece)
            held_rows += len(piece)
    if held:
        yield concatenate(held)
