"""Mini-batches of sparse rows, prepared for sums along their rows and along their columns.

A mini-batch holds only the columns that occur in it. Its matrix X (n, u) is stored twice: by row, for X times parameters, and by
column, for Xᵀ times errors. "Bag" is torch's word for a group of rows that are added up [torch.nn.EmbeddingBag].

Axes: n rows of a mini-batch · z stored values · u columns that occur in a mini-batch, ascending · b bags · a rows of a table ·
c columns of a table
"""

from __future__ import annotations

from itertools import starmap
from typing import NamedTuple, Self

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch, SparseRows


class EmbeddingBags(NamedTuple):
    """Weighted groups of a table's rows, the arguments of `torch.embedding_bag`.

    Bag i holds the rows `members_z[starts_b[i] : starts_b[i + 1]]` of the table; the last bag holds the rest. `weights_z` float32
    are their weights, and `squares_z` the squares of these. Members and starts are int64.
    """

    members_z: Tensor
    starts_b: Tensor
    weights_z: Tensor
    squares_z: Tensor

    @classmethod
    def from_members(cls, members_z: Tensor, starts_b: Tensor, weights_z: Tensor) -> Self:
        """b bags of z members in all, `members_z` int64 with `weights_z` float32; bag i begins at `starts_b[i]`."""
        return cls(members_z, starts_b, weights_z, weights_z.square())

    def sum(self, table_ac: Tensor) -> Tensor:
        """Weighted sum (b, c) of each bag's rows of the table."""
        return self._sum(table_ac, self.weights_z)

    def sum_by_squares(self, table_ac: Tensor) -> Tensor:
        """As `sum`, with every weight squared."""
        return self._sum(table_ac, self.squares_z)

    def _sum(self, table_ac: Tensor, weights_z: Tensor) -> Tensor:
        return torch.embedding_bag(table_ac, self.members_z, self.starts_b, mode=0, per_sample_weights=weights_z)[0]


class IndexedMiniBatch(NamedTuple):
    """n labelled rows over the u columns that occur in them.

    `columns_u` int64 are these columns' numbers in the data; `labels_n1` (n, 1) is float32. `by_row` groups the stored values by
    row: its members are positions in `columns_u`. `by_column` groups them by column: its members are rows of the mini-batch.
    """

    columns_u: Tensor
    labels_n1: Tensor
    by_row: EmbeddingBags
    by_column: EmbeddingBags


def sparse(batch: Batch) -> SparseRows:
    """The rows of a batch with float32 values. Zeros of dense rows are left out."""
    features = batch.features if isinstance(batch.features, SparseRows) else SparseRows.from_dense(batch.features)
    return SparseRows(features.starts_n1, features.columns_z, features.values_z.float(), features.width)


def mini_batches(rows: SparseRows, labels_n1: Tensor, sizes: list[int]) -> list[IndexedMiniBatch]:
    """Cut labelled rows, labels (n, 1), into mini-batches of `sizes` rows, which add up to n and may be 0.

    All are prepared at once, because sorting eight thousand entries costs little more than starting to sort four hundred.
    """
    # The mini-batch of each row, the row of each value, and the mini-batch of each value.
    device = rows.values_z.device
    batch_n = torch.arange(len(sizes), device=device).repeat_interleave(torch.tensor(sizes, device=device))
    row_z = torch.arange(len(rows), device=device).repeat_interleave(rows.starts_n1.diff())
    batch_z = _at(row_z, batch_n)
    # A column of a mini-batch is one number, its key. After sorting, the values of a column are adjacent: they are its bag.
    key_z, order_z = _sorted(batch_z * rows.width + rows.columns_z)
    key_u, place_z, counts_u = torch.unique_consecutive(key_z, return_inverse=True, return_counts=True)
    batch_u = key_u // rows.width
    # So far all positions count from the first mini-batch. Subtract what precedes a mini-batch, so that they count from its start.
    sizes_z, before_z = _sizes_and_starts(batch_z, len(sizes))
    sizes_u, before_u = _sizes_and_starts(batch_u, len(sizes))
    _, before_n = _sizes_and_starts(batch_n, len(sizes))
    column_z = torch.empty_like(place_z).scatter_(0, order_z, place_z) - _at(batch_z, before_u)
    row_z = row_z - _at(batch_z, before_n)
    starts_n = rows.starts_n1[:-1] - _at(batch_n, before_z)
    starts_u = before(counts_u) - _at(batch_u, before_z)
    by_row = EmbeddingBags.from_members(column_z, starts_n, rows.values_z)
    by_column = EmbeddingBags.from_members(_at(order_z, row_z), starts_u, _at(order_z, rows.values_z))
    parts = zip(
        (key_u - batch_u * rows.width).split(sizes_u),
        labels_n1.split(sizes),
        _split(by_row, sizes, sizes_z),
        _split(by_column, sizes_u, sizes_z),
        strict=True,
    )
    return list(starmap(IndexedMiniBatch, parts))


def _sorted(key_z: Tensor) -> tuple[Tensor, Tensor]:
    """The keys in ascending order, and the positions they come from; equal keys keep their order.

    Key and position are sorted as one number. On a CPU NumPy sorts: its sort of plain numbers takes a tenth of the time. Keys
    may be up to 2^63 / z, which means more columns than any machine can hold parameters for.
    """
    bits = len(key_z).bit_length()
    both_z = (key_z << bits) | torch.arange(len(key_z), device=key_z.device)
    if both_z.is_cpu:  # mutants: equivalent: both sort alike, in another time
        both_z.numpy().sort()
    else:
        both_z = both_z.sort().values
    return both_z >> bits, both_z & ((1 << bits) - 1)


def _sizes_and_starts(batch_a: Tensor, batches: int) -> tuple[list[int], Tensor]:
    """For each mini-batch the number of its entries in `batch_a`, and the number of entries before them."""
    sizes = batch_a.bincount(minlength=batches)
    return sizes.tolist(), before(sizes)


def before(sizes_a: Tensor) -> Tensor:
    """How many members of groups lie before each group (a,), given their sizes (a,)."""
    return sizes_a.cumsum(0) - sizes_a


def _at(places_a: Tensor, values_b: Tensor) -> Tensor:
    """The values (b,) at these places (a,), in a quarter of the time that brackets take."""
    return values_b.index_select(0, places_a)


def _split(bags: EmbeddingBags, bag_sizes: list[int], member_sizes: list[int]) -> list[EmbeddingBags]:
    """The bags of each mini-batch, given how many bags and how many members each has."""
    parts = zip(
        bags.members_z.split(member_sizes),
        bags.starts_b.split(bag_sizes),
        bags.weights_z.split(member_sizes),
        bags.squares_z.split(member_sizes),
        strict=True,
    )
    return list(starmap(EmbeddingBags, parts))
