"""Stochastic gradient descent over one pass of the training channel, in step with the other hosts.

Axes: n rows of a mini-batch · u columns that occur in it · f factors
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch, concatenate
from wildsage.algorithms.base.errors import NO_DATA, UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.factorization_machines import labels, metrics, steps, threads
from wildsage.algorithms.factorization_machines.mini_batch import IndexedMiniBatch, mini_batches, sparse
from wildsage.algorithms.factorization_machines.spec import METRICS
from wildsage.algorithms.factorization_machines.state import AdamState, parameters_of
from wildsage.algorithms.factorization_machines.steps import Gradient, Rates

ROWS_AT_ONCE = 8192
"""Mini-batches are prepared together, up to this many rows."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive mini-batches. `rows` says how many rows all hosts together have in each."""

    batches: list[IndexedMiniBatch]
    rows: list[int]

    @property
    def entries(self) -> float:
        """Stored values of a mini-batch, on average."""
        return sum(len(batch.by_row.members_z) for batch in self.batches) / len(self.batches)


@dataclass
class FactorizationTraining:
    """Updates `state` by mini-batches. Each host takes `rows_per_host` rows for a step, and the hosts' gradients are added up.

    The sum over rows is multiplied by `rescale_grad`, or divided by the number of rows where that is None. Metrics are reported
    of every `publish_interval`-th mini-batch.
    """

    state: AdamState
    rates: Rates
    predictor_type: str
    rows_per_host: int
    rescale_grad: float | None
    publish_interval: int
    run: RunContext

    def one_pass(self, epoch: int, batches: Iterator[Batch]) -> Tensor:
        """Learn from every mini-batch of the pass.

        Returns the `metrics.sums` of its rows, taken before each step as in the original.
        """
        number, total = 0, metrics.no_rows(self.predictor_type, self.run.device)
        for chunk in self._chunks(batches):
            with threads.for_numbers(chunk.entries * self.state.num_factors):
                total += self._learn(chunk, epoch, number)
            number += len(chunk.batches)
            self.run.checkpoint_together(self.state)
        return total

    def report(self, found: Mapping[str, float], **place: int) -> None:
        """Report the metrics of a batch or an epoch; without a place, those of the job."""
        for metric in METRICS[self.predictor_type]:
            if metric.name in found:
                self.run.quality("train", metric.name, metric.kind, found[metric.name], **place)

    def _chunks(self, batches: Iterator[Batch]) -> Iterator[Chunk]:
        """The pass, one chunk at a time. A host without more rows continues with empty mini-batches until all are at the end."""
        most, rows_before = max(1, ROWS_AT_ONCE // self.rows_per_host), 0
        while True:
            own = list(islice(batches, most))
            self._reject_partial(own)
            sizes = torch.tensor([*map(len, own), *[0] * (most - len(own))])
            together = [rows for rows in self.run.sum(sizes).tolist() if rows]
            if not together:
                return
            whole = concatenate(own) if own else Batch(torch.empty(0, self.state.feature_dim), torch.empty(0, 1))
            labels_n = labels.checked(whole, self.predictor_type, "train", rows_before)
            yield self._prepared(whole, labels_n[:, None], sizes.tolist(), together)
            rows_before += len(whole)

    def _prepared(self, whole: Batch, labels_n1: Tensor, sizes: list[int], together: list[int]) -> Chunk:
        here = self.run.device
        rows = sparse(whole.to(here))
        with threads.for_numbers(len(rows.values_z)):
            return Chunk(mini_batches(rows, labels_n1.to(here), sizes[: len(together)]), together)

    def _reject_partial(self, own: list[Batch]) -> None:
        """Raise UserError where a job's first mini-batch is not full, as the original does."""
        if own and not self.state.updates and len(own[0]) < self.rows_per_host and not self.run.stopping:
            raise UserError(
                f"{NO_DATA} Got {len(own[0])} rows, expected at least {self.rows_per_host} for a mini-batch."
            )

    @torch.inference_mode()
    def _learn(self, chunk: Chunk, epoch: int, number: int) -> Tensor:
        """Take the steps of a chunk whose first mini-batch is the `number`-th of the pass. Returns the sums for its metrics."""
        scores = []
        for each, (batch, rows) in enumerate(zip(chunk.batches, chunk.rows, strict=True), start=number):
            scores.append(self._step(batch, rows))
            if each % self.publish_interval == 0:
                sums = metrics.sums(self.predictor_type, scores[-1][:, 0], batch.labels_n1[:, 0])
                self.report(metrics.from_sums(self.predictor_type, sums), epoch=epoch, batch=each)
        labels_n1 = torch.cat([batch.labels_n1 for batch in chunk.batches])
        sums = metrics.sums(self.predictor_type, torch.cat(scores)[:, 0], labels_n1[:, 0])
        if not bool(sums.isfinite().all()):
            raise UserError(
                f"Training diverged in epoch {epoch}: the loss is beyond float32. Lower bias_lr, linear_lr and factors_lr, "
                "set clip_gradient, or scale the features and labels."
            )
        return sums

    def _step(self, batch: IndexedMiniBatch, rows: int) -> Tensor:
        """Update the parameters by the gradient of one mini-batch. Returns the scores (n, 1) from before."""
        fetched = self.state.fetch(batch.columns_u)
        parameters = parameters_of(fetched)
        f_n1, s_nf = steps.scores(parameters, batch)
        answer_n1 = f_n1.sigmoid() if self.predictor_type == labels.CLASSIFIER else f_n1
        error_n1 = (answer_n1 - batch.labels_n1).mul_(1 / rows if self.rescale_grad is None else self.rescale_grad)
        own = steps.gradient(error_n1, s_nf, parameters, batch)
        parts = self.run.gather(own.arrays())
        if len(parts) == 1:
            self.state.move(own, fetched, self.rates)
        else:
            whole = steps.add_gradients([Gradient.from_arrays(part, self.run.device) for part in parts])
            self.state.move(whole, self.state.fetch(whole.columns_u), self.rates)
        return f_n1
