"""The finished linear model: weights and bias for rows that are not normalised.

Axes: n rows of a batch · d features · c outputs (classes; 1 for a binary classifier or a regressor)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Columns, Model, ModelSettings
from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner import labels, losses, metrics, network
from wildsage.algorithms.linear_learner.hyperparameters import LOSSES, MULTICLASS, REGRESSOR
from wildsage.algorithms.linear_learner.losses import Loss

WEIGHT, BIAS = "fc0_weight", "fc0_bias"
BIAS_LR_MULT = 10.0
"""The original's default, which its symbol records."""

SCORING_NUMBERS = ("margin", "quantile", "huber_delta", "loss_insensitivity", "f_beta", "accuracy_top_k")
"""Numbers among a model's metrics_params; each may be missing or None."""


@dataclass(frozen=True)
class LinearModel(Model):
    """`fc0_weight` (d, c) and `fc0_bias` (1, c), float32 [contract: linear-learner, Artifact].

    `parameters` is the artifact's additional-params.json: predictor_type, loss_type, threshold and metrics_params.
    """

    weights_dc: Tensor
    bias_1c: Tensor
    parameters: ModelSettings
    bias_lr_mult: float = BIAS_LR_MULT
    _loss: Loss = field(init=False, repr=False, compare=False)

    layout: ClassVar = "module_zip"
    array_names: ClassVar = (WEIGHT, BIAS)

    def __post_init__(self) -> None:
        device = self.weights_dc.device
        object.__setattr__(self, "_loss", loss_of(str(self.parameters["loss_type"]), self._scoring, device))

    def arrays(self) -> dict[str, Tensor]:
        return {WEIGHT: self.weights_dc, BIAS: self.bias_1c}

    def settings(self) -> ModelSettings:
        return self.parameters

    def graph(self) -> Graph:
        features, outputs = self.weights_dc.shape
        return network.graph(str(self.parameters["loss_type"]), features, outputs, self.bias_lr_mult)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], settings: ModelSettings) -> Self:
        weights_dc, bias_1c = arrays[WEIGHT].float(), arrays[BIAS].float()
        if weights_dc.ndim != 2 or bias_1c.numel() != weights_dc.shape[1] or not weights_dc.numel():
            raise UserError(
                f"Linear learner model: got {WEIGHT} {tuple(weights_dc.shape)} and {BIAS} {tuple(bias_1c.shape)}, "
                "expected (feature_dim, outputs) and (1, outputs)."
            )
        reject_unknown(settings)
        return cls(weights_dc, bias_1c.reshape(1, -1), settings)

    @property
    def feature_dim(self) -> int:
        return len(self.weights_dc)

    @property
    def predictor_type(self) -> str:
        """Kind of prediction: binary_classifier, multiclass_classifier or regressor."""
        return str(self.parameters["predictor_type"])

    @property
    def threshold(self) -> float:
        """The score from which a binary classifier predicts 1."""
        return float(self.parameters["threshold"])

    @property
    def _scoring(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.parameters.get("metrics_params") or {}
        return found

    def margins(self, batch: Batch) -> Tensor:
        """x w + b, (n, c)."""
        if isinstance(batch.features, SparseRows):
            return sparse_product(batch.features, self.weights_dc) + self.bias_1c
        return torch.addmm(self.bias_1c, batch.dense(), self.weights_dc)

    def predict(self, batch: Batch) -> Columns:
        """`score`: of a regressor x w + b, of a binary classifier its sigmoid (with hinge loss itself), (n,); of a multiclass
        classifier the probabilities (n, c). `predicted_label` of classifiers, (n,) [contract: linear-learner, Inference]."""
        return self._answers(self.margins(batch))

    def _answers(self, f_nc: Tensor) -> Columns:
        if self.predictor_type == REGRESSOR:
            return {"score": f_nc[:, 0]}
        if self.predictor_type == MULTICLASS:
            return {"score": f_nc.softmax(1), "predicted_label": f_nc.argmax(1)}
        score_n = score(f_nc[:, 0], str(self.parameters["loss_type"]))
        return {"score": score_n, "predicted_label": (score_n >= self.threshold).long()}

    def to(self, device: torch.device | str) -> Self:
        return type(self)(self.weights_dc.to(device), self.bias_1c.to(device), self.parameters, self.bias_lr_mult)

    def evaluate(self, batches: Iterator[Batch], run: RunContext) -> dict[str, float]:
        """The metrics of `metrics` over all rows, by name, in the order of the original's log."""
        return self.scored(batches, "test", run)

    def scored(self, batches: Iterator[Batch], channel: str, run: RunContext) -> dict[str, float]:
        """The same for any channel; errors name it."""
        return metrics.evaluated(self._totals(), self._judged(batches, channel, run))

    def _totals(self) -> metrics.Totals:
        objective = f"{self._loss.name}_objective"
        beta = float(self._scoring.get("f_beta") or 1.0)
        if self.predictor_type == REGRESSOR:
            return metrics.RegressorTotals(objective)
        if self.predictor_type == MULTICLASS:
            top_k = int(self._scoring.get("accuracy_top_k") or 3)
            return metrics.MulticlassTotals(objective, self.weights_dc.shape[1], top_k, beta)
        return metrics.BinaryTotals(objective, self.threshold, beta)

    def _judged(
        self, batches: Iterator[Batch], channel: str, run: RunContext
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        rows = 0
        for batch in batches:
            labels.reject_other_width(batch, self.feature_dim, channel, rows)
            labels_n = labels.checked(batch, self.predictor_type, self.weights_dc.shape[1], channel, rows)
            labels_n = labels_n.to(run.device)
            f_nc = self.margins(batch.to(run.device))
            loss_nm, _ = self._loss.rows(f_nc[:, None], labels_n)
            yield self._answers(f_nc)["score"], labels_n, loss_nm[:, 0]
            rows += len(batch)


def score(f: Tensor, loss_type: str) -> Tensor:
    """A binary classifier's score, in the shape of `f`: the sigmoid of the margin, or with hinge loss the margin itself."""
    return f.sigmoid() if loss_type == "logistic" else f


def sparse_product(rows: SparseRows, weights_do: Tensor) -> Tensor:
    """X W, (n, o), at the cost of the stored values."""
    values_z = rows.values_z.to(weights_do.dtype)
    return torch.nn.functional.embedding_bag(
        rows.columns_z, weights_do, rows.starts_n1[:-1], mode="sum", per_sample_weights=values_z
    )


def loss_of(loss_type: str, given: Mapping[str, Any], device: torch.device) -> Loss:
    """The loss of that name; `given` holds what some of them need, under the names of the hyperparameters."""
    weights = given.get("class_weights")
    make: dict[str, Callable[[], Loss]] = {
        "logistic": losses.Logistic,
        "hinge_loss": lambda: losses.Hinge(_or(given.get("margin"), 1.0)),
        "softmax_loss": lambda: losses.Softmax(torch.tensor(weights, device=device) if weights else None),
        "squared_loss": losses.squared,
        "absolute_loss": losses.absolute,
        "eps_insensitive_squared_loss": lambda: losses.eps_insensitive_squared(
            _or(given.get("loss_insensitivity"), 0.01)
        ),
        "eps_insensitive_absolute_loss": lambda: losses.eps_insensitive_absolute(
            _or(given.get("loss_insensitivity"), 0.01)
        ),
        "quantile_loss": lambda: losses.quantile(_or(given.get("quantile"), 0.5)),
        "huber_loss": lambda: losses.huber(_or(given.get("huber_delta"), 1.0)),
    }
    return make[loss_type]()


def _or(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else float(given)


def reject_unknown(settings: ModelSettings) -> None:
    """Raise UserError for an artifact whose settings are not a linear learner's."""
    kind, loss, threshold = (settings.get(name) for name in ("predictor_type", "loss_type", "threshold"))
    if kind not in LOSSES:
        raise UserError(f"Linear learner model: predictor_type is {kind!r}, expected {' or '.join(LOSSES)}.")
    if loss not in LOSSES[str(kind)]:
        raise UserError(f"Linear learner model: loss_type is {loss!r}, expected {' or '.join(LOSSES[str(kind)])}.")
    if not isinstance(threshold, int | float) or not math.isfinite(threshold):
        raise UserError(f"Linear learner model: threshold is {threshold!r}, expected a finite number.")
    scoring = settings.get("metrics_params") or {}
    if not isinstance(scoring, Mapping):
        raise UserError(f"Linear learner model: metrics_params is {scoring!r}, expected an object.")
    for name in SCORING_NUMBERS:
        if not isinstance(scoring.get(name), int | float | None):
            raise UserError(f"Linear learner model: {name} of metrics_params is {scoring[name]!r}, expected a number.")
    weights = scoring.get("class_weights") or []
    if not isinstance(weights, list) or not all(isinstance(weight, int | float) for weight in weights):
        raise UserError(
            f"Linear learner model: class_weights of metrics_params are {weights!r}, expected a list of numbers."
        )
