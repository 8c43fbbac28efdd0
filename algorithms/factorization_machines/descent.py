"""Stochastic gradient descent over one pass of a channel, in step with the other hosts.

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
from wildsage.algorithms.factorization_machines import figures, labels, steps, threads
from wildsage.algorithms.factorization_machines.incidence import Incidence, incidences, sparse
from wildsage.algorithms.factorization_machines.spec import METRICS
from wildsage.algorithms.factorization_machines.state import State, parameters
from wildsage.algorithms.factorization_machines.steps import Gradient, Rates

ROWS_AT_ONCE = 8192
"""Mini-batches are prepared together, up to so many rows."""


@dataclass(frozen=True)
class Chunk:
    """Mini-batches in a row; `rows` counts what all hosts together have in each."""

    batches: list[Incidence]
    rows: list[int]

    @property
    def entries(self) -> float:
        """Stored values of a mini-batch, on average."""
        return sum(len(batch.by_row.members_z) for batch in self.batches) / len(self.batches)


@dataclass
class Descent:
    """Moves `state` by `rates`. A host takes `rows_here` rows for each step; its gradient is added to the other hosts'.

    The sum over rows is multiplied by `rescale_grad`, or divided by their number where that is None. Every
    `publish_interval`-th mini-batch is reported on.
    """

    state: State
    rates: Rates
    predictor_type: str
    rows_here: int
    rescale_grad: float | None
    publish_interval: int
    run: RunContext

    def one_pass(self, epoch: int, batches: Iterator[Batch]) -> Tensor:
        """Learn from every mini-batch; the sums of the figures, taken while the parameters move, as the original takes them."""
        number, total = 0, figures.none(self.predictor_type, self.run.device)
        for chunk in self._chunks(batches):
            with threads.for_numbers(chunk.entries * self.state.num_factors):
                total += self._learn(chunk, epoch, number)
            number += len(chunk.batches)
            self.run.checkpoint_together(self.state)
        return total

    def report(self, found: Mapping[str, float], **of: int) -> None:
        """The figures of a batch, of an epoch or, without a place, of the job."""
        for metric in METRICS[self.predictor_type]:
            if metric.name in found:
                self.run.quality("train", metric.name, metric.kind, found[metric.name], **of)

    def _chunks(self, batches: Iterator[Batch]) -> Iterator[Chunk]:
        """The pass, a chunk at a time. A host that has come to its end goes on with empty mini-batches until all have."""
        most, rows_before = max(1, ROWS_AT_ONCE // self.rows_here), 0
        while True:
            own = list(islice(batches, most))
            self._refuse_partial(own)
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
            return Chunk(incidences(rows, labels_n1.to(here), sizes[: len(together)]), together)

    def _refuse_partial(self, own: list[Batch]) -> None:
        """A job's first mini-batch must be full, as the original has it."""
        if own and not self.state.updates and len(own[0]) < self.rows_here and not self.run.stopping:
            raise UserError(f"{NO_DATA} Got {len(own[0])} rows, expected at least {self.rows_here} for a mini-batch.")

    @torch.inference_mode()
    def _learn(self, chunk: Chunk, epoch: int, number: int) -> Tensor:
        """Step by step through a chunk whose first mini-batch is the `number`-th of the pass; the sums of its figures."""
        scores = []
        for each, (batch, rows) in enumerate(zip(chunk.batches, chunk.rows, strict=True), start=number):
            scores.append(self._step(batch, rows))
            if each % self.publish_interval == 0:
                seen = figures.sums(self.predictor_type, scores[-1][:, 0], batch.labels_n1[:, 0])
                self.report(figures.figures(self.predictor_type, seen), epoch=epoch, batch=each)
        labels_n1 = torch.cat([batch.labels_n1 for batch in chunk.batches])
        seen = figures.sums(self.predictor_type, torch.cat(scores)[:, 0], labels_n1[:, 0])
        if not bool(seen.isfinite().all()):
            raise UserError(
                f"Training diverged in epoch {epoch}: the loss is beyond float32. Lower bias_lr, linear_lr and factors_lr, "
                "set clip_gradient, or scale the features and labels."
            )
        return seen

    def _step(self, batch: Incidence, rows: int) -> Tensor:
        """Move the parameters by the gradient of one mini-batch, and return the scores (n, 1) from before."""
        planes = self.state.fetch(batch.columns_u)
        now = parameters(planes)
        f_n1, s_nf = steps.scores(now, batch)
        answer_n1 = f_n1.sigmoid() if self.predictor_type == labels.CLASSIFIER else f_n1
        error_n1 = (answer_n1 - batch.labels_n1).mul_(1 / rows if self.rescale_grad is None else self.rescale_grad)
        own = steps.gradient(error_n1, s_nf, now, batch)
        parts = self.run.gather(own.arrays())
        if len(parts) == 1:
            self.state.move(own, planes, self.rates)
        else:
            whole = steps.added([Gradient.from_arrays(part, self.run.device) for part in parts])
            self.state.move(whole, self.state.fetch(whole.columns_u), self.rates)
        return f_n1
