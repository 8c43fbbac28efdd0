"""Which rows could be among the nearest, and a lower bound of the cost of all others.

A search minimises a cost: the squared distance, or minus the inner product. The floor of a row is a lower bound of its true
cost.

Axes: n queries · d columns · m columns of a sketch · r rows · s rows examined · c candidates
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wildsage.algorithms.base.parallel import over_rows

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

UNIT = 2.0**-24
"""The largest relative error of one rounding in float32."""

ROUNDINGS = 32
"""Roundings in a cost in addition to one for each column: those of encoding a row, and of the last additions."""

CHUNK_ROWS = 8_192  # mutants: equivalent: a few more or less change the time alone
SAMPLE_ROWS = 1_024  # mutants: equivalent: a few more or less change the time alone

COLUMNS_PER_AXIS, MOST_AXES = 8, 47
"""A sketch has one axis for every 8 columns, 47 at most: more axes take longer to read than they save."""

MORE = 16
"""Candidates beyond k, since about as many rows may lie within faiss's rounding of the k-th."""

ROWS_PER_GROUP = 32
"""A sketch first examines the best row of each group of this many rows, in the k + MORE best groups."""

EXAMINED_SHARE = 1 / 8  # mutants: equivalent: a few more or less change the time alone
"""If a sketch leaves more than this share of the rows to examine, reading the whole index is as fast."""

QUERIES_AT_ONCE = 16  # mutants: equivalent: a few more or less change the time alone
"""Queries whose floors are computed together, so that the rows are read once for all of them."""

QUERIES_LOW, ROWS_LOW, LARGEST_COUNT = 20, 10_000, 256  # mutants: equivalent: one more or less changes the time alone
"""With fewer queries or rows, or for more neighbours, faiss's own search is as fast."""

LARGEST_ERROR = 1e30
"""Where rounding errors are larger, costs may be beyond float32, and faiss searches."""

QUERIES_IN_BLOCK, ROWS_IN_BLOCK = 256, 2_048
"""Queries and rows that are multiplied together: their scores, 2 MB, stay in one core's cache."""


@dataclass(frozen=True)
class Candidates:
    """Candidates (n, c) of each query, and the floor (n,) of all other rows; infinity if every row is a candidate."""

    rows_nc: Int64Array
    rest_n: Float64Array


class LowestScores:
    """The c lowest of the finite scores that come in blocks (b, s), for each of b queries, and of equal ones the first.

    Scores that c earlier ones do not exceed are passed over by one comparison; the others wait, and are sorted now and then.
    There are at most `QUERIES_IN_BLOCK` queries.
    """

    def __init__(self, queries: int, count: int) -> None:
        self._limit_b = np.full(queries, np.inf, np.float32)  # only lower scores can be among the lowest
        self._many = 8 * count * queries  # mutants: equivalent: a few more or less change the time alone
        self._count = count
        self._scores: list[Float32Array] = []
        self._rows: list[Int64Array] = []
        self._queries: list[Int64Array] = []
        self._waiting = 0

    def add(self, scores_bs: Float32Array, first: int) -> None:
        """Take in the scores of the rows from `first` on: where many are low, as in sorted rows, only the c lowest of the block."""
        places = np.flatnonzero(scores_bs < self._limit_b[:, None])
        for at_least in (lowest_of_groups, lowest_of_all):
            if len(places) > self._many:  # mutants: equivalent: a few more or less change the time alone
                highest_b = at_least(scores_bs, self._count)
                places = np.flatnonzero(scores_bs <= highest_b[:, None])
                self._limit_b = np.minimum(self._limit_b, highest_b)
        queries, columns = np.divmod(places, scores_bs.shape[1])
        self._scores.append(scores_bs.ravel()[places])
        self._rows.append(columns + first)
        self._queries.append(queries)
        self._waiting += len(places)
        if self._waiting > self._many:
            self._sort()

    def _sort(self) -> None:
        """Keep the c lowest of each query, in order."""
        scores, rows, queries = np.concatenate(self._scores), np.concatenate(self._rows), np.concatenate(self._queries)
        order = order_by(queries, scores)
        starts_b = np.searchsorted(queries[order], np.arange(len(self._limit_b)))
        kept = order[np.arange(len(order)) - np.repeat(starts_b, np.diff(starts_b, append=len(order))) < self._count]
        self._scores, self._rows, self._queries = [scores[kept]], [rows[kept]], [queries[kept]]
        self._waiting = len(kept)
        ends_b = np.searchsorted(queries[kept], np.arange(len(self._limit_b)), "right")
        full_b = np.diff(ends_b, prepend=0) == self._count
        self._limit_b[full_b] = scores[kept][ends_b[full_b] - 1]

    def found(self) -> tuple[Float32Array, Int64Array]:
        """The c lowest scores (b, c) of each query in rising order, and their rows (b, c)."""
        self._sort()
        shape = (len(self._limit_b), self._count)
        return self._scores[0].reshape(shape), self._rows[0].reshape(shape)


def lowest_of_groups(scores_bs: Float32Array, count: int) -> Float32Array:
    """A score (b,) that at least `count` of each query do not exceed, found in a fraction of the time of the lowest such score.

    A group is every `groups`-th row, and `count` groups have their lowest score below the result, or at it.
    """
    b, s = scores_bs.shape
    groups = min(s, 3 * count)  # mutants: equivalent: more or fewer, but `count` at least, give such a score too
    if s < 2 * groups:  # mutants: equivalent: either is such a score
        return lowest_of_all(scores_bs, count)
    of_groups_bg = scores_bs[:, : s // groups * groups].reshape(b, -1, groups).min(1)
    return lowest_of_all(of_groups_bg, count)


def lowest_of_all(scores_bs: Float32Array, count: int) -> Float32Array:
    """The lowest score (b,) that at least `count` of each query do not exceed; infinity where there are fewer scores."""
    if scores_bs.shape[1] < count:
        return np.full(len(scores_bs), np.inf, np.float32)
    return np.partition(scores_bs, count - 1)[:, count - 1]


def order_by(queries: Int64Array, scores: Float32Array) -> Int64Array:
    """The order (w,) of w < 2^24 scores by query, below 256, then by score, then by place: a stable sort of one number for each."""
    bits = (scores + np.float32(0)).view(np.int32)  # without -0, which equals 0
    rising = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64) + (1 << 31)
    keys = (queries << 56 | rising << 24).view(np.uint64)
    keys |= np.arange(len(keys), dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFF)).astype(np.int64)


@dataclass(frozen=True)
class FullIndex:
    """Finds candidates by float32 costs over all columns. Less their rounding error, these are floors.

    faiss computes the costs for a few queries, and matrix products for many, which need half the squared length of each row.
    """

    index: faiss.IndexFlat

    @cached_property
    def inner(self) -> bool:
        """Whether a cost is minus the inner product; otherwise it is the squared distance."""
        return self.index.metric_type == faiss.METRIC_INNER_PRODUCT

    @cached_property
    def rows_rd(self) -> Float32Array:
        """The index's own memory, or the file that it is mapped to."""
        flat = faiss.rev_swig_ptr(self.index.get_xb(), self.index.ntotal * self.index.d)
        return flat.reshape(self.index.ntotal, self.index.d)

    def parts(self) -> Iterator[Float32Array]:
        """The rows in order, CHUNK_ROWS at a time."""
        for first in range(0, len(self.rows_rd), CHUNK_ROWS):
            yield self.rows_rd[first : first + CHUNK_ROWS]

    @cached_property
    def longest(self) -> float:
        """The largest Euclidean length of a row."""
        return float(np.max([np.linalg.norm(part, axis=1).max() for part in self.parts()]))

    def error_n(self, x_nd: Float32Array) -> Float64Array:
        """How far a computed cost can be from the true one [Higham 2002, §3.1]."""
        return rounding(np.linalg.norm(x_nd.astype(np.float64), axis=1), self.longest, self.index.d, self.inner)

    def find(self, x_nd: Float32Array, k: int) -> Candidates:
        """The k + MORE rows of lowest computed cost for each query, or all rows."""
        count, error_n = min(k + MORE, self.index.ntotal), self.error_n(x_nd)
        many = len(x_nd) >= QUERIES_LOW and self.index.ntotal >= ROWS_LOW and count <= LARGEST_COUNT
        if many and error_n.max() < LARGEST_ERROR:
            costs_nc, rows_nc = self._lowest(x_nd, count)
        else:
            follow_torch()
            scores_nc, rows_nc = self.index.search(x_nd, count)
            costs_nc = -scores_nc if self.inner else scores_nc
        if count == self.index.ntotal:
            return Candidates(rows_nc, np.full(len(x_nd), np.inf))
        return Candidates(rows_nc, costs_nc[:, -1].astype(np.float64) - error_n)

    @cached_property
    def half_square_r(self) -> Tensor:
        """Half the squared lengths of the rows, or zeros for inner products."""
        half_square_r = torch.zeros(self.index.ntotal)
        if not self.inner:
            for first, part in zip(range(0, self.index.ntotal, CHUNK_ROWS), self.parts(), strict=True):
                half_square_r[first : first + CHUNK_ROWS] = torch.from_numpy(np.einsum("rd,rd->r", part, part) / 2)
        return half_square_r

    def _lowest(self, x_nd: Float32Array, count: int) -> tuple[Float64Array, Int64Array]:
        """The lowest costs (n, c) by one matrix product for each block of rows, in rising order, and their rows (n, c).

        faiss's own search takes several times as long as its product. Each core searches for a share of the queries.
        """
        costs_nc, rows_nc = np.empty((len(x_nd), count), np.float32), np.empty((len(x_nd), count), np.int64)

        def part(queries: slice) -> None:
            for first in range(queries.start, queries.stop, QUERIES_IN_BLOCK):
                block = slice(first, min(first + QUERIES_IN_BLOCK, queries.stop))
                costs_nc[block], rows_nc[block] = self._lowest_of_block(torch.from_numpy(x_nd[block]), count)

        over_rows(len(x_nd), len(x_nd) * self.index.ntotal, torch.device("cpu"), part)
        if self.inner:
            return costs_nc.astype(np.float64), rows_nc
        return 2 * costs_nc + np.square(x_nd.astype(np.float64)).sum(1, keepdims=True), rows_nc

    def _lowest_of_block(self, x_bd: Tensor, count: int) -> tuple[Float32Array, Int64Array]:
        """The lowest scores |y|²/2 - x·y (b, c) of a few queries, and their rows."""
        lowest = LowestScores(len(x_bd), count)
        rows_rd = torch.from_numpy(self.rows_rd)
        for first in range(0, len(rows_rd), ROWS_IN_BLOCK):
            block = slice(first, first + ROWS_IN_BLOCK)
            scores = torch.addmm(self.half_square_r[block], x_bd, rows_rd[block].T, alpha=-1)
            lowest.add(scores.numpy(), first)
        return lowest.found()

    def find_within(self, x_d: Float32Array, cost: float) -> Int64Array:
        """All rows (c,) whose floor is at most `cost`, for one query."""
        follow_torch()
        limit = np.float32(cost + self.error_n(x_d[None]).item())
        for _ in range(2):  # the limit may have been rounded down, and faiss excludes rows on the radius
            limit = np.nextafter(limit, np.float32(np.inf))
        return self.index.range_search(x_d[None], float(-limit if self.inner else limit))[2]


@dataclass(frozen=True)
class Sketch:
    """Finds candidates by floors of few columns, then examines the rows that could be nearest. Memory: m + 1 numbers a row.

    Let p be a row's coordinates on the m - 1 strongest principal axes of the rows, and q the length of its residual:
    |x - y|² ≥ |p_x - p_y|² + (q_x - q_y)², and x·y ≤ p_x·p_y + q_x·q_y [Cauchy-Schwarz]. These floors are again squared
    distances and inner products, of m columns, so one matrix product gives the floors of all rows.

    `columns_mr` holds the rows encoded as p and q, and `half_square_r` half their squared lengths, or zeros for inner products.
    """

    full: FullIndex
    center_d: Float64Array
    axes_dm: Float64Array
    columns_mr: Tensor
    half_square_r: Tensor

    @classmethod
    def from_index(cls, full: FullIndex) -> Self:
        """A sketch of the index. Any center and orthonormal axes give valid floors; those of sampled rows give high ones."""
        r, d = full.rows_rd.shape
        x_sd = torch.from_numpy(full.rows_rd[np.linspace(0, r - 1, min(r, SAMPLE_ROWS)).astype(np.int64)]).double()
        center_d = torch.zeros(d, dtype=torch.float64) if full.inner else x_sd.mean(0)
        x_sd -= center_d
        strongest_sm = torch.linalg.eigh(x_sd @ x_sd.T).eigenvectors[:, -min(MOST_AXES, d // COLUMNS_PER_AXIS) :]
        center, axes = center_d.numpy(), torch.linalg.qr(x_sd.T @ strongest_sm).Q.numpy()
        encoded_rm = np.concatenate([_encoded(part, center, axes) for part in full.parts()])
        columns_mr = torch.from_numpy(encoded_rm.T.copy())
        half_square_r = columns_mr.new_zeros(r) if full.inner else columns_mr.square().sum(0) / 2
        return cls(full, center, axes, columns_mr, half_square_r)

    @cached_property
    def longest(self) -> float:
        """The largest Euclidean length of an encoded row."""
        return float(torch.linalg.vector_norm(self.columns_mr, dim=0).max())

    def find(self, x_nd: Float32Array, k: int) -> Candidates:
        """k + MORE candidates of each query."""
        rows_nc, rest_n = np.empty((len(x_nd), k + MORE), np.int64), np.empty(len(x_nd))
        for first in range(0, len(x_nd), QUERIES_AT_ONCE):
            for query, floors_r in enumerate(self._floors(x_nd[first : first + QUERIES_AT_ONCE]), start=first):
                rows_nc[query], rest_n[query] = self._find(x_nd[query], floors_r, k)
        return Candidates(rows_nc, rest_n)

    def _floors(self, x_nd: Float32Array) -> Float32Array:
        """Floors (n, r) of all rows: costs by the columns of the sketch, less what rounding may have added to them."""
        code_nm = _encoded(x_nd, self.center_d, self.axes_dm)
        length_n = np.linalg.norm(code_nm.astype(np.float64), axis=1)
        least_n = -rounding(length_n, self.longest, len(self.columns_mr), self.full.inner)
        scale = 1 if self.full.inner else 2
        if not self.full.inner:
            least_n += np.square(length_n)
        code = torch.from_numpy(code_nm)
        floors_nr = torch.addmm(self.half_square_r, code, self.columns_mr, beta=scale, alpha=-scale).numpy()
        floors_nr += least_n[:, None].astype(np.float32)
        return floors_nr

    def _find(self, x_d: Float32Array, floors_r: Float32Array, k: int) -> tuple[Int64Array, float]:
        """Candidates (c,), and the floor of the rest. A floor above the k-th cost found excludes a row."""
        count = k + MORE
        probes_c = _best_of_groups(floors_r, count)
        kth = np.sort(self._examined(x_d, probes_c)[1])[k - 1]
        limit = np.nextafter(np.float32(kth), np.float32(np.inf))
        floors_r[probes_c] = -np.inf
        could_s = np.flatnonzero(floors_r <= limit)
        if len(could_s) > EXAMINED_SHARE * len(floors_r):
            return probes_c, -np.inf
        if len(could_s) == count:
            return could_s, float(limit)
        floors_s, _ = self._examined(x_d, could_s)
        order_s = np.argpartition(floors_s, count)
        return could_s[order_s[:count]], min(float(limit), floors_s[order_s[count]])

    def _examined(self, x_d: Float32Array, rows_s: Int64Array) -> tuple[Float64Array, Float64Array]:
        """Lower and upper bounds (s,) of the costs of some rows, computed from all columns."""
        costs_s = np.empty(len(rows_s), np.float32)
        compute = faiss.fvec_inner_products_by_idx if self.full.inner else faiss.fvec_L2sqr_by_idx
        pointers = (faiss.swig_ptr(each) for each in (costs_s, x_d, self.full.rows_rd, rows_s))
        compute(*pointers, len(x_d), 1, len(rows_s))
        near_s = costs_s.astype(np.float64)
        if self.full.inner:
            error = self.full.error_n(x_d[None]).item()
            return -near_s - error, -near_s + error
        error = UNIT * (len(x_d) + ROUNDINGS)
        return near_s * (1 - error), near_s * (1 + error)


def _best_of_groups(floors_r: Float32Array, count: int) -> Int64Array:
    """Rows with low floors, found in a fraction of the time that the lowest floors take. A group is every `width`-th row."""
    width = len(floors_r) // ROWS_PER_GROUP
    floors_ws = floors_r[: ROWS_PER_GROUP * width].reshape(ROWS_PER_GROUP, width)
    best_c = np.argpartition(floors_ws.min(0), count - 1)[:count]
    return floors_ws[:, best_c].argmin(0) * width + best_c


def _encoded(x_nd: Float32Array, center_d: Float64Array, axes_dm: Float64Array) -> Float32Array:
    """Rows (n, m): their coordinates on the axes, and the length of the residual."""
    centered_nd = x_nd - center_d
    along_nm = centered_nd @ axes_dm
    squared_n = np.square(centered_nd).sum(1) - np.square(along_nm).sum(1)
    return np.concatenate([along_nm, np.sqrt(np.maximum(squared_n, 0))[:, None]], 1, dtype=np.float32)


def rounding(length_n: Float64Array, longest: float, columns: int, inner: bool) -> Float64Array:
    """How far float32 costs of rows of these Euclidean lengths can be from the true ones [Higham 2002, §3.1]."""
    magnitude_n = length_n * longest if inner else np.square(length_n + longest)
    return magnitude_n * UNIT * (columns + ROUNDINGS)


def follow_torch() -> None:
    """Let faiss use as many threads as torch: it keeps a number of its own, and a server's worker limits only torch's."""
    faiss.omp_set_num_threads(torch.get_num_threads())
