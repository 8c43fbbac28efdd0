"""The k nearest rows of an index, nearest first and, at equal cost, in the order of the index.

faiss or matrix products find candidates. Where the index holds the rows themselves, their costs are computed again in float64,
and a bound on rounding errors proves that no other row belongs among them: the answer is exact, ties included.

Axes: n queries · b queries of a block · d columns · r rows of the index · c candidates · k neighbours
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import faiss
import numpy as np

from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.knn.candidates import (
    MORE,
    ROWS_PER_GROUP,
    Float32Array,
    Float64Array,
    FullIndex,
    Int64Array,
    Sketch,
    follow_torch,
)

SKETCH_COLUMNS_LOW, SKETCH_NUMBERS_LOW = 128, 1 << 22
"""A smaller index is read in the time that reading its sketch would take."""

NUMBERS_IN_CACHE = 1 << 15  # mutants: equivalent: any number gives the same, in another time
"""Float64 numbers of candidates that are compared with their queries at once: a quarter of a megabyte."""

TRIAL_QUERIES, TRIAL_SHARE = 32, 0.5
"""A sketch is kept if it answers this share of a few trial queries, which are rows of the index."""

MOST_LISTS = np.iinfo(np.int64).max
"""faiss counts lists in int64: more of them would be a number below zero."""


class NeighbourSearch(Protocol):
    """Finds the nearest rows of one index."""

    def nearest(self, x_nd: Float32Array, k: int) -> tuple[Float64Array, Int64Array]:
        """Costs (n, k) and rows (n, k) of the k nearest; k is at most the number of rows."""
        ...


def choose_search(index: faiss.Index, k: int) -> NeighbourSearch:
    """The search for an index that will mostly be asked for k rows. Raises UserError for an index of another type."""
    if isinstance(index, faiss.IndexFlat):
        return FlatSearch(index, k)
    if isinstance(index, faiss.IndexIVF):
        if not 1 <= index.nprobe <= MOST_LISTS:
            raise UserError(f"The index searches {index.nprobe} of its lists (nprobe), expected 1 to {MOST_LISTS}.")
        return ListSearch(index)
    raise UserError(f"The index is a faiss {type(index).__name__}, expected IndexFlat, IndexIVFFlat or IndexIVFPQ.")


@dataclass(frozen=True)
class ListSearch:
    """Approximate search of inverted lists, by faiss's costs. Queries whose lists hold fewer than k rows search more lists.

    Raises BadRecord for a query with fewer than k rows at a distance that float32 holds.
    """

    index: faiss.IndexIVF

    def nearest(self, x_nd: Float32Array, k: int) -> tuple[Float64Array, Int64Array]:
        costs_nk, rows_nk = self._search(x_nd, k, self.index.nprobe)
        nprobe = self.index.nprobe
        while nprobe < self.index.nlist and len(short := np.flatnonzero((rows_nk < 0).any(1))):
            nprobe = min(2 * nprobe, self.index.nlist)
            costs_nk[short], rows_nk[short] = self._search(x_nd[short], k, nprobe)
        if len(short := np.flatnonzero((rows_nk < 0).any(1))):
            problem = f"Fewer than k = {k} rows of the index are at a distance that float32 can hold."
            raise BadRecord(int(short[0]) + 1, problem)
        return in_order(costs_nk, rows_nk, k)

    def _search(self, x_nd: Float32Array, k: int, nprobe: int) -> tuple[Float64Array, Int64Array]:
        follow_torch()
        scores_nk, rows_nk = self.index.search(x_nd, k, params=faiss.SearchParametersIVF(nprobe=nprobe))
        inner = self.index.metric_type == faiss.METRIC_INNER_PRODUCT
        return (-scores_nk if inner else scores_nk).astype(np.float64), rows_nk


class FlatSearch:
    """Exact search of all rows. A large index gets a sketch, which answers most queries without reading it whole."""

    def __init__(self, index: faiss.IndexFlat, k: int) -> None:
        self._full = FullIndex(index)
        if not math.isfinite(self._full.longest):
            raise UserError("The index holds NaN or infinity.")
        sketch = self._worthwhile_sketch(min(k, index.ntotal))
        self._stages: list[Sketch | FullIndex] = [sketch, self._full] if sketch else [self._full]

    def nearest(self, x_nd: Float32Array, k: int) -> tuple[Float64Array, Int64Array]:
        costs_nk = np.empty((len(x_nd), k))
        rows_nk = np.empty((len(x_nd), k), np.int64)
        left = np.arange(len(x_nd))
        for stage in self._stages:
            costs_nk[left], rows_nk[left], proven = self._among(stage, x_nd[left], k)
            left = left[~proven]
            if not len(left):  # mutants: equivalent: the loop below finds the same, in another time
                break  # mutants: equivalent: to go on finds the same, in another time
        for query in left:
            rows_1c = self._full.find_within(x_nd[query], costs_nk[query, -1])[None]
            costs_1c = self._costs(x_nd[query : query + 1], rows_1c)
            costs_nk[query], rows_nk[query] = (found_1k[0] for found_1k in in_order(costs_1c, rows_1c, k))
        return costs_nk, rows_nk

    def _among(
        self, stage: FullIndex | Sketch, x_nd: Float32Array, k: int
    ) -> tuple[Float64Array, Int64Array, np.ndarray]:
        """The k nearest among the candidates, and for which queries (n,) no other row can be one of the k nearest."""
        candidates = stage.find(x_nd, k)
        costs_nk, rows_nk = in_order(self._costs(x_nd, candidates.rows_nc), candidates.rows_nc, k)
        return costs_nk, rows_nk, candidates.rest_n > costs_nk[:, -1]

    def _costs(self, x_nd: Float32Array, rows_nc: Int64Array) -> Float64Array:
        """True costs (n, c), float64, of a few queries at a time, so that their rows stay in the cache."""
        costs_nc = np.empty(rows_nc.shape)
        many = max(1, NUMBERS_IN_CACHE // (rows_nc.shape[1] * x_nd.shape[1]))
        for first in range(0, len(x_nd), many):
            block = slice(first, first + many)
            x_b1d = x_nd[block, None].astype(np.float64)
            y_bcd = self._full.rows_rd[rows_nc[block]].astype(np.float64)
            if self._full.inner:
                y_bcd *= x_b1d
                np.negative(y_bcd.sum(2), out=costs_nc[block])
            else:
                y_bcd -= x_b1d
                np.square(y_bcd, out=y_bcd).sum(2, out=costs_nc[block])
        return costs_nc

    def _worthwhile_sketch(self, k: int) -> Sketch | None:
        r, d = self._full.rows_rd.shape
        if d < SKETCH_COLUMNS_LOW or r * d < SKETCH_NUMBERS_LOW or k + MORE > r // ROWS_PER_GROUP:
            return None
        sketch = Sketch.from_index(self._full)
        some_nd = self._full.rows_rd[np.linspace(0, r - 1, TRIAL_QUERIES).astype(np.int64)]
        *_, proven_n = self._among(sketch, some_nd, k)
        return sketch if proven_n.mean() >= TRIAL_SHARE else None


def in_order(costs_nc: Float64Array, rows_nc: Int64Array, k: int) -> tuple[Float64Array, Int64Array]:
    """The k lowest costs (n, k) and their rows, by rising cost, then by row."""
    order_nk = np.lexsort((rows_nc, costs_nc))[:, :k]
    return np.take_along_axis(costs_nc, order_nk, 1), np.take_along_axis(rows_nc, order_nk, 1)
