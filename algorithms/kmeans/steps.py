"""The steps of streaming k-means, one function each. The device comes with the tensors.

Axes: n rows of a batch · d features · m streaming centers · k final centers · q centers opened by one batch ·
r rows of the reservoir
"""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK_ENTRIES = 1 << 24
"""Largest (n, m) score matrix held at once: 64 MiB of float32."""


def nearest(x_nd: Tensor, centers_md: Tensor) -> tuple[Tensor, Tensor]:
    """Index (n,) int64 of each row's nearest center, and the squared distance (n,) to it.

    The search uses |c|² - 2 x·c, which is one matrix product; the distance is then taken from the difference itself, so
    it does not suffer from cancellation. Ties go to the lower index. Cost 2·n·m·d operations.
    """
    origin_d = centers_md.mean(0)  # shifting both sides keeps |c|² small where the data lie far from zero
    shifted_md = centers_md - origin_d
    half_square_m = (shifted_md * shifted_md).sum(1) / 2
    rows = max(1, CHUNK_ENTRIES // len(centers_md))
    index_n = torch.cat(
        [
            torch.addmm(half_square_m, chunk_nd - origin_d, shifted_md.T, alpha=-1).min(1).indices
            for chunk_nd in x_nd.split(rows)
        ]
    )
    return index_n, (x_nd - centers_md[index_n]).square_().sum(1)


def mean_cost(x_nd: Tensor, centers_kd: Tensor) -> float:
    """Mean squared distance of the rows to their nearest center."""
    return float(nearest(x_nd, centers_kd)[1].mean(dtype=torch.float64))


def weighted_means(x_nd: Tensor, weights_n: Tensor, index_n: Tensor, m: int) -> tuple[Tensor, Tensor]:
    """Means (m, d) and total weights (m,) of the rows that won each center; the mean of no rows is zero."""
    sums_md = x_nd.new_zeros(m, x_nd.shape[1]).index_add_(0, index_n, x_nd * weights_n[:, None])
    totals_m = weights_n.new_zeros(m).index_add_(0, index_n, weights_n)
    return sums_md / totals_m.clamp_min(torch.finfo(totals_m.dtype).tiny)[:, None], totals_m


def draw(probability_n: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Draw up to `count` distinct indices with chances proportional to `probability_n`, in float64 on the CPU.

    Entries of zero are never drawn. Exponential clocks: the smallest Exp(1) / p win [Efraimidis & Spirakis 2006].
    """
    p_n = probability_n.double().cpu()
    count = min(count, int((p_n > 0).sum()))
    clocks_n = torch.empty_like(p_n).exponential_(generator=rng) / p_n
    return clocks_n.topk(count, largest=False, sorted=True).indices


def random_rows(x_nd: Tensor, m: int, rng: torch.Generator) -> Tensor:
    """m distinct rows, drawn uniformly (all rows if there are fewer)."""
    return x_nd[torch.randperm(len(x_nd), generator=rng)[:m]]


def kmeans_plus_plus(x_nd: Tensor, weights_n: Tensor, k: int, rng: torch.Generator) -> Tensor:
    """k rows, each drawn in proportion to weight times squared distance to those before [Arthur 2007, §2.2].

    Where fewer than k distinct rows exist, the rest are repeats of rows drawn by weight. Cost k·n·d.
    """
    chosen = [draw(weights_n, 1, rng)]
    d2_n = torch.full_like(weights_n, torch.inf)
    for _ in range(k - 1):
        d2_n = torch.minimum(d2_n, (x_nd - x_nd[chosen[-1]]).square_().sum(1))
        next_row = draw(d2_n * weights_n, 1, rng)
        chosen.append(next_row if len(next_row) else draw(weights_n, 1, rng))
    return x_nd[torch.cat(chosen)]


def lloyd(x_nd: Tensor, weights_n: Tensor, centers_kd: Tensor, max_iter: int, tol: float) -> tuple[Tensor, float]:
    """Weighted Lloyd iterations; returns centers (k, d) and the mean squared distance before the last move.

    Ends when the relative improvement falls under `tol`. A center that wins nothing stays where it is.
    """
    total = float(weights_n.sum())
    before = torch.inf
    for _ in range(max_iter):
        index_n, d2_n = nearest(x_nd, centers_kd)
        loss = float((d2_n * weights_n).sum(dtype=torch.float64)) / total
        if before - loss <= tol * loss:
            break
        before = loss
        means_kd, totals_k = weighted_means(x_nd, weights_n, index_n, len(centers_kd))
        centers_kd = torch.where((totals_k > 0)[:, None], means_kd, centers_kd)
    return centers_kd, loss


def move(centers_md: Tensor, weights_m: Tensor, x_nd: Tensor, index_n: Tensor) -> tuple[Tensor, Tensor]:
    """Move each center to the mean of all rows it has ever won [Sculley 2010, alg. 1, for a whole batch].

    With weight w, and c new rows of mean x: p = c / (w + c), center ← (1 - p) center + p x.
    """
    ones_n = x_nd.new_ones(len(x_nd))
    means_md, counts_m = weighted_means(x_nd, ones_n, index_n, len(centers_md))
    after_m = weights_m + counts_m
    step_m = (counts_m / after_m.clamp_min(torch.finfo(after_m.dtype).tiny)).to(x_nd.dtype)
    return centers_md + step_m[:, None] * (means_md - centers_md), after_m


def facilities(d2_n: Tensor, usual_cost: float, m: int, rng: torch.Generator) -> Tensor:
    """Rows of the batch at which new centers open: the farther, the likelier [Meyerson 2001, §2].

    A batch that costs what rows have cost so far opens m / 8 on average, a dearer one more, up to m: so a stream sorted by
    cluster, whose next cluster is far from every center, gets centers there at once.
    """
    cost = float(d2_n.mean(dtype=torch.float64))
    if cost == 0:
        return torch.empty(0, dtype=torch.int64)
    dearness = cost / usual_cost if usual_cost > 0 else torch.inf
    return draw(d2_n, min(m, 1 + int(m / 8 * min(dearness, 8.0))), rng)


def merge_nearest(centers_md: Tensor, weights_m: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Merge centers in pairs until `target` are left, always those whose merging adds least to the cost.

    Merging i and j adds w_i w_j / (w_i + w_j) |c_i - c_j|² [Ward 1963]; starved centers, of small weight, go first. Pairs are
    mutual nearest neighbours, so those of one round are disjoint. This is the re-clustering that keeps the stream's
    memory bounded [Guha 2003, §3]. Cost 2·m²·d operations a round; a handful of rounds.
    """
    while len(centers_md) > target:
        keep_m, partner_m = _cheapest_pairs(centers_md, weights_m, len(centers_md) - target)
        gone_m = ~keep_m
        into = partner_m[gone_m]
        total = weights_m[into] + weights_m[gone_m]
        share = (weights_m[gone_m] / total.clamp_min(torch.finfo(total.dtype).tiny)).to(centers_md.dtype)
        centers_md[into] += share[:, None] * (centers_md[gone_m] - centers_md[into])
        weights_m[into] = total
        centers_md, weights_m = centers_md[keep_m], weights_m[keep_m]
    return centers_md, weights_m


def _cheapest_pairs(centers_md: Tensor, weights_m: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """Mask of the centers that stay, and for each center its partner; at most `wanted` centers go."""
    added_mm = torch.cdist(centers_md, centers_md).square_().to(weights_m.dtype)
    pair_mm = (
        weights_m[:, None] * weights_m / (weights_m[:, None] + weights_m).clamp_min(torch.finfo(weights_m.dtype).tiny)
    )
    added_mm.mul_(pair_mm).fill_diagonal_(torch.inf)
    cost_m, partner_m = added_mm.min(1)
    own_m = torch.arange(len(centers_md), device=centers_md.device)
    later_m = (partner_m[partner_m] == own_m) & (own_m > partner_m)  # one of each mutual pair
    going = later_m.nonzero()[:, 0]
    going = going[cost_m[going].argsort(stable=True)[:wanted]]
    keep_m = torch.ones_like(later_m)
    keep_m[going] = False
    return keep_m, partner_m
