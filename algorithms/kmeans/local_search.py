"""Local searches for k centers on weighted rows that are all in memory: Lloyd's iterations, and swaps of centers.

Axes: n rows · b rows of a block · d features · k centers · t starts · c candidates for one new center
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from wildsage.algorithms.base.parallel import on_one_thread, over_rows
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.steps import Assignment

FRUITLESS_ROUNDS = 4
"""Swapping ends after so many fruitless rounds in a row."""

CANDIDATES_PER_CENTER = 16
"""Rows drawn for each center that a swap opens, of which the best becomes the center. Every other round draws and takes one row."""

FEW_CENTERS = 16  # mutants: equivalent: both ways give the same, in another time
"""Below this many centers, scores are computed with the rows along the second axis: twice as fast."""


@dataclass(frozen=True)
class WeightedRows:
    """Rows (n, d) float32 about their own mean, so that squared distances are accurate, and their weights (n,) float64."""

    x_nd: Tensor
    weights_n: Tensor

    @cached_property
    def square_n(self) -> Tensor:
        """Squared lengths (n,), computed from the lengths because that does not copy the rows."""
        return torch.linalg.vector_norm(self.x_nd, dim=1).square_()

    @cached_property
    def weights_n1(self) -> Tensor:
        """The weights as a column (n, 1) of the rows' own dtype."""
        return self.weights_n[:, None].to(self.x_nd.dtype)

    def assign(self, centers_kd: Tensor) -> Assignment:
        """As `steps.assign`, but weighted, for centers (k, d)."""
        index_n, score_n = steps.unfilled(self.x_nd)

        def part(rows: slice) -> Tensor:
            sums_kd = torch.zeros_like(centers_kd)
            for block in self._search(rows, centers_kd, index_n, score_n):
                sums_kd.index_add_(0, index_n[block], self.x_nd[block] * self.weights_n1[block])
            return sums_kd

        first_kd, *more_kd = over_rows(len(self.x_nd), steps.entries(self.x_nd, centers_kd), self.x_nd.device, part)
        counts_k, origin_d = self._counts(index_n, centers_kd), centers_kd.new_zeros(centers_kd.shape[1])
        return Assignment(index_n, self.d2(score_n), sum(more_kd, first_kd), counts_k, origin_d)

    def nearest(self, centers_kd: Tensor) -> tuple[Tensor, Tensor]:
        """Of `assign`, the squared distances (n,) to the nearest centers and the weights (k,) alone, which takes half the time."""
        index_n, score_n = steps.unfilled(self.x_nd)

        def part(rows: slice) -> None:
            deque(self._search(rows, centers_kd, index_n, score_n), 0)

        over_rows(len(self.x_nd), steps.entries(self.x_nd, centers_kd), self.x_nd.device, part)
        return self.d2(score_n), self._counts(index_n, centers_kd)

    def _search(self, rows: slice, centers_kd: Tensor, index_n: Tensor, score_n: Tensor) -> Iterator[slice]:
        """Each block of the rows, once the least score |c|²/2 - x·c of its rows and the index of that center are filled in."""
        size = steps.block_rows(rows, centers_kd)
        buffer = score_n.new_empty(size * len(centers_kd))
        half_square_k = centers_kd.square().sum(1) / 2
        for block in steps.blocks(rows, size):
            score_n[block], index_n[block] = _least(self.x_nd[block], centers_kd, half_square_k, buffer)
            yield block

    def d2(self, score_n: Tensor) -> Tensor:
        """Squared distances (n,), or (t, n), in place of the least scores: |x - c|² = |x|² + 2 (|c|²/2 - x·c)."""
        return score_n.mul_(2).add_(self.square_n).clamp_min_(0)

    def _counts(self, index_n: Tensor, centers_kd: Tensor) -> Tensor:
        """Weights (k,) float64 of the rows of each center."""
        return self.weights_n.new_zeros(len(centers_kd)).index_add_(0, index_n, self.weights_n)

    def costs(self, centers_tkd: Tensor) -> Tensor:
        """Weighted means of the squared distances to the nearest of each set of centers (t, k, d): (t,) float64, on the CPU."""
        centers_cd = centers_tkd.flatten(0, 1)
        half_square_c1 = centers_cd.square().sum(1, keepdim=True) / 2
        score_tn = self.x_nd.new_empty(len(centers_tkd), len(self.x_nd))

        def part(rows: slice) -> None:
            for block in steps.blocks(rows, steps.block_rows(rows, centers_cd)):
                scores_cb = torch.addmm(half_square_c1, centers_cd, self.x_nd[block].T, alpha=-1)
                score_tn[:, block] = scores_cb.view(*centers_tkd.shape[:2], -1).amin(1)

        over_rows(len(self.x_nd), steps.entries(self.x_nd, centers_cd), self.x_nd.device, part)
        return self.mean_costs(self.d2(score_tn))

    def mean_costs(self, d2_tn: Tensor) -> Tensor:
        """Weighted means of squared distances (t, n): (t,) float64, on the CPU."""
        return (d2_tn.double() @ self.weights_n / self.weights_n.sum()).cpu()

    def cost(self, d2_n: Tensor) -> float:
        """Weighted mean of squared distances (n,)."""
        return float((d2_n.double() * self.weights_n).sum() / self.weights_n.sum())

    def means(self, assigned: Assignment, where_empty_kd: Tensor) -> Tensor:
        """Means (k, d) of these rows, grouped as an assignment in other coordinates has it; `where_empty_kd` for empty groups."""

        def part(rows: slice) -> Tensor:
            sums_kd = torch.zeros_like(where_empty_kd)
            for block in steps.blocks(rows, steps.block_rows(rows, where_empty_kd)):
                sums_kd.index_add_(0, assigned.index_n[block], self.x_nd[block] * self.weights_n1[block])
            return sums_kd

        sums_kd = torch.stack(over_rows(len(self.x_nd), self.x_nd.numel(), self.x_nd.device, part)).sum(0)
        means_kd = sums_kd / assigned.counts_m.to(sums_kd.dtype).clamp_min(steps.tiny(sums_kd))[:, None]
        return torch.where((assigned.counts_m > 0)[:, None], means_kd, where_empty_kd)


def _least(x_bd: Tensor, centers_kd: Tensor, half_square_k: Tensor, buffer: Tensor) -> tuple[Tensor, Tensor]:
    """The least score |c|²/2 - x·c of each row and the index of its center, both (b,). Of equal scores the first counts.

    The scores overwrite the first b·k numbers of `buffer`.
    """
    b, k = len(x_bd), len(centers_kd)
    if k < FEW_CENTERS:
        scores_kb = buffer[: k * b].view(k, b)
        least = torch.addmm(half_square_k[:, None], centers_kd, x_bd.T, alpha=-1, out=scores_kb).min(0)
        return least.values, least.indices
    scores_bk = buffer[: b * k].view(b, k)
    torch.addmm(half_square_k, x_bd, centers_kd.T, alpha=-1, out=scores_bk)
    index_b = steps.argmin_rows(scores_bk)
    return scores_bk.gather(1, index_b[:, None])[:, 0], index_b


@on_one_thread()
def lloyd(
    rows: WeightedRows, centers_kd: Tensor, max_iter: int, tol: float, stopping: Callable[[], bool] = lambda: False
) -> tuple[Tensor, float]:
    """Lloyd's iterations; returns centers (k, d) and the mean squared distance before the last move.

    [Lloyd 1982]. They end when the relative improvement falls below `tol`, or after any iteration once `stopping`. A center
    without rows stays where it is.
    """
    before = torch.inf
    for _ in range(max_iter):
        assigned = rows.assign(centers_kd)
        cost = rows.cost(assigned.d2_n)
        if before - cost <= tol * cost:
            break
        before = cost
        centers_kd = _moved(assigned, centers_kd)
        if stopping():
            break
    return centers_kd, cost


def _moved(assigned: Assignment, centers_kd: Tensor) -> Tensor:
    """The means (k, d) of the rows assigned to each center; a center without rows stays where it is."""
    return torch.where((assigned.counts_m > 0)[:, None], assigned.means_md(), centers_kd)


@on_one_thread()
def lloyd_from_each(
    rows: WeightedRows, starts_tkd: Tensor, max_iter: int, tol: float, stopping: Callable[[], bool] = lambda: False
) -> tuple[Tensor, Tensor]:
    """`lloyd` from each of the starts (t, k, d): centers (t, k, d), and costs (t,) float64.

    Where all scores together are few, the starts go in step, which takes about as long as one of them alone.
    """
    if starts_tkd[..., 0].numel() * len(rows.x_nd) > steps.BLOCK_ENTRIES:
        centers, costs = zip(*(lloyd(rows, start_kd, max_iter, tol, stopping) for start_kd in starts_tkd), strict=True)
        return torch.stack(centers), torch.tensor(costs, dtype=torch.float64)
    centers_tkd, before_t = starts_tkd, torch.full((len(starts_tkd),), torch.inf, dtype=torch.float64)
    moving_t = torch.ones(len(starts_tkd), dtype=torch.bool)
    for _ in range(max_iter):
        moved_tkd, cost_t = _moved_in_step(rows, centers_tkd)
        moving_t &= (before_t - cost_t) > tol * cost_t
        if not bool(moving_t.any()):
            break
        before_t = cost_t
        centers_tkd = torch.where(moving_t.to(centers_tkd.device)[:, None, None], moved_tkd, centers_tkd)
        if stopping():
            break
    return centers_tkd, cost_t


def _moved_in_step(rows: WeightedRows, centers_tkd: Tensor) -> tuple[Tensor, Tensor]:
    """One iteration of Lloyd for each set of centers (t, k, d), and the costs (t,) float64 before it, on the CPU."""
    t, k, d = centers_tkd.shape
    centers_cd = centers_tkd.reshape(-1, d)
    half_square_c1 = centers_cd.square().sum(1, keepdim=True) / 2
    score_tn, index_tn = torch.addmm(half_square_c1, centers_cd, rows.x_nd.T, alpha=-1).view(t, k, -1).min(1)
    cost_t = rows.mean_costs(rows.d2(score_tn))
    index_m = index_tn.add_(torch.arange(0, t * k, k, device=index_tn.device)[:, None]).flatten()
    weights_c1 = torch.zeros_like(half_square_c1).index_add_(0, index_m, rows.weights_n1.repeat(t, 1))
    sums_cd = torch.zeros_like(centers_cd).index_add_(0, index_m, (rows.x_nd * rows.weights_n1).repeat(t, 1))
    moved_cd = torch.where(weights_c1 > 0, sums_cd / weights_c1.clamp_min(steps.tiny(weights_c1)), centers_cd)
    return moved_cd.view_as(centers_tkd), cost_t


@on_one_thread()
def swap_centers(
    rows: WeightedRows, centers_kd: Tensor, rounds: int, tol: float, rng: torch.Generator, stopping: Callable[[], bool]
) -> Tensor:
    """Leave a poor local optimum: open k / 10 centers at far rows, merge as many away, and keep what lowers the cost.

    A round that lowers it by a smaller share than `tol` counts as fruitless, because Lloyd alone would bring that.

    Each round is the stream's own two moves, opening [Meyerson 2001] and merging [Ward 1963], with two Lloyd iterations after
    each. It serves the purpose of the swaps of [Kanungo et al. 2004] in the form of the breathing of [Fritzke 2020].
    Returns centers (k, d).
    """
    best_kd, (d2_n, _) = centers_kd, rows.nearest(centers_kd)
    best, fruitless = rows.cost(d2_n), 0
    for number in range(rounds):
        candidates = 1 if number % 2 else CANDIDATES_PER_CENTER
        opened = sample_far_rows(rows, d2_n, math.ceil(len(centers_kd) / 10), candidates, rng)
        more_kd = _moved_twice(rows, torch.cat([best_kd, rows.x_nd[opened]]))
        fewer_kd, _ = steps.merge_nearest(more_kd, rows.nearest(more_kd)[1], len(centers_kd))
        tried_kd = _moved_twice(rows, fewer_kd)
        tried_d2_n, _ = rows.nearest(tried_kd)
        cost = rows.cost(tried_d2_n)
        fruitless = 0 if best - cost > tol * cost else fruitless + 1
        if cost < best:
            best_kd, best, d2_n = tried_kd, cost, tried_d2_n
        if stopping() or fruitless == FRUITLESS_ROUNDS:
            break
    return best_kd


def _moved_twice(rows: WeightedRows, centers_kd: Tensor) -> Tensor:
    """The centers (k, d) after two iterations of Lloyd."""
    for _ in range(2):
        centers_kd = _moved(rows.assign(centers_kd), centers_kd)
    return centers_kd


def sample_far_rows(rows: WeightedRows, d2_n: Tensor, count: int, candidates: int, rng: torch.Generator) -> Tensor:
    """Indices (count,) of rows at which to open centers, drawn in proportion to weight times squared distance `d2_n`.

    Fewer where fewer rows lie apart from their centers. With several `candidates` for each, the one that leaves the least cost
    is taken: greedy k-means++ [Arthur & Vassilvitskii 2007, conclusion]. Cost: 2·candidates·count·n·d operations.
    """
    drawn = steps.draw(d2_n.double() * rows.weights_n, candidates * count, rng).to(rows.x_nd.device)
    if candidates == 1 or not len(drawn):
        return drawn
    taken = []
    for tried_c in (drawn[first::count] for first in range(min(count, len(drawn)))):
        apart_cn = torch.addmm(rows.square_n[tried_c, None], rows.x_nd[tried_c], rows.x_nd.T, alpha=-2).add_(
            rows.square_n
        )
        left_cn = torch.minimum(apart_cn.clamp_min_(0), d2_n)
        best = (left_cn @ rows.weights_n1).argmin()
        taken.append(tried_c[best])
        d2_n = left_cn[best]
    return torch.stack(taken)
