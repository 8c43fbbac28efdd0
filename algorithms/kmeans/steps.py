"""The steps of streaming k-means, one function each. The device comes with the tensors.

Axes: n rows of a batch or sample · b rows of a block · d features · m centers · k final centers
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from wildsage.algorithms.base.parallel import over_rows

BLOCK_ENTRIES = 1 << 18
"""Entries of a block of rows and its scores together: 1 MiB of float32, which stay in one core's cache."""

Find = Callable[[Tensor], Tensor]
"""Index (b,) int64 of the nearest center of each row (b, d); rows and centers are about the same mean."""


@dataclass(frozen=True)
class Assignment:
    """n rows, each assigned to the nearest of m centers.

    `index_n` int64 is the nearest center of each row and `d2_n` float32 the squared distance to it. `sums_md` float32 are the
    weighted sums, relative to `origin_d`, of the rows assigned to each center, and `counts_m` float64 their weights.
    """

    index_n: Tensor
    d2_n: Tensor
    sums_md: Tensor
    counts_m: Tensor
    origin_d: Tensor

    def means_md(self) -> Tensor:
        """Mean (m, d) of the rows assigned to each center; the origin for a center without rows."""
        counts_m = self.counts_m.to(self.sums_md.dtype)
        return self.origin_d + self.sums_md / counts_m.clamp_min(tiny(counts_m))[:, None]


def tiny(like: Tensor) -> float:
    """The smallest positive number of the dtype of `like`: a lower bound for divisors that does not change any count."""
    return torch.finfo(like.dtype).tiny


class ExactSearch:
    """Centers (m, d), prepared for a search for the nearest of them. The parts of a batch share it.

    Shifting rows and centers by the centers' mean keeps the search accurate far from zero.
    """

    def __init__(self, centers_md: Tensor) -> None:
        self.origin_d = centers_md.mean(0)
        self.shifted_md = centers_md - self.origin_d
        self.half_square_m = self.shifted_md.square().sum(1) / 2

    def finder(self, size: int) -> Find:
        """Search blocks of at most `size` rows by |c|²/2 - x·c, one float32 product of 2·b·m·d operations."""
        buffer_bm = self.shifted_md.new_empty(size, len(self.shifted_md))

        def find(block_bd: Tensor) -> Tensor:
            scores_bm = buffer_bm[: len(block_bd)]
            torch.addmm(self.half_square_m, block_bd, self.shifted_md.T, alpha=-1, out=scores_bm)
            return argmin_rows(scores_bm)

        return find

    def nearest(self, x_nd: Tensor) -> tuple[Tensor, Tensor]:
        """Index (n,) int64 of each row's nearest center, and the squared distance (n,) to it. Ties go to the lower index."""
        index_n, d2_n = unfilled(x_nd)

        def part(rows: slice) -> None:
            for rows_b, _, index_b, d2_b in self._blocks(x_nd, rows):
                index_n[rows_b], d2_n[rows_b] = index_b, d2_b

        over_rows(len(x_nd), entries(x_nd, self.shifted_md), x_nd.device, part)
        return index_n, d2_n

    def assign(self, x_nd: Tensor) -> Assignment:
        """Assign each row (n, d) to its nearest center and sum up the rows of each center, reading the rows once."""
        index_n, d2_n = unfilled(x_nd)

        def part(rows: slice) -> Tensor:
            sums_md = torch.zeros_like(self.shifted_md)
            for rows_b, block_bd, index_b, d2_b in self._blocks(x_nd, rows):
                index_n[rows_b], d2_n[rows_b] = index_b, d2_b
                sums_md.index_add_(0, index_b, block_bd)
            return sums_md

        parts_md = over_rows(len(x_nd), entries(x_nd, self.shifted_md), x_nd.device, part)
        counts_m = torch.bincount(index_n, minlength=len(self.shifted_md)).double()
        return Assignment(index_n, d2_n, torch.stack(parts_md).sum(0), counts_m, self.origin_d)

    def _blocks(self, x_nd: Tensor, rows: slice) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
        """For each block its rows, the block about the mean, nearest indices and squared distances; the next overwrites them.

        The distance is computed from the difference itself, which avoids cancellation.
        """
        size = block_rows(rows, self.shifted_md)
        block_bd, apart_bd = (x_nd.new_empty(size, x_nd.shape[1]) for _ in range(2))
        find = self.finder(size)
        for rows_b in blocks(rows, size):
            b = rows_b.stop - rows_b.start
            torch.sub(x_nd[rows_b], self.origin_d, out=block_bd[:b])
            index_b = find(block_bd[:b])
            torch.index_select(self.shifted_md, 0, index_b, out=apart_bd[:b])
            d2_b = apart_bd[:b].sub_(block_bd[:b]).square_().sum(1)
            yield rows_b, block_bd[:b], index_b, d2_b


def nearest(x_nd: Tensor, centers_md: Tensor) -> tuple[Tensor, Tensor]:
    """Index (n,) int64 of each row's nearest center, and the squared distance (n,) to it. Ties go to the lower index."""
    return ExactSearch(centers_md).nearest(x_nd)


def assign(x_nd: Tensor, centers_md: Tensor) -> Assignment:
    """Assign each row (n, d) to its nearest center (m, d) and sum up the rows of each center."""
    return ExactSearch(centers_md).assign(x_nd)


def entries(x_nd: Tensor, centers_md: Tensor) -> int:
    """Numbers that a search for the nearest centers touches: the rows, and a score for each row and center."""
    return len(x_nd) * (x_nd.shape[1] + len(centers_md))  # mutants: equivalent: decides about threads alone


def unfilled(x_nd: Tensor) -> tuple[Tensor, Tensor]:
    """Uninitialised tensors for the indices and squared distances of n rows."""
    return torch.empty(len(x_nd), dtype=torch.int64, device=x_nd.device), x_nd.new_empty(len(x_nd))


def block_rows(rows: slice, centers_md: Tensor) -> int:
    """Rows of a block: as many as fit into the cache together with their scores."""
    return min(rows.stop - rows.start, max(64, BLOCK_ENTRIES // sum(centers_md.shape)))


def blocks(rows: slice, size: int) -> Iterator[slice]:
    """The rows in consecutive blocks of `size`; the last may be shorter."""
    for first in range(rows.start, rows.stop, max(size, 1)):
        yield slice(first, min(first + size, rows.stop))


def argmin_rows(scores_bm: Tensor) -> Tensor:
    """Index (b,) of the lowest score in each row, the first of equal ones. On a CPU by NumPy, which uses vector units."""
    # mutants: equivalent: both find the same, in another time
    return torch.from_numpy(scores_bm.numpy().argmin(1)) if scores_bm.device.type == "cpu" else scores_bm.argmin(1)


def mean_cost(x_nd: Tensor, centers_kd: Tensor) -> float:
    """Mean squared distance of the rows to their nearest center, in squared units of the data."""
    return float(nearest(x_nd, centers_kd)[1].mean(dtype=torch.float64))


def draw(chances_n: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Draw up to `count` distinct indices, (≤ count,) int64, with chances proportional to `chances_n`.

    An entry of zero is never drawn. Exponential clocks: the smallest Exp(1) / chance win [Efraimidis & Spirakis 2006].
    """
    p_n = chances_n.double().cpu()
    count = min(count, int((p_n > 0).sum()))
    clocks_n = torch.empty_like(p_n).exponential_(generator=rng) / p_n
    return clocks_n.topk(count, largest=False, sorted=True).indices


def random_rows(x_nd: Tensor, m: int, rng: torch.Generator) -> Tensor:
    """m distinct rows (m, d), drawn uniformly (all rows if there are fewer)."""
    return x_nd[torch.randperm(len(x_nd), generator=rng)[:m]]


def kmeans_plus_plus(x_nd: Tensor, weights_n: Tensor, k: int, trials: int, rng: torch.Generator) -> Tensor:
    """(trials, k, d): each time k rows, each drawn in proportion to weight times squared distance to those before.

    [Arthur 2007, §2.2]. Where fewer than k distinct rows exist, the rest are repeats of rows drawn by weight. The trials go in
    step; cost 2·trials·k·n·d operations.
    """
    centered_nd = x_nd - x_nd.mean(0)
    square_n = centered_nd.square().sum(1)
    weights_tn = weights_n.double().cpu().expand(trials, -1)
    chosen = [_draw_one_each(weights_tn, rng)]
    d2_tn = torch.full((trials, len(x_nd)), torch.inf, dtype=torch.float64)
    for _ in range(k - 1):
        last_t = chosen[-1].to(x_nd.device)
        d2_last_tn = square_n - 2 * centered_nd[last_t] @ centered_nd.T + square_n[last_t, None]
        d2_tn = torch.minimum(d2_tn, d2_last_tn.clamp_min_(0).cpu()).scatter_(1, chosen[-1][:, None], 0)
        chances_tn = d2_tn * weights_tn
        chosen.append(_draw_one_each(torch.where(chances_tn.any(1, keepdim=True), chances_tn, weights_tn), rng))
    return x_nd[torch.stack(chosen, 1).to(x_nd.device)]


def _draw_one_each(chances_tn: Tensor, rng: torch.Generator) -> Tensor:
    """One index for each trial (t,), drawn as `draw` does."""
    clocks_tn = torch.empty(chances_tn.shape, dtype=torch.float64).exponential_(generator=rng)
    return (clocks_tn / chances_tn).argmin(1)


def move(centers_md: Tensor, weights_m: Tensor, assigned: Assignment) -> tuple[Tensor, Tensor]:
    """Move each center to the mean of all rows it has ever won [Sculley 2010, alg. 1, for a whole batch].

    With weight w, and c new rows of mean x: p = c / (w + c), center ← (1 - p) center + p x. Returns centers
    (m, d) and weights (m,).
    """
    after_m = weights_m + assigned.counts_m
    step_m = (assigned.counts_m / after_m.clamp_min(tiny(after_m))).to(centers_md.dtype)
    return centers_md + step_m[:, None] * (assigned.means_md() - centers_md), after_m


def merge_nearest(centers_md: Tensor, weights_m: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Merge centers in pairs until `target` are left, always those whose merging adds least to the cost.

    Merging i and j adds w_i w_j / (w_i + w_j) |c_i - c_j|² [Ward 1963]; centers of small weight go first. Pairs are
    mutual nearest neighbours, so those of one round are disjoint. This is the re-clustering that keeps the stream's
    memory bounded [Guha 2003, §3]. Cost 2·m²·d operations a round; a handful of rounds. Returns centers
    (target, d) and weights (target,).
    """
    while len(centers_md) > target:
        going, into = _cheapest_pairs(centers_md, weights_m, len(centers_md) - target)
        total = weights_m[into] + weights_m[going]
        share = (weights_m[going] / total.clamp_min(tiny(total))).to(centers_md.dtype)
        stays_m = torch.ones(len(centers_md), dtype=torch.bool, device=centers_md.device).index_fill_(0, going, False)
        joined = centers_md[into] + share[:, None] * (centers_md[going] - centers_md[into])
        centers_md = centers_md.index_copy(0, into, joined)[stays_m]
        weights_m = weights_m.index_copy(0, into, total)[stays_m]
    return centers_md, weights_m


def _cheapest_pairs(centers_md: Tensor, weights_m: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """Indices of at most `wanted` centers to remove, and of those they merge into. Holds one block of distances at a time."""
    weights = weights_m.to(centers_md.dtype)
    own_m = torch.arange(len(centers_md), device=centers_md.device)
    partner_m, cost_m = unfilled(centers_md)

    def part(rows: slice) -> None:
        for block in blocks(rows, max(1, BLOCK_ENTRIES // len(centers_md))):
            added_bm = torch.cdist(centers_md[block], centers_md).square_()
            added_bm.mul_(weights[block, None] * weights / (weights[block, None] + weights).clamp_min(tiny(weights)))
            added_bm.diagonal(block.start).fill_(torch.inf)
            cost_m[block], partner_m[block] = added_bm.min(1)

    over_rows(len(centers_md), entries(centers_md, centers_md), centers_md.device, part)
    going = ((partner_m[partner_m] == own_m) & (own_m > partner_m)).nonzero().flatten()  # one of each mutual pair
    going = going[cost_m[going].argsort(stable=True)[:wanted]]
    return going, partner_m[going]
