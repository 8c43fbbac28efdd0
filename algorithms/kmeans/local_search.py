"""Local searches for k centers on weighted rows that are all in memory: Lloyd's iterations, and swaps of centers.

Axes: n rows · b rows of a block · d features · k centers · c candidates for one new center
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from wildsage.algorithms.base.parallel import on_one_thread, over_rows
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.steps import Assignment

FRUITLESS_ROUNDS = 4
"""Swapping ends when so many rounds in a row have not lowered the cost."""

CANDIDATES_PER_CENTER = 16
"""Rows drawn for each center that a swap opens, of which the best becomes the center. Every other round draws and takes one row."""


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
        """As `steps.assign`, but weighted, for centers (k, d).

        Distances follow from the scores: |x - c|² = |x|² + 2 (|c|²/2 - x·c).
        """
        index_n = torch.empty(len(self.x_nd), dtype=torch.int64, device=self.x_nd.device)
        score_n = torch.empty_like(self.square_n)
        half_square_k = centers_kd.square().sum(1) / 2

        def part(rows: slice) -> Tensor:
            sums_kd = torch.zeros_like(centers_kd)
            size = steps.block_rows(rows, centers_kd)
            buffer_bk = score_n.new_empty(size, len(centers_kd))
            for block in steps.blocks(rows, size):
                scores_bk = buffer_bk[: block.stop - block.start]
                x_bd = self.x_nd[block]
                torch.addmm(half_square_k, x_bd, centers_kd.T, alpha=-1, out=scores_bk)
                index_n[block] = index_b = steps.argmin_rows(scores_bk)
                score_n[block] = scores_bk.gather(1, index_b[:, None])[:, 0]
                sums_kd.index_add_(0, index_b, x_bd * self.weights_n1[block])
            return sums_kd

        parts_kd = over_rows(len(self.x_nd), steps.entries(self.x_nd, centers_kd), self.x_nd.device, part)
        counts_k = self.weights_n.new_zeros(len(centers_kd)).index_add_(0, index_n, self.weights_n)
        d2_n = score_n.mul_(2).add_(self.square_n).clamp_min_(0)
        return Assignment(index_n, d2_n, torch.stack(parts_kd).sum(0), counts_k, torch.zeros_like(centers_kd[0]))

    def cost(self, assigned: Assignment) -> float:
        """Weighted mean of the squared distances."""
        return float((assigned.d2_n.double() * self.weights_n).sum() / self.weights_n.sum())

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
        cost = rows.cost(assigned)
        if before - cost <= tol * cost:
            break
        before = cost
        centers_kd = torch.where((assigned.counts_m > 0)[:, None], assigned.means_md(), centers_kd)
        if stopping():
            break
    return centers_kd, cost


@on_one_thread()
def swap_centers(
    rows: WeightedRows, centers_kd: Tensor, rounds: int, rng: torch.Generator, stopping: Callable[[], bool]
) -> Tensor:
    """Leave a poor local optimum: open k / 10 centers at far rows, merge as many away, and keep what lowers the cost.

    Each round is the stream's own two moves, opening [Meyerson 2001] and merging [Ward 1963], with two Lloyd iterations after
    each. It serves the purpose of the swaps of [Kanungo et al. 2004] in the form of the breathing of [Fritzke 2020].
    Returns centers (k, d).
    """
    best_kd, assigned = centers_kd, rows.assign(centers_kd)
    best, fruitless = rows.cost(assigned), 0
    for number in range(rounds):
        candidates = 1 if number % 2 else CANDIDATES_PER_CENTER
        opened = sample_far_rows(rows, assigned.d2_n, math.ceil(len(centers_kd) / 10), candidates, rng)
        more_kd, _ = lloyd(rows, torch.cat([best_kd, rows.x_nd[opened]]), 2, 0.0)
        fewer_kd, _ = steps.merge_nearest(more_kd, rows.assign(more_kd).counts_m, len(centers_kd))
        tried_kd, _ = lloyd(rows, fewer_kd, 2, 0.0)
        tried = rows.assign(tried_kd)
        fruitless += 1
        if (cost := rows.cost(tried)) < best:
            best_kd, best, assigned, fruitless = tried_kd, cost, tried, 0
        if stopping() or fruitless == FRUITLESS_ROUNDS:
            break
    return best_kd


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
