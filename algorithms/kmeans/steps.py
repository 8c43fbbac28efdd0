"""The steps of streaming k-means, one function each. The device comes with the tensors.

Axes: n rows of a batch or sample · b rows of a block · d features · m centers · k final centers
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK_ENTRIES = 1 << 20
"""Entries of a block of rows and its scores together: 4 MiB of float32, which stay in the processor's cache."""


@dataclass(frozen=True)
class Look:
    """What a look at n rows tells of m centers.

    `index_n` int64, the nearest center of each row; `d2_n` float32, the squared distance to it; `sums_md` and `counts_m`,
    the weighted sums of the rows each center won and their weights, the sums about `origin_d`.
    """

    index_n: Tensor
    d2_n: Tensor
    sums_md: Tensor
    counts_m: Tensor
    origin_d: Tensor

    def means_md(self) -> Tensor:
        """Mean of the rows each center won; the mean of none is the origin."""
        counts_m = self.counts_m.to(self.sums_md.dtype)
        return self.origin_d + self.sums_md / counts_m.clamp_min(tiny(counts_m))[:, None]


def tiny(like: Tensor) -> float:
    """The least positive number of a dtype: divides nothing by zero and changes no count."""
    return torch.finfo(like.dtype).tiny


def nearest(x_nd: Tensor, centers_md: Tensor) -> tuple[Tensor, Tensor]:
    """Index (n,) int64 of each row's nearest center, and the squared distance (n,) to it. Ties go to the lower index."""
    found = [(index_b.clone(), d2_b.clone()) for _, _, index_b, d2_b in _blocks(x_nd, centers_md)]
    return torch.cat([index_b for index_b, _ in found]), torch.cat([d2_b for _, d2_b in found])


def look(x_nd: Tensor, centers_md: Tensor, weights_n: Tensor | None = None) -> Look:
    """Find each row's nearest center and add up what each center wins, reading the rows once."""
    index_n = torch.empty(len(x_nd), dtype=torch.int64, device=x_nd.device)
    d2_n = x_nd.new_empty(len(x_nd))
    sums_md = torch.zeros_like(centers_md)
    for rows, block_bd, index_b, d2_b in _blocks(x_nd, centers_md):
        index_n[rows], d2_n[rows] = index_b, d2_b
        sums_md.index_add_(0, index_b, block_bd if weights_n is None else block_bd * weights_n[rows, None].to(block_bd))
    ones_n = torch.ones(len(x_nd), dtype=torch.float64, device=x_nd.device)
    counts_m = ones_n.new_zeros(len(centers_md)).index_add_(
        0, index_n, ones_n if weights_n is None else weights_n.double()
    )
    return Look(index_n, d2_n, sums_md, counts_m, centers_md.mean(0))


def _blocks(x_nd: Tensor, centers_md: Tensor) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Block by block: its rows, the block less the centers' mean, nearest indices, squared distances; all overwritten by the next.

    The search takes |c|²/2 - x·c, one matrix product of 2·b·m·d operations; shifting both sides by the centers' mean keeps it
    accurate far from zero. The distance is then taken from the difference itself, free of cancellation.
    """
    n, d, m = *x_nd.shape, len(centers_md)
    origin_d = centers_md.mean(0)
    shifted_md = centers_md - origin_d
    half_square_m = shifted_md.square().sum(1) / 2
    size = min(n, max(64, BLOCK_ENTRIES // (d + m)))
    block_bd, apart_bd, scores_bm = (x_nd.new_empty(size, width) for width in (d, d, m))
    for first in range(0, n, size):
        rows = slice(first, min(first + size, n))
        b = rows.stop - first
        torch.sub(x_nd[rows], origin_d, out=block_bd[:b])
        torch.addmm(half_square_m, block_bd[:b], shifted_md.T, alpha=-1, out=scores_bm[:b])
        index_b = _least(scores_bm[:b])
        torch.index_select(shifted_md, 0, index_b, out=apart_bd[:b])
        d2_b = apart_bd[:b].sub_(block_bd[:b]).square_().sum(1)
        yield rows, block_bd[:b], index_b, d2_b


def _least(scores_bm: Tensor) -> Tensor:
    """Index of the least score in each row, the first of equals. On a CPU by NumPy, whose search uses vector units."""
    return torch.from_numpy(scores_bm.numpy().argmin(1)) if scores_bm.device.type == "cpu" else scores_bm.argmin(1)


def mean_cost(x_nd: Tensor, centers_kd: Tensor, weights_n: Tensor | None = None) -> float:
    """Mean squared distance of the rows, weighted if weights are given, to their nearest center."""
    d2_n = nearest(x_nd, centers_kd)[1].double()
    return float(d2_n.mean() if weights_n is None else (d2_n * weights_n).sum() / weights_n.sum())


def draw(chances_n: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Draw up to `count` distinct indices with chances proportional to `chances_n`; an entry of zero is never drawn.

    Exponential clocks: the smallest Exp(1) / chance win [Efraimidis & Spirakis 2006].
    """
    p_n = chances_n.double().cpu()
    count = min(count, int((p_n > 0).sum()))
    clocks_n = torch.empty_like(p_n).exponential_(generator=rng) / p_n
    return clocks_n.topk(count, largest=False, sorted=True).indices


def random_rows(x_nd: Tensor, m: int, rng: torch.Generator) -> Tensor:
    """m distinct rows, drawn uniformly (all rows if there are fewer)."""
    return x_nd[torch.randperm(len(x_nd), generator=rng)[:m]]


def kmeans_plus_plus(x_nd: Tensor, weights_n: Tensor, k: int, rng: torch.Generator) -> Tensor:
    """k rows, each drawn in proportion to weight times squared distance to those before [Arthur 2007, §2.2].

    Where fewer than k distinct rows exist, the rest are repeats of rows drawn by weight. Cost 2·k·n·d operations.
    """
    centered_nd = x_nd - x_nd.mean(0)
    square_n = centered_nd.square().sum(1)
    chosen = [draw(weights_n, 1, rng)]
    d2_n = torch.full_like(square_n, torch.inf)
    for _ in range(k - 1):
        last = int(chosen[-1])
        d2_last_n = square_n - 2 * (centered_nd @ centered_nd[last]) + square_n[last]
        d2_n = torch.minimum(d2_n, d2_last_n.clamp_min_(0))
        d2_n[last] = 0
        next_row = draw(d2_n * weights_n, 1, rng)
        chosen.append(next_row if len(next_row) else draw(weights_n, 1, rng))
    return x_nd[torch.cat(chosen)]


def lloyd(
    x_nd: Tensor,
    weights_n: Tensor | None,
    centers_kd: Tensor,
    max_iter: int,
    tol: float,
    stopping: Callable[[], bool] = lambda: False,
) -> tuple[Tensor, float]:
    """Lloyd iterations; returns centers (k, d) and the mean squared distance before the last move.

    Ends when the relative improvement falls under `tol`, or after any iteration once `stopping`. A center that wins nothing
    stays where it is.
    """
    before = torch.inf
    for _ in range(max_iter):
        seen = look(x_nd, centers_kd, weights_n)
        d2_n = seen.d2_n.double() if weights_n is None else seen.d2_n.double() * weights_n
        loss = float(d2_n.sum() / seen.counts_m.sum())
        if before - loss <= tol * loss:
            break
        before = loss
        centers_kd = torch.where((seen.counts_m > 0)[:, None], seen.means_md(), centers_kd)
        if stopping():
            break
    return centers_kd, loss


def exchange(
    x_nd: Tensor, weights_n: Tensor, centers_kd: Tensor, rounds: int, rng: torch.Generator, stopping: Callable[[], bool]
) -> Tensor:
    """Leave a poor local optimum: open k / 10 centers at far rows, merge as many away, and keep what lowers the loss.

    Each round is the stream's own two moves, opening [Meyerson 2001] and merging [Ward 1963], with two Lloyd iterations after each.
    In purpose it is the swap of Kanungo et al. (2004), in form the breathing of Fritzke (2020).
    """
    best_kd, (best, seen) = centers_kd, _loss(x_nd, weights_n, centers_kd)
    for _ in range(rounds):
        opened = draw(seen.d2_n.double() * weights_n, math.ceil(len(centers_kd) / 10), rng)
        more_md, _ = lloyd(x_nd, weights_n, torch.cat([best_kd, x_nd[opened]]), 2, 0.0)
        counts_m = look(x_nd, more_md, weights_n).counts_m
        fewer_kd, _ = merge_nearest(more_md, counts_m, len(centers_kd))
        tried_kd, _ = lloyd(x_nd, weights_n, fewer_kd, 2, 0.0)
        loss, tried = _loss(x_nd, weights_n, tried_kd)
        if loss < best:
            best_kd, best, seen = tried_kd, loss, tried
        if stopping():
            break
    return best_kd


def _loss(x_nd: Tensor, weights_n: Tensor, centers_kd: Tensor) -> tuple[float, Look]:
    seen = look(x_nd, centers_kd, weights_n)
    return float((seen.d2_n.double() * weights_n).sum() / seen.counts_m.sum()), seen


def move(centers_md: Tensor, weights_m: Tensor, seen: Look) -> tuple[Tensor, Tensor]:
    """Move each center to the mean of all rows it has ever won [Sculley 2010, alg. 1, for a whole batch].

    With weight w, and c new rows of mean x: p = c / (w + c), center ← (1 - p) center + p x.
    """
    after_m = weights_m + seen.counts_m
    step_m = (seen.counts_m / after_m.clamp_min(tiny(after_m))).to(centers_md.dtype)
    return centers_md + step_m[:, None] * (seen.means_md() - centers_md), after_m


def merge_nearest(centers_md: Tensor, weights_m: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Merge centers in pairs until `target` are left, always those whose merging adds least to the cost.

    Merging i and j adds w_i w_j / (w_i + w_j) |c_i - c_j|² [Ward 1963]; starved centers, of small weight, go first. Pairs are
    mutual nearest neighbours, so those of one round are disjoint. This is the re-clustering that keeps the stream's
    memory bounded [Guha 2003, §3]. Cost 2·m²·d operations a round; a handful of rounds.
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
    """Indices of at most `wanted` centers that go, and of the centers they merge into. Holds a block of the distances at a time."""
    weights = weights_m.to(centers_md.dtype)
    own_m = torch.arange(len(centers_md), device=centers_md.device)
    cheapest = []
    for rows in own_m.split(max(1, BLOCK_ENTRIES // len(centers_md))):
        added_bm = torch.cdist(centers_md[rows], centers_md).square_()
        added_bm.mul_(weights[rows, None] * weights / (weights[rows, None] + weights).clamp_min(tiny(weights)))
        added_bm[rows - rows[0], rows] = torch.inf
        cheapest.append(added_bm.min(1))
    cost_m, partner_m = (torch.cat(parts) for parts in zip(*cheapest, strict=True))
    going = ((partner_m[partner_m] == own_m) & (own_m > partner_m)).nonzero()[:, 0]  # one of each mutual pair
    going = going[cost_m[going].argsort(stable=True)[:wanted]]
    return going, partner_m[going]
