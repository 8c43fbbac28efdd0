"""Chooses the best model and its threshold, by the validation channel if there is one, else by the training data.

Axes: n rows · d features · m models · c outputs of a model · o = m · c outputs of all
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch, SparseRows, Stream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner import labels
from wildsage.algorithms.linear_learner.calibration import ChosenThreshold, Criterion, ThresholdCurve
from wildsage.algorithms.linear_learner.model import LinearModel, score, sparse_product
from wildsage.algorithms.linear_learner.spec import SPEC
from wildsage.algorithms.linear_learner.training import LinearTraining, Task
from wildsage.algorithms.linear_learner.variants import Variant

ROWS = 5000
"""Rows to score at a time."""

EPOCH_ROWS = 100_000
"""Rows by which thresholds are chosen after an epoch, at most. The final choice uses up to `num_calibration_samples`."""

MakeModel = Callable[[Tensor, Tensor, float, Variant, Tensor], LinearModel]


@dataclass
class ChannelScores:
    """Answers of all models for a channel: mean losses (m,), and up to a limit of rows scores (n, m) with their labels."""

    losses_m: Tensor
    rows: int = 0
    scores: list[Tensor] = field(default_factory=list)
    labels: list[Tensor] = field(default_factory=list)

    def choices(self, criterion: Criterion) -> list[ChosenThreshold]:
        """The best threshold of each model."""
        scores_nm, labels_n = torch.cat(self.scores), torch.cat(self.labels)
        return [criterion.choose(ThresholdCurve.from_scores(scores_n, labels_n)) for scores_n in scores_nm.unbind(1)]


@dataclass(frozen=True)
class Selection:
    """Judges models by `criterion`, or by their loss if that is None. Thresholds are chosen by at most `rows` rows."""

    criterion: Criterion | None
    rows: int
    channels: Mapping[str, Stream]
    run: RunContext

    @property
    def channel(self) -> str:
        """The channel whose metrics decide which model is the best: validation where there is one, else train."""
        return "validation" if "validation" in self.channels else "train"

    def report(self, epoch: int, losses_m: Tensor, training: LinearTraining) -> tuple[float, float]:
        """Log how good the models are after an epoch, whose training losses are (m,).

        Returns the criterion of the best one, where a lower one is better, and its loss.
        """
        objective = f"{training.task.loss.name}_objective"
        self._report_losses("train", epoch, objective, losses_m)
        name, values_m, sign = objective, losses_m, 1.0
        if self.channel == "validation":
            scored = self._scored(*training.weights(), training, min(self.rows, EPOCH_ROWS))
            self._report_losses("validation", epoch, objective, scored.losses_m)
            values_m = losses_m = scored.losses_m
            if self.criterion:
                name, sign = f"sampled_{self.criterion.name}", -1.0
                values_m = torch.tensor([choice.value for choice in scored.choices(self.criterion)])
        costs_m, losses_m = (each.nan_to_num(torch.inf, posinf=torch.inf) for each in (sign * values_m, losses_m))
        cost = float(costs_m.min())
        self.run.log(
            f"#early_stopping_criteria_metric: host={self.run.host}, epoch={epoch}, criteria={name}, value={sign * cost}"
        )
        return cost, float(losses_m[costs_m == costs_m.min()].min())

    def _report_losses(self, channel: str, epoch: int, objective: str, losses_m: Tensor) -> None:
        """A line for each model, and the first model's in the form that metrics are found in."""
        for model, loss in enumerate(losses_m.tolist()):
            self.run.measured({f"{channel}_{objective}": loss}, epoch=epoch, model=model)
        self.run.quality(channel, objective, "loss", float(losses_m[0]), epoch=epoch)

    def best(self, training: LinearTraining, make: MakeModel) -> LinearModel:
        """The best model of the best epoch, as it was at its end or on average, with its threshold; its metrics are logged."""
        state, task = training.state, training.task
        state.release_all_but_the_best()
        weights_do, bias_1o = (
            each[0] if len(each) == 1 else torch.cat([*each], -1) for each in (state.best_weights, state.best_bias)
        )
        scored = self._scored(weights_do, bias_1o, training, self.rows)
        model, choice = self._choice(scored, task)
        if choice.warning:
            self.run.log(choice.warning, "WARNING")
        mine = slice(model * task.outputs, (model + 1) * task.outputs)
        weights_dc, bias_c = state.scaler.folded(weights_do[:, mine], bias_1o[0, mine])
        variant = training.variants[model % len(training.variants)]
        found = make(weights_dc, bias_c, choice.threshold, variant, state.class_counts)
        self._report_final(found)
        self.run.log(f"Best model found for hyperparameters: {json.dumps(variant.shown(training.optimizer.name))}")
        return found

    def _choice(self, scored: ChannelScores, task: Task) -> tuple[int, ChosenThreshold]:
        """Number of the best model, and its threshold: that of equal losses on both sides where no criterion chooses one."""
        if self.criterion and scored.scores:
            choices = scored.choices(self.criterion)
            values = [choice.value for choice in choices]
            losses = scored.losses_m.tolist()
            best = min(range(len(values)), key=lambda model: (-values[model], losses[model]))
            return best, choices[best]
        best = int(scored.losses_m.nan_to_num(torch.inf, posinf=torch.inf).argmin())
        return best, ChosenThreshold(0.0 if task.loss.name == "hinge_loss" else 0.5, 0.0)

    def _report_final(self, model: LinearModel) -> None:
        found = model.scored(self._batches(), self.channel, self.run)
        for name, value in found.items():
            self.run.log(f"#{self.channel}_score ({self.run.host}) : {(name, value)}")
        for name, value in found.items():
            metric = SPEC.metric(name)
            self.run.quality(self.channel, name, metric.kind if metric else "score", value)

    def _scored(self, weights_do: Tensor, bias_1o: Tensor, training: LinearTraining, held: int) -> ChannelScores:
        """All models over the channel, in the labels' own units; rows of all hosts together."""
        task = training.task
        raw_do, raw_o = training.state.scaler.folded(weights_do, bias_1o[0])
        models = raw_o.numel() // task.outputs
        sums_m = torch.zeros(models + 1, dtype=torch.float64)
        found = ChannelScores(sums_m)
        for batch in self._batches():
            labels.reject_other_width(batch, len(raw_do), self.channel, found.rows)
            labels_n = labels.checked(batch, task.predictor_type, task.classes, self.channel, found.rows)
            labels_n = labels_n.to(self.run.device)
            f_nmc = (_product(batch.to(self.run.device), raw_do) + raw_o).view(len(batch), models, task.outputs)
            loss_nm, _ = task.loss.rows(f_nmc, labels_n)
            sums_m[:-1] += loss_nm.sum(0, dtype=torch.float64).cpu()
            if task.classes == 2 and found.rows < held:
                found.scores.append(score(f_nmc[: held - found.rows, :, 0], task.loss_type).cpu())
                found.labels.append(labels_n[: held - found.rows].cpu())
            found.rows += len(batch)
        sums_m[-1] = found.rows
        return self._together(found, sums_m)

    def _together(self, found: ChannelScores, sums_m: Tensor) -> ChannelScores:
        """What all hosts have scored."""
        *losses, rows = self.run.sum(sums_m).tolist()
        found.losses_m = torch.tensor(losses, dtype=torch.float64) / max(rows, 1)
        own = {"scores": torch.cat(found.scores), "labels": torch.cat(found.labels)} if found.scores else {}
        parts = [part for part in self.run.gather(own) if part]
        found.scores, found.labels = [part["scores"] for part in parts], [part["labels"] for part in parts]
        return found

    def _batches(self) -> Iterator[Batch]:
        """The channel once, in pieces; ends early when the job is to stop, after one piece at least."""
        for at, batch in enumerate(self.channels[self.channel].batches(ROWS)):
            if at and self.run.stopping:
                return
            yield batch


def _product(batch: Batch, weights_do: Tensor) -> Tensor:
    return (
        sparse_product(batch.features, weights_do)
        if isinstance(batch.features, SparseRows)
        else batch.dense() @ weights_do
    )
