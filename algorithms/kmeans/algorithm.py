"""K-means: `fit` as the steps of the papers.

Axes: n rows of a batch · d features · m streaming centers · k final centers
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Batch, Stream
from wildsage.algorithms.base.errors import NO_DATA, UserError
from wildsage.algorithms.base.hyperparameters import AUTO
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.hyperparameters import KMeansHyperparameters
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.algorithms.kmeans.refinement import Refinement
from wildsage.algorithms.kmeans.spec import SPEC
from wildsage.algorithms.kmeans.state import StreamState

AUTO_FACTOR_HIGH, AUTO_FACTOR_LOW, AUTO_CENTERS = 10, 4, 400
"""`auto`: as many times k as gives 400 streaming centers, from 4 to 10 times, the range the original is tuned in.

The original logs 10 for k = 7, 8 and 10, as this does; its rule for other k is unknown.
"""

AUTO_TRIALS = 10

CANDIDATES = 3
"""Local optima that further passes improve side by side: all rows choose better between them than a sample does."""

SAMPLE_ROWS_PER_CENTER, SAMPLE_ROWS_LOW, SAMPLE_BYTES_HIGH = 256, 10_000, 256 << 20


@dataclass(frozen=True, kw_only=True)
class KMeans(KMeansHyperparameters, Algorithm):
    """Cluster rows into k groups in one pass.

    Memory: at most 2.3 m·d numbers for m = k · extra_center_factor streaming centers, one mini-batch, and a sample of
    max(256 k, 10,000) rows or 256 MiB, whichever is less.

    >>> import torch
    >>> from wildsage.algorithms.base.batch import Batch, MemoryStream
    >>> from wildsage.algorithms.base.run import RunContext
    >>> from wildsage.algorithms.kmeans.algorithm import KMeans
    >>> rows = Batch(torch.tensor([[0.0, 0.0], [0.0, 2.0], [9.0, 9.0], [9.0, 7.0]]))
    >>> model = KMeans(k=2, feature_dim=2).fit({"train": MemoryStream(rows)}, RunContext(seed=0))
    >>> model.centers_kd
    tensor([[9., 8.],
            [0., 1.]])
    >>> model.predict(rows)["distance_to_cluster"]
    tensor([1., 1., 1., 1.])
    """

    spec: ClassVar = SPEC
    model_class: ClassVar = KMeansModel

    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> KMeansModel:
        """Stream the rows into m centers and a sample, join the hosts, refine to k centers; further passes are Lloyd's.

        With a half-life every pass streams on, because there is no fixed set of rows on which Lloyd could converge.
        """
        state = self._resumed(run)
        candidates: list[Tensor] = []
        for epoch, batches in run.passes(channels["train"], self.mini_batch_size, self.epochs):
            if epoch == 0 or self.half_life_time_size:
                state = self._stream(batches, state, run)
            else:
                candidates = self._lloyd_pass(batches, candidates or self._refined(state, run), run)
        candidates = candidates or self._refined(state, run)
        return KMeansModel(candidates[0])

    def _stream(self, batches: Iterator[Batch], state: StreamState | None, run: RunContext) -> StreamState | None:
        """Learn from one pass of the channel; None for an empty one."""
        for batch in batches:
            x_nd = batch.to(run.device).dense()
            state = state or self._start(x_nd, run)
            state.absorb(x_nd, self.half_life_time_size, run.rng)
            run.checkpoint(state)
        if state and (taken := state.searches):
            run.log(f"Nearest centers: {taken[True]} searches by products of int8, {taken[False]} of float32.")
        return state

    def _lloyd_pass(self, batches: Iterator[Batch], candidates: list[Tensor], run: RunContext) -> list[Tensor]:
        """One iteration of Lloyd for each candidate over all rows of all hosts, the best first. The candidates stay as they
        are if a host has to stop.

        The pass is not checkpointed: a restart reads it again from the centers it began with.
        """
        k, d = candidates[0].shape
        tallies = torch.zeros(len(candidates), k * d + k + 1, dtype=torch.float64)  # of each: sums, counts, cost
        for batch in batches:
            x_nd = batch.to(run.device).dense()
            for tally, centers_kd in zip(tallies, candidates, strict=True):
                assigned = steps.assign(x_nd, centers_kd)
                cost = assigned.d2_n.sum(dtype=torch.float64)
                tally += torch.cat([assigned.sums_md.double().flatten(), assigned.counts_m, cost[None]]).cpu()
        if bool(run.sum(torch.tensor([int(run.stopping)]))):
            return candidates
        tallies = run.sum(tallies)
        moved = [_moved(*pair) for pair in zip(candidates, tallies, strict=True)]
        costs = tallies[:, -1] / tallies[:, k * d : -1].sum(1)
        run.log(f"Lloyd over all rows. Mean square distance before: {float(costs.min()):.6f}")
        return [moved[i] for i in costs.argsort(stable=True).tolist()]

    def _resumed(self, run: RunContext) -> StreamState | None:
        before = run.resumed()
        if before is None:
            return None
        state = StreamState.from_arrays(before, self.sample_rows(self.feature_dim), run.device)
        if state.centers_md.shape[1] != self.feature_dim:
            raise UserError(
                f"The state to resume from has {state.centers_md.shape[1]} columns, expected feature_dim = {self.feature_dim}."
            )
        state.capacity = self.k * self.center_factor
        return state

    def _start(self, x_nd: Tensor, run: RunContext) -> StreamState:
        """Take m centers from the first batch: distinct rows at random, or k-means++."""
        if len(x_nd) < self.mini_batch_size:
            run.log(
                f"Batch size {self.mini_batch_size} is bigger than the first batch data. "
                f"Effective batch size used to initialize is {len(x_nd)}",
                "WARNING",
            )
        if self.extra_center_factor == AUTO:
            run.log(f"'extra_center_factor' was set to 'auto', evaluated to {self.center_factor}.")
        m = self.k * self.center_factor
        if self.init_method == "random":
            centers_md = steps.random_rows(x_nd, m, run.rng)
        else:
            ones_n = torch.ones(len(x_nd), dtype=torch.float64)
            centers_md = steps.kmeans_plus_plus(x_nd, ones_n, min(m, len(x_nd)), 1, run.rng)[0]
        return StreamState.start(centers_md, m, self.sample_rows(x_nd.shape[1]))

    def _refined(self, state: StreamState | None, run: RunContext) -> list[Tensor]:
        """Sets of k centers (k, d) from the rows of all hosts, the best first: one, or several where further passes choose."""
        run.log(f"processed a total of {state.rows if state else 0} examples")
        joined = self._joined(state, run)
        run.keep(joined)
        refinement = Refinement(
            k=self.k,
            init_method=self.local_lloyd_init_method,
            trials=self._trials,
            max_iter=self.local_lloyd_max_iter,
            tol=self.local_lloyd_tol,
            run=run,
        )
        return refinement.refine(joined, 1 if self.epochs == 1 else CANDIDATES)

    def _joined(self, state: StreamState | None, run: RunContext) -> StreamState:
        """One state for the rows of all hosts. Raises UserError where they are too few for k clusters."""
        states = [state] if state else []
        if len(run.gather({})) > 1:
            sample_rows = self.sample_rows(self.feature_dim)
            gathered = run.gather(state.arrays() if state else {})
            states = [StreamState.from_arrays(arrays, sample_rows, run.device) for arrays in gathered if arrays]
        if not states:
            raise UserError(NO_DATA)
        joined = StreamState.merged(states)
        if joined.rows < self.k:
            raise UserError(f"Hyperparameter k: got {self.k}, but channel train holds only {joined.rows} rows.")
        return joined

    @property
    def _trials(self) -> int:
        return AUTO_TRIALS if self.local_lloyd_num_trials == AUTO else int(self.local_lloyd_num_trials)

    @property
    def center_factor(self) -> int:
        """How many times k the streaming centers are."""
        if self.extra_center_factor != AUTO:
            return int(self.extra_center_factor)
        return max(AUTO_FACTOR_LOW, min(AUTO_FACTOR_HIGH, AUTO_CENTERS // self.k))

    def sample_rows(self, d: int) -> int:
        """Rows of the sample, where they have d columns."""
        return max(self.k, min(max(SAMPLE_ROWS_PER_CENTER * self.k, SAMPLE_ROWS_LOW), SAMPLE_BYTES_HIGH // (4 * d)))

    def reports(self, metric: str) -> bool:
        return metric in self.eval_metrics


def _moved(centers_kd: Tensor, tally: Tensor) -> Tensor:
    """Each center (k, d) moved to the mean of its rows. The tally of a pass holds sums relative to the centers' mean, then counts,
    then the cost."""
    sums_kd = tally[: centers_kd.numel()].view_as(centers_kd).to(centers_kd.device)
    counts_k = tally[centers_kd.numel() : -1].to(centers_kd.device)
    means_kd = centers_kd.mean(0) + (sums_kd / counts_k[:, None].clamp_min(1)).to(centers_kd.dtype)
    return torch.where((counts_k > 0)[:, None], means_kd, centers_kd)


ALGORITHM = KMeans
