"""All models through the channel, side by side: the weights of m models with c outputs each are one tensor.

Axes: n rows of a mini-batch · b mini-batches · r sampled rows · d features · u columns of a mini-batch · m models · c outputs of a
model · o = m · c outputs of all
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch, concatenate
from wildsage.algorithms.base.errors import NO_DATA, UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner import labels
from wildsage.algorithms.linear_learner.losses import Loss
from wildsage.algorithms.linear_learner.mini_batch import DenseMiniBatch, MiniBatch, scaled_mini_batch
from wildsage.algorithms.linear_learner.optimizers import Optimizer
from wildsage.algorithms.linear_learner.refinement import STEP_SIZES
from wildsage.algorithms.linear_learner.state import State
from wildsage.algorithms.linear_learner.variants import Variant, columns

ROWS_AT_ONCE = 16_384
"""The hosts agree on the mini-batches of so many rows at a time."""


@dataclass(frozen=True)
class Task:
    """What is learned: `classes` labels of a classifier (2 for a binary one, 0 for a regressor), `outputs` c of each model.

    `loss` is for labels as they are, `scaled_loss` the same loss for labels that are divided by their deviation.
    """

    predictor_type: str
    classes: int
    outputs: int
    loss_type: str
    loss: Loss
    scaled_loss: Loss


@dataclass(frozen=True)
class LearningRates:
    """How fast each output's weights move at each update, (o,) each; a model's c outputs move alike.

    A rate begins at `base_o`, and is multiplied by `factor_o` every `steps_o` updates, down to `least_o`, if `scheduled`.
    `decay_o` and `l1_o` are the weights of the L2 and L1 terms.
    The bias moves `bias_lr_mult` times as fast and decays `bias_wd_mult` times as much; without a bias, 0 times.
    """

    base_o: Tensor
    decay_o: Tensor
    l1_o: Tensor
    steps_o: Tensor
    factor_o: Tensor
    least_o: Tensor
    scheduled: bool
    bias_lr_mult: float
    bias_wd_mult: float

    @classmethod
    def from_variants(
        cls,
        variants: Sequence[Variant],
        outputs: int,
        *,
        scheduled: bool,
        bias_lr_mult: float,
        bias_wd_mult: float,
        device: torch.device,
    ) -> LearningRates:
        """The rates of all models, each repeated for its `outputs`: tensors (o,) on `device`."""

        def each(name: str) -> Tensor:
            return columns(variants, name).repeat_interleave(outputs).to(device)

        return cls(
            each("learning_rate"),
            each("wd"),
            each("l1"),
            each("lr_scheduler_step"),
            each("lr_scheduler_factor"),
            each("lr_scheduler_minimum_lr"),
            scheduled,
            bias_lr_mult,
            bias_wd_mult,
        )

    @cached_property
    def sparsifies(self) -> bool:
        """Whether any model has an L1 term."""
        return bool(self.l1_o.any())

    def after(self, updates: int) -> Tensor:
        """Learning rates (o,) at the `updates`-th update, from 1 on: a factor smaller after each step, down to the least."""
        if not self.scheduled:
            return self.base_o
        done_o = ((updates - 1) / self.steps_o).floor()
        return torch.maximum(self.base_o * self.factor_o**done_o, self.least_o.minimum(self.base_o))


@dataclass
class LinearTraining:
    """Moves `state` by mini-batches of `rows_here` rows of each host, whose slopes are added up."""

    state: State
    variants: Sequence[Variant]
    task: Task
    rates: LearningRates
    optimizer: Optimizer
    positive_m: Tensor | None
    rows_here: int
    least_updates: int
    run: RunContext

    def one_pass(self, batches: Iterator[Batch]) -> Tensor:
        """Learn from every mini-batch. Returns the mean loss of each model (m,), taken while they moved, as the original does."""
        rows_before = 0
        for own, together, sweeps in self._chunks(batches):
            for _ in range(sweeps):
                self._sweep(own, together, rows_before)
            rows_before += sum(map(len, own))
            self.run.checkpoint_together(self.state)
        losses_m, weights_m = self.run.sum(self.state.loss_2m)
        return losses_m / weights_m.clamp_min(1e-300)

    def _sweep(self, own: Sequence[Batch], together: Sequence[int], rows_before: int) -> None:
        """An update by each mini-batch, before which this host has read `rows_before` rows of the pass."""
        for batch, rows in itertools.zip_longest(own, together):
            self._step(None if batch is None else self._prepared(batch, rows_before), rows)
            rows_before += 0 if batch is None else len(batch)
        if self.state.refinement is not None:
            self.state.refinement.fold(partial(self._scaled_rows, own))

    def _scaled_rows(self, own: Sequence[Batch], chosen_r: Tensor) -> Tensor:
        """Normalised rows (r, d) of mini-batches, by their ascending numbers (r,) among the rows of all of them."""
        sizes_b = torch.tensor([len(batch) for batch in own])
        ends_b, chosen_r = sizes_b.cumsum(0), chosen_r.cpu()
        counts_b = torch.searchsorted(chosen_r, ends_b).diff(prepend=ends_b.new_zeros(1))
        within = (chosen_r - (ends_b - sizes_b).repeat_interleave(counts_b)).split(counts_b.tolist())
        rows_rd = torch.cat([batch.dense()[at_r] for batch, at_r in zip(own, within, strict=True)])
        return self.state.scaler.features(rows_rd.to(self.run.device))

    def end_pass(self, losses_m: Tensor) -> None:
        """Move the models that are refined, by the mean losses (m,) of the pass, and reset the sums of the pass."""
        state = self.state
        if state.refinement is not None and state.pass_updates:
            refined = slice(-len(STEP_SIZES), None)
            best_a = state.sums[:, int(losses_m.nan_to_num(torch.inf).argmin())] / state.pass_updates
            weights_as = torch.cat([state.weights[0, :, refined], state.bias[0, :, refined]])
            state.refinement.end_pass(weights_as, best_a, losses_m[refined], self.run.sum)
            state.weights[0, :, refined], state.bias[0, :, refined] = weights_as[:-1], weights_as[-1:]
            if state.refinement.just_began:
                self.run.log(f"The last {len(STEP_SIZES)} models refine the best one by Newton's method from now on.")
        state.end_pass()

    @cached_property
    def _moving_o(self) -> Tensor:
        """0 for the models that stand still while they are refined, 1 for the others."""
        moving_o = torch.ones_like(self.rates.base_o)
        moving_o[-len(STEP_SIZES) :] = 0
        return moving_o

    def weights(self) -> tuple[Tensor, Tensor]:
        """Of all models now: weights (d, o) for normalised columns, and bias (1, o)."""
        return self.state.decorrelation.weights(self.state.weights[0]), self.state.bias[0]

    def reject_one_class(self) -> None:
        """Raise UserError where a classifier has seen one label in all rows: there is nothing to tell apart."""
        seen = self.run.sum(self.state.classes_seen.to(torch.int64)).nonzero().flatten().tolist()
        if self.task.classes and len(seen) == 1:
            raise UserError(
                f"Channel train: every row has the label {seen[0]}, expected rows of two classes or more. Is the label in the "
                "first column of the CSV, or under the key values of a record's label?"
            )

    def _chunks(self, batches: Iterator[Batch]) -> Iterator[tuple[list[Batch], list[int], int]]:
        """Mini-batches of this host, how many rows all hosts together have in each, and how often to learn from them.

        A host at its end has fewer mini-batches than others. Mini-batches that are the whole channel are learned from until the
        pass has `least_updates`.
        """
        most = max(2, ROWS_AT_ONCE // self.rows_here)
        while True:
            begins = not self.state.pass_updates
            own = list(itertools.islice(batches, most))
            self._reject_partial(own)
            sizes = torch.tensor([*map(len, own), *[0] * (most - len(own)), int(self.run.stopping)])
            *sizes_together, stopping = self.run.sum(sizes).tolist()
            together = [rows for rows in sizes_together if rows]
            if not together:
                return
            whole = begins and len(together) < most and not stopping
            yield own, together, max(1, -(-self.least_updates // len(together))) if whole else 1

    def _prepared(self, batch: Batch, rows_before: int) -> MiniBatch:
        labels_n = labels.checked(batch, self.task.predictor_type, self.task.classes, "train", rows_before)
        here, labels_n = batch.to(self.run.device), labels_n.to(self.run.device)
        if self.task.classes:
            self.state.classes_seen[labels_n.long()] = True
        if self.state.refinement is not None:
            return DenseMiniBatch(self.state.scaler.features(here.dense()), self.state.scaler.labels(labels_n))
        return scaled_mini_batch(here, self.state.scaler.labels(labels_n), self.state.scaler)

    def _reject_partial(self, own: list[Batch]) -> None:
        """A job's first mini-batch must be full, as the original has it."""
        if own and not self.state.updates and len(own[0]) < self.rows_here and not self.run.stopping:
            raise UserError(
                f"{NO_DATA} Got {len(own[0])} rows, expected at least {self.rows_here} for a mini-batch: "
                "lower mini_batch_size, or add rows."
            )

    @torch.inference_mode()
    def _step(self, batch: MiniBatch | None, rows: int) -> None:
        """Move all models by the slope of one mini-batch."""
        state = self.state
        state.updates += 1
        rate_o = self.rates.after(state.updates)
        columns_u, slope_uo, slope_1o = self._together(*self._slopes(batch, rows))
        if state.refinement is not None:
            state.refinement.add_slopes(slope_uo, slope_1o, rows)
            rate_o = rate_o * self._moving_o if state.refinement.active else rate_o
        if columns_u is None:
            slope_uo = state.decorrelation.slope(slope_uo)
        weights = state.weights if columns_u is None else state.weights[:, columns_u]
        slope_uo.addcmul_(weights[0], self.rates.decay_o)
        if self.rates.sparsifies:
            slope_uo.addcmul_(weights[0].sign(), self.rates.l1_o)
        self.optimizer.move(weights, slope_uo, rate_o, state.updates)
        if columns_u is not None:
            state.weights[:, columns_u] = weights
        slope_1o.addcmul_(state.bias[0], self.rates.decay_o, value=self.rates.bias_wd_mult)
        self.optimizer.move(state.bias, slope_1o, rate_o * self.rates.bias_lr_mult, state.updates)
        state.add_to_sums()

    def _slopes(self, batch: MiniBatch | None, rows: int) -> tuple[Tensor | None, Tensor, Tensor]:
        """Which columns this host's rows touch, and the slopes by their weights (u, o) and by the bias (1, o)."""
        state = self.state
        outputs = state.bias.shape[-1]
        if batch is None:
            none = torch.empty(0, dtype=torch.int64, device=state.bias.device)
            return none, state.bias.new_zeros(0, outputs), state.bias.new_zeros(1, outputs)
        columns_u = batch.columns_u
        weights_uo = state.decorrelation.weights(state.weights[0]) if columns_u is None else state.weights[0, columns_u]
        f_no = batch.margins(weights_uo) + state.bias[0]
        f_nmc = f_no.view(len(f_no), -1, self.task.outputs)
        loss_nm, error_nmc = self.task.scaled_loss.rows(f_nmc, batch.labels_n)
        weight_nm = self._row_weights(batch.labels_n, loss_nm)
        if weight_nm is not None:
            loss_nm, error_nmc = loss_nm * weight_nm, error_nmc * weight_nm[..., None]
        self._account(loss_nm, weight_nm)
        if state.refinement is not None and isinstance(batch, DenseMiniBatch):
            state.refinement.read(batch.x_nd, f_no, error_nmc[..., 0])
        error_no = error_nmc.reshape(len(f_no), outputs).mul_(1 / rows)
        return columns_u, batch.slope(error_no), error_no.sum(0, keepdim=True)

    def _row_weights(self, labels_n: Tensor, loss_nm: Tensor) -> Tensor | None:
        """How often each row counts for each model (n, m); None for once."""
        if self.positive_m is None:
            return None
        return torch.where(labels_n[:, None] > 0.5, self.positive_m, torch.ones_like(loss_nm))

    def _account(self, loss_nm: Tensor, weight_nm: Tensor | None) -> None:
        sums_m = loss_nm.sum(0, dtype=torch.float64)
        count_m = torch.full_like(sums_m, len(loss_nm)) if weight_nm is None else weight_nm.sum(0, dtype=torch.float64)
        self.state.loss_2m += torch.stack([sums_m, count_m])

    def _together(
        self, columns_u: Tensor | None, slope_uo: Tensor, slope_1o: Tensor
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """The slopes added up over the hosts, which may have touched different columns."""
        own = {"slope": slope_uo, "bias": slope_1o}
        parts = self.run.gather(own if columns_u is None else own | {"columns": columns_u})
        if len(parts) == 1:  # mutants: equivalent: what follows gives the same, in more time
            return columns_u, slope_uo, slope_1o
        bias_1o = torch.stack([part["bias"].to(slope_1o.device) for part in parts]).sum(0)
        if any("columns" not in part for part in parts):
            return None, self._dense_sum(parts), bias_1o
        touched = torch.cat([part["columns"].to(slope_uo.device) for part in parts])
        columns_u, place = touched.unique(return_inverse=True)
        whole_uo = slope_uo.new_zeros(len(columns_u), slope_uo.shape[1])
        return (
            columns_u,
            whole_uo.index_add_(0, place, torch.cat([p["slope"].to(whole_uo.device) for p in parts])),
            bias_1o,
        )

    def _dense_sum(self, parts: Sequence[Mapping[str, Tensor]]) -> Tensor:
        whole_do = torch.zeros_like(self.state.weights[0])
        for part in parts:
            slope = part["slope"].to(whole_do.device)
            if "columns" in part:
                whole_do.index_add_(0, part["columns"].to(whole_do.device), slope)
            else:
                whole_do += slope
        return whole_do


def first_rows(batches: Iterator[Batch], rows: int) -> tuple[Batch | None, Iterator[Batch]]:
    """The first `rows` rows or a little more as one batch, and all batches, those included: the pass is read once."""
    head: list[Batch] = []
    for batch in batches:
        head.append(batch)
        if sum(map(len, head)) >= rows:
            break
    return concatenate(head) if head else None, itertools.chain(head, batches)


def improved(value: float, best: float, tolerance: float) -> bool:
    """Whether a criterion, the lower the better, is better than the best so far by more than a share of it."""
    return math.isinf(best) or value < best - tolerance * abs(best)
