"""The end of k-means: from what the stream left behind, its m centers and its sample, to k centers.

Axes: d features · p coordinates of the subspace · m streaming centers · k final centers · r rows of the sample
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wildsage.algorithms.base.parallel import on_one_thread
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.local_search import WeightedRows, lloyd, lloyd_from_each, swap_centers
from wildsage.algorithms.kmeans.sample import Sample
from wildsage.algorithms.kmeans.state import StreamState
from wildsage.algorithms.kmeans.subspace import Subspace

SWAP_ROUNDS = 12
"""Attempts to leave a local optimum, on a quarter of the sample, before Lloyd runs on the whole of it."""

RANKING_ROWS_PER_CENTER, RANKING_ROWS_LOW = 32, 4_096
"""Rows of the sample by which the trials are compared."""


@dataclass(frozen=True)
class Refinement:
    """Weighted Lloyd on the streaming centers from several starts; then, for the best by the sample, swaps of centers and Lloyd.

    `init_method` is "kmeans++" or "random". Each Lloyd takes `max_iter` iterations at most and ends when it improves by a
    smaller share than `tol`. The local searches run in a subspace where rows have many columns; the last Lloyd runs in all.
    The original ends after the streaming centers.
    """

    k: int
    init_method: str
    trials: int
    max_iter: int
    tol: float
    run: RunContext

    def refine(self, state: StreamState, wanted: int) -> list[Tensor]:
        """At most `wanted` sets of centers (k, d), each a local optimum of its own on the sample, the best first.

        A run that is stopping gets one set, after one trial.
        """
        sample_rd = state.sample.rows_by_key()
        mean_d = sample_rd.mean(0)
        space = Subspace.from_centered_rows(mean_d, sample_rd.sub_(mean_d), self.run.shared_rng)
        sample_rp = space.project(sample_rd)
        with on_one_thread():
            trials = self._ranked(self._shrink(state, space), sample_rp, state.sample)
            quarter = _smallest_keys(sample_rp, state.sample, max(state.sample.capacity // 4, RANKING_ROWS_LOW))
            whole = _smallest_keys(sample_rp, state.sample)
            all_columns = WeightedRows(sample_rd[: len(whole.x_nd)], whole.weights_n)
            wanted = 1 if self.run.stopping else wanted
            found = [self._improve(trial_kp, quarter, whole, all_columns, space) for trial_kp in trials[:wanted]]
        return [centers_kd + mean_d for centers_kd, _ in sorted(found, key=lambda pair: pair[1])]

    def _shrink(self, state: StreamState, space: Subspace) -> Tensor:
        """Weighted Lloyd on the m centers from several starts: as many sets of centers (t, k, p) in the subspace."""
        run = self.run
        run.log(f"shrinking {len(state.centers_md)} centers into {self.k}")
        rows = WeightedRows(space.coordinates(state.centers_md), state.weights_m)
        residual = space.residual_cost(state.centers_md, state.weights_m)
        trials_tkp, cost_t = lloyd_from_each(rows, self._starts(rows), self.max_iter, self.tol, lambda: run.stopping)
        costs = [cost + residual for cost in cost_t.tolist()]
        for trial, cost in enumerate(costs):
            run.log(f"local kmeans attempt #{trial}. Current mean square distance {cost:.6f}")
        run.log(f"finished shrinking process. Mean Square Distance = {min(costs):.0f}")
        run.quality("train", "msd", "loss", min(costs))
        return trials_tkp

    def _starts(self, rows: WeightedRows) -> Tensor:
        """For each trial k of the rows: (t, k, p). Rows are repeated where fewer than k have any weight."""
        trials = 1 if self.run.stopping else self.trials
        if self.init_method == "kmeans++":
            return steps.kmeans_plus_plus(rows.x_nd, rows.weights_n, self.k, trials, self.run.shared_rng)
        drawn = (steps.draw(rows.weights_n, self.k, self.run.shared_rng) for _ in range(trials))
        return torch.stack([rows.x_nd[index[torch.arange(self.k) % len(index)]] for index in drawn])

    def _ranked(self, trials_tkp: Tensor, sample_rp: Tensor, sample: Sample) -> Tensor:
        """The trials, the one with the least cost on the first rows of the sample first."""
        rows = _smallest_keys(sample_rp, sample, max(RANKING_ROWS_PER_CENTER * self.k, RANKING_ROWS_LOW))
        return trials_tkp[rows.costs(trials_tkp).argsort(stable=True).to(trials_tkp.device)]

    def _improve(
        self, trial_kp: Tensor, quarter: WeightedRows, whole: WeightedRows, all_columns: WeightedRows, space: Subspace
    ) -> tuple[Tensor, float]:
        """Swaps, then Lloyd in the subspace, then in all columns: centers (k, d) about the mean, and their cost."""
        rounds = 0 if self.run.stopping else SWAP_ROUNDS
        centers_kp = swap_centers(quarter, trial_kp, rounds, self.tol, self.run.shared_rng, lambda: self.run.stopping)
        centers_kp, cost = self._lloyd(whole, centers_kp)
        if space.basis_dp is None:
            return centers_kp, cost
        means_kd = all_columns.means(whole.assign(centers_kp), space.points(centers_kp))
        return self._lloyd(all_columns, means_kd)

    def _lloyd(self, rows: WeightedRows, centers_kd: Tensor) -> tuple[Tensor, float]:
        """`max_iter` iterations at most, and only one when stopping."""
        return lloyd(rows, centers_kd, self.max_iter, self.tol, lambda: self.run.stopping)


def _smallest_keys(sample_rp: Tensor, sample: Sample, most: int | None = None) -> WeightedRows:
    """The sampled rows with the `most` smallest keys: a smaller sample of the same stream, with weights of its own."""
    weights_r = sample.weights_by_key(most)
    return WeightedRows(sample_rp[: len(weights_r)], weights_r)
