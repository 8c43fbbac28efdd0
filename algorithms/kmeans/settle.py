"""From what a stream left behind to k centers: local searches on weighted rows at rest.

Axes: n rows · d features · p coordinates of the subspace · k centers
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
from wildsage.algorithms.kmeans.steps import Look

SUBSPACE = 64
"""Coordinates in which the local searches run where rows have more than twice as many."""

FRUITLESS_ROUNDS = 4
"""The exchange ends when so many rounds in a row have lowered nothing."""

CHOICE = 16
"""Rows drawn for each center that an exchange opens, of which the best becomes it; every other round takes the one it draws."""


@dataclass(frozen=True)
class Rows:
    """n weighted rows (n, d) about a mean of their own, so that squared distances are safe in float32; weights (n,) float64."""

    x_nd: Tensor
    weights_n: Tensor

    @cached_property
    def square_n(self) -> Tensor:
        """Squared lengths (n,), by way of the lengths: that needs no copy of the rows."""
        return torch.linalg.vector_norm(self.x_nd, dim=1).square_()

    @cached_property
    def mass_n1(self) -> Tensor:
        return self.weights_n[:, None].to(self.x_nd.dtype)

    def look(self, centers_kd: Tensor) -> Look:
        """As `steps.look`, weighted, by the scores alone: |x - c|² = |x|² + 2 (|c|²/2 - x·c)."""
        index_n = torch.empty(len(self.x_nd), dtype=torch.int64, device=self.x_nd.device)
        score_n = torch.empty_like(self.square_n)
        half_square_k = centers_kd.square().sum(1) / 2

        def part(rows: slice) -> Tensor:
            sums_kd = torch.zeros_like(centers_kd)
            size = steps.block_rows(rows, centers_kd)
            scores_bk = score_n.new_empty(size, len(centers_kd))
            for block in steps.blocks(rows, size):
                found_bk = scores_bk[: block.stop - block.start]
                x_bd = self.x_nd[block]
                torch.addmm(half_square_k, x_bd, centers_kd.T, alpha=-1, out=found_bk)
                index_n[block] = index_b = steps.least(found_bk)
                score_n[block] = found_bk.gather(1, index_b[:, None])[:, 0]
                sums_kd.index_add_(0, index_b, x_bd * self.mass_n1[block])
            return sums_kd

        parts_kd = over_rows(len(self.x_nd), steps.entries(self.x_nd, centers_kd), self.x_nd.device, part)
        counts_k = self.weights_n.new_zeros(len(centers_kd)).index_add_(0, index_n, self.weights_n)
        d2_n = score_n.mul_(2).add_(self.square_n).clamp_min_(0)
        return Look(index_n, d2_n, torch.stack(parts_kd).sum(0), counts_k, torch.zeros_like(centers_kd[0]))

    def cost(self, seen: Look) -> float:
        """Weighted mean of the squared distances."""
        return float((seen.d2_n.double() * self.weights_n).sum() / self.weights_n.sum())

    def means(self, seen: Look, elsewhere_kd: Tensor) -> Tensor:
        """Means (k, d) of these rows, as a look at other coordinates of them has grouped them; of no rows, `elsewhere_kd`."""

        def part(rows: slice) -> Tensor:
            sums_kd = torch.zeros_like(elsewhere_kd)
            for block in steps.blocks(rows, steps.block_rows(rows, elsewhere_kd)):
                sums_kd.index_add_(0, seen.index_n[block], self.x_nd[block] * self.mass_n1[block])
            return sums_kd

        sums_kd = torch.stack(over_rows(len(self.x_nd), self.x_nd.numel(), self.x_nd.device, part)).sum(0)
        means_kd = sums_kd / seen.counts_m.to(sums_kd.dtype).clamp_min(steps.tiny(sums_kd))[:, None]
        return torch.where((seen.counts_m > 0)[:, None], means_kd, elsewhere_kd)


@dataclass(frozen=True)
class Subspace:
    """Where the rows differ most: p orthonormal directions (d, p) about a mean (d,); with few features, all of them (None).

    K-means needs no more than about k directions: distances between centers keep to 1 + ε in k/ε of them [Cohen et al. 2015].
    """

    mean_d: Tensor
    basis_dp: Tensor | None

    @classmethod
    def of(cls, mean_d: Tensor, centered_nd: Tensor, rng: torch.Generator) -> Subspace:
        """The range of XᵀXΩ for a random Ω and the rows X about their mean: one step of subspace iteration [Halko 2011, alg. 4.4].

        Cost 4·n·d·p operations.
        """
        d = len(mean_d)
        if d <= 2 * SUBSPACE:
            return cls(mean_d, None)
        test_dp = torch.randn(d, SUBSPACE, generator=rng).to(centered_nd)
        return cls(mean_d, torch.linalg.qr(centered_nd.T @ (centered_nd @ test_dp))[0])

    def coordinates(self, x_nd: Tensor) -> Tensor:
        """Rows (n, d) in the subspace's own coordinates, (n, p)."""
        return self.projected(x_nd - self.mean_d)

    def projected(self, centered_nd: Tensor) -> Tensor:
        """The same for rows about the mean."""
        return centered_nd if self.basis_dp is None else centered_nd @ self.basis_dp

    def points(self, coordinates_np: Tensor) -> Tensor:
        """Points (n, d) about the mean, for coordinates in the subspace."""
        return coordinates_np if self.basis_dp is None else coordinates_np @ self.basis_dp.T

    def cost_outside(self, x_nd: Tensor, weights_n: Tensor) -> float:
        """Weighted mean of the squared distances from the rows to the subspace."""
        outside_n = (x_nd - self.mean_d).square().sum(1) - self.coordinates(x_nd).square().sum(1)
        return float((outside_n.double() * weights_n).sum() / weights_n.sum())


@on_one_thread()
def lloyd(
    rows: Rows, centers_kd: Tensor, max_iter: int, tol: float, stopping: Callable[[], bool] = lambda: False
) -> tuple[Tensor, float]:
    """Lloyd iterations; returns centers (k, d) and the mean squared distance before the last move.

    Ends when the relative improvement falls under `tol`, or after any iteration once `stopping`. A center that wins nothing
    stays where it is.
    """
    before = torch.inf
    for _ in range(max_iter):
        seen = rows.look(centers_kd)
        cost = rows.cost(seen)
        if before - cost <= tol * cost:
            break
        before = cost
        centers_kd = torch.where((seen.counts_m > 0)[:, None], seen.means_md(), centers_kd)
        if stopping():
            break
    return centers_kd, cost


@on_one_thread()
def exchange(rows: Rows, centers_kd: Tensor, rounds: int, rng: torch.Generator, stopping: Callable[[], bool]) -> Tensor:
    """Leave a poor local optimum: open k / 10 centers at far rows, merge as many away, and keep what lowers the cost.

    Each round is the stream's own two moves, opening [Meyerson 2001] and merging [Ward 1963], with two Lloyd iterations after each.
    In purpose it is the swap of Kanungo et al. (2004), in form the breathing of Fritzke (2020).
    """
    best_kd, seen = centers_kd, rows.look(centers_kd)
    best, fruitless = rows.cost(seen), 0
    for number in range(rounds):
        opened = far_rows(rows, seen.d2_n, math.ceil(len(centers_kd) / 10), 1 if number % 2 else CHOICE, rng)
        more_kd, _ = lloyd(rows, torch.cat([best_kd, rows.x_nd[opened]]), 2, 0.0)
        fewer_kd, _ = steps.merge_nearest(more_kd, rows.look(more_kd).counts_m, len(centers_kd))
        tried_kd, _ = lloyd(rows, fewer_kd, 2, 0.0)
        tried = rows.look(tried_kd)
        fruitless += 1
        if (cost := rows.cost(tried)) < best:
            best_kd, best, seen, fruitless = tried_kd, cost, tried, 0
        if stopping() or fruitless == FRUITLESS_ROUNDS:
            break
    return best_kd


def far_rows(rows: Rows, d2_n: Tensor, count: int, choice: int, rng: torch.Generator) -> Tensor:
    """Indices of `count` rows (fewer where fewer are apart from their centers) to open centers at, drawn by weighted `d2_n`.

    With a `choice` of several for each, the one that leaves the least cost: greedy k-means++ [Arthur & Vassilvitskii 2007,
    conclusion]. Cost 2·choice·count·n·d operations.
    """
    drawn = steps.draw(d2_n.double() * rows.weights_n, choice * count, rng).to(rows.x_nd.device)
    if choice == 1 or not len(drawn):
        return drawn
    taken = []
    for few in (drawn[first::count] for first in range(min(count, len(drawn)))):
        apart_fn = torch.addmm(rows.square_n[few, None], rows.x_nd[few], rows.x_nd.T, alpha=-2).add_(rows.square_n)
        left_fn = torch.minimum(apart_fn.clamp_min_(0), d2_n)
        best = (left_fn @ rows.mass_n1).argmin()
        taken.append(few[best])
        d2_n = left_fn[best]
    return torch.stack(taken)
