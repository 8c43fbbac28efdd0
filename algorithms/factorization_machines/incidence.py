"""Which columns stand in which rows of a batch: the sparse matrix, ready for sums along either side.

Axes: n rows of a batch · z stored values · u columns that occur in the batch, ascending · d features · a any rows
"""

from __future__ import annotations

from itertools import starmap
from typing import NamedTuple, Self

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch, SparseRows


class Bags(NamedTuple):
    """Bags of numbered rows, each with a weight: bag i holds entries `starts[i]:starts[i + 1]`, the last bag the rest."""

    members_z: Tensor
    starts: Tensor
    weights_z: Tensor
    squares_z: Tensor

    @classmethod
    def of(cls, members_z: Tensor, starts: Tensor, weights_z: Tensor) -> Self:
        return cls(members_z, starts, weights_z, weights_z.square())

    def sum(self, table_ac: Tensor) -> Tensor:
        """For each bag the weighted sum of its rows of the table: (bags, c)."""
        return torch.embedding_bag(table_ac, self.members_z, self.starts, mode=0, per_sample_weights=self.weights_z)[0]

    def sum_by_squares(self, table_ac: Tensor) -> Tensor:
        """The same with every weight squared."""
        return torch.embedding_bag(table_ac, self.members_z, self.starts, mode=0, per_sample_weights=self.squares_z)[0]


class Incidence(NamedTuple):
    """Labelled rows over the u columns that occur in them: X by row and by column.

    `by_row` bags places in `columns_u`, `by_column` bags rows. `labels_n1` is (n, 1) float32.
    """

    columns_u: Tensor
    labels_n1: Tensor
    by_row: Bags
    by_column: Bags


def sparse(batch: Batch) -> SparseRows:
    """The batch's rows with float32 values, the zeros of dense ones left out."""
    features = batch.features if isinstance(batch.features, SparseRows) else SparseRows.from_dense(batch.features)
    return SparseRows(features.starts_n1, features.columns_z, features.values_z.float(), features.width)


def incidences(rows: SparseRows, labels_n1: Tensor, sizes: list[int]) -> list[Incidence]:
    """The labelled rows cut into batches of `sizes` rows, some of which may be 0.

    All are prepared at once: sorting eight thousand entries costs little more than starting to sort four hundred.
    """
    device = rows.values_z.device
    batch_n = torch.arange(len(sizes), device=device).repeat_interleave(torch.tensor(sizes, device=device))
    counts_n = rows.starts_n1.diff()
    row_z = torch.arange(len(rows), device=device).repeat_interleave(counts_n)
    batch_z = batch_n.index_select(0, row_z)
    key_z, order_z = _sorted(batch_z * rows.width + rows.columns_z)
    key_u, place_z, counts_u = torch.unique_consecutive(key_z, return_inverse=True, return_counts=True)
    batch_u = key_u // rows.width

    sizes_z, before_z = _sizes_and_starts(batch_z, len(sizes))
    sizes_u, before_u = _sizes_and_starts(batch_u, len(sizes))
    _, before_n = _sizes_and_starts(batch_n, len(sizes))
    by_row = Bags.of(
        torch.empty_like(place_z).scatter_(0, order_z, place_z) - before_u.index_select(0, batch_z),
        rows.starts_n1[:-1] - before_z.index_select(0, batch_n),
        rows.values_z,
    )
    by_column = Bags.of(
        (row_z - before_n.index_select(0, batch_z)).index_select(0, order_z),
        counts_u.cumsum(0) - counts_u - before_z.index_select(0, batch_u),
        rows.values_z.index_select(0, order_z),
    )
    parts = zip(
        (key_u - batch_u * rows.width).split(sizes_u),
        labels_n1.split(sizes),
        _split(by_row, sizes, sizes_z),
        _split(by_column, sizes_u, sizes_z),
        strict=True,
    )
    return list(starmap(Incidence, parts))


def _sorted(key_z: Tensor) -> tuple[Tensor, Tensor]:
    """The keys ascending, and the places they come from; equal keys keep their order.

    Key and place are sorted as one number, on a CPU by NumPy, whose sort of plain numbers takes a tenth of the time. Keys up
    to 2^63 / z: no machine holds the parameters of more columns.
    """
    bits = len(key_z).bit_length()
    both_z = (key_z << bits) | torch.arange(len(key_z), device=key_z.device)
    if both_z.is_cpu:
        both_z.numpy().sort()
    else:
        both_z = both_z.sort().values
    return both_z >> bits, both_z & ((1 << bits) - 1)


def _sizes_and_starts(batch_a: Tensor, batches: int) -> tuple[list[int], Tensor]:
    """How many entries each batch has, and how many stand before it."""
    sizes = batch_a.bincount(minlength=batches)
    return sizes.tolist(), sizes.cumsum(0) - sizes


def _split(bags: Bags, bag_sizes: list[int], member_sizes: list[int]) -> list[Bags]:
    parts = zip(
        bags.members_z.split(member_sizes),
        bags.starts.split(bag_sizes),
        bags.weights_z.split(member_sizes),
        bags.squares_z.split(member_sizes),
        strict=True,
    )
    return list(starmap(Bags, parts))
