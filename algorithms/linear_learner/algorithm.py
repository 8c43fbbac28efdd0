"""Linear learner: `fit` as the training of many models side by side.

Axes: n rows of a batch · d features · m models · c outputs of a model · o = m · c outputs of all
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Batch, Stream
from wildsage.algorithms.base.errors import NO_DATA, UserError
from wildsage.algorithms.base.hyperparameters import AUTO
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner import labels
from wildsage.algorithms.linear_learner.calibration import Criterion
from wildsage.algorithms.linear_learner.decorrelation import COLUMNS_HIGH, Decorrelation
from wildsage.algorithms.linear_learner.hyperparameters import (
    BINARY,
    LOSSES,
    MULTICLASS,
    OLD_CRITERIA,
    REGRESSOR,
    LinearHyperparameters,
)
from wildsage.algorithms.linear_learner.mini_batch import wide_sparse
from wildsage.algorithms.linear_learner.model import (
    BIAS,
    BIAS_LR_MULT,
    WEIGHT,
    LinearModel,
    loss_of,
)
from wildsage.algorithms.linear_learner.optimizers import SGD, Adam, Optimizer, RMSProp
from wildsage.algorithms.linear_learner.refinement import COLUMNS_MOST, NewtonRefinement
from wildsage.algorithms.linear_learner.scaler import Scaler
from wildsage.algorithms.linear_learner.selection import Selection
from wildsage.algorithms.linear_learner.spec import SPEC
from wildsage.algorithms.linear_learner.state import COUNTS, State
from wildsage.algorithms.linear_learner.training import LearningRates, LinearTraining, Task, first_rows, improved
from wildsage.algorithms.linear_learner.variants import AUTO_MODELS, GivenSettings, Variant, choose, columns, grid

AUTO_CALIBRATION_ROWS = 1_000_000
LEAST_UPDATES = 32
"""A pass has so many updates at least, unless the learning rate is given: few rows are learned from several times."""


@dataclass(frozen=True, kw_only=True)
class LinearLearner(LinearHyperparameters, Algorithm):
    """Linear and logistic regression: `num_models` models learn in one pass over the rows, and the best is kept.

    Time: a row costs its stored values times the outputs of all models. Memory: at most (p + 7)·d·o numbers, p = 3 slots of
    Adam (2 of the others), o = models · outputs, and (2·d + o)·d more where models are refined; beside them the first
    `num_point_for_scaler` rows, and to choose a binary classifier's threshold one score of each model for
    `num_calibration_samples` rows.

    >>> import torch
    >>> from wildsage.algorithms.base.batch import Batch, MemoryStream
    >>> from wildsage.algorithms.base.run import RunContext
    >>> from wildsage.algorithms.linear_learner.algorithm import LinearLearner
    >>> x_nd = torch.linspace(-1, 1, 200)[:, None]
    >>> rows = Batch(x_nd, labels_nl=3 * x_nd + 1)
    >>> learner = LinearLearner(feature_dim=1, predictor_type="regressor", mini_batch_size=20)
    >>> model = learner.fit({"train": MemoryStream(rows)}, RunContext(seed=0))
    >>> model.predict(Batch(torch.tensor([[0.0], [0.5]])))["score"].round(decimals=1)
    tensor([1.0000, 2.5000])
    """

    spec: ClassVar = SPEC
    model_class: ClassVar = LinearModel
    resumes_from_model: ClassVar = True

    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> LinearModel:
        """Train all models epoch by epoch and judge them after each. Returns the best model of the best epoch.

        Raises UserError for a channel without a full mini-batch, or with rows or labels that do not fit the hyperparameters.
        """
        rows_here = math.ceil(self.mini_batch_size / len(run.gather({})))
        selection = Selection(self.criterion, self.calibration_rows, channels, run)
        training, resumed = None, run.resumed()
        for epoch, batches in run.passes(channels["train"], rows_here, self.epochs):
            if training is None:
                training, batches = self._begun(resumed, batches, rows_here, run)
            losses_m = training.one_pass(batches)
            stopping = bool(run.sum(torch.tensor([int(run.stopping)])))
            if epoch == 0 and not stopping:
                training.reject_one_class()
            done = bool(training.state.updates) and self._end_of_epoch(epoch, losses_m, training, selection, run)
            training.end_pass(losses_m)
            if done or stopping:
                break
        if training is None or not training.state.updates:
            raise UserError(NO_DATA)
        return selection.best(training, self._model)

    def _begun(
        self, resumed: Mapping[str, Tensor] | None, batches: Iterator[Batch], rows_here: int, run: RunContext
    ) -> tuple[LinearTraining, Iterator[Batch]]:
        """The initial models, or those of an interrupted job; and the batches of the pass, including those read already."""
        if resumed is not None and COUNTS in resumed:
            state = State.from_arrays(resumed, run.device)
        else:
            hosts = len(run.gather({}))
            head, batches = first_rows(batches, math.ceil(self.num_point_for_scaler / hosts))
            state = self._start(head, resumed, run)
        weights_c = self._class_weights(state.class_counts)
        own, scaled = (
            loss_of(self.loss_type, self._scoring(weights_c, unit), run.device)
            for unit in (1.0, state.scaler.label_deviation)
        )
        task = Task(self.predictor_type, self.classes, self.outputs, self.loss_type, own, scaled)
        variants = self._variants(state.class_counts, state.decorrelation.mixed > 0, run)
        if (
            state.feature_dim != self._width(state.feature_dim)
            or state.weights.shape[2] != len(variants) * self.outputs
        ):
            raise UserError(
                f"The state to resume from has {state.feature_dim} columns and {state.weights.shape[2]} outputs of all models, "
                f"expected {self._width(state.feature_dim)} and {len(variants) * self.outputs} as in this job."
            )
        return self._training(state, variants, task, rows_here, run), batches

    def _width(self, seen: int) -> int:
        return seen if self.feature_dim == AUTO else int(self.feature_dim)

    def _start(self, head: Batch | None, earlier: Mapping[str, Tensor] | None, run: RunContext) -> State:
        """The initial state, by the first rows of all hosts; weights are drawn, or are those of an earlier job's model."""
        widths = run.gather({"width": torch.tensor([0 if head is None else head.width])})
        seen = sorted({int(each["width"]) for each in widths} - {0})
        if not seen:
            raise UserError(NO_DATA)
        if len(seen) > 1:
            raise UserError(f"Channel train: hosts read rows of {seen[0]} and {seen[-1]} columns, expected one width.")
        width = self._width(seen[0])
        if head is None:
            head = Batch(torch.empty(0, width), torch.empty(0, 1))
        labels_n = labels.checked(head, self.predictor_type, self.classes, "train", 0)
        counts_c = run.sum(
            torch.bincount(labels_n.long(), minlength=self.classes).double() if self.classes else torch.zeros(0)
        )
        scaler = self._scaler(head, labels_n, run)
        dense = self._learns_dense(head, scaler)
        variants = self._variants(counts_c, dense and width <= COLUMNS_HIGH, run)
        decorrelation = self._decorrelation(head, scaler, variants, run)
        learned_do, bias_o = self._initial(width, len(variants), run)
        if earlier is not None:
            learned_do, bias_o = self._of_earlier(earlier, scaler, decorrelation, len(variants))
        refines = dense and self._refines(width, variants)
        refinement = NewtonRefinement.start(width, len(variants), self.epochs) if refines else None
        state = State.start(
            scaler,
            decorrelation,
            learned_do,
            bias_o,
            self._optimizer().slots,
            len(variants),
            counts_c,
            dense,
            refinement,
        )
        return state.to(run.device)

    def _refines(self, width: int, variants: list[Variant]) -> bool:
        """Whether the last models are refined: where the choice of models is ours, and their loss the plain cross entropy."""
        ours = {self.optimizer, self.learning_rate, self.wd, self.l1} == {AUTO} and len(variants) >= AUTO_MODELS
        plain = self.loss_type == "logistic" and self.use_bias and self.positive_example_weight_mult == 1.0
        return ours and plain and COLUMNS_HIGH < width <= COLUMNS_MOST and self.epochs > 1

    def _learns_dense(self, head: Batch, scaler: Scaler) -> bool:
        return scaler.shifts or not wide_sparse(head)

    def _decorrelation(self, head: Batch, scaler: Scaler, variants: list[Variant], run: RunContext) -> Decorrelation:
        """The leading host's, which all hosts use. If any host has rows, that host has."""
        mixed = sum(variant.decorrelated for variant in variants) * self.outputs
        if not mixed:
            return Decorrelation.none()
        root_dd = run.gather({"root": Decorrelation.from_rows(head, scaler, mixed).root_dd})[0]["root"]
        return Decorrelation(root_dd, mixed)

    def _initial(self, width: int, models: int, run: RunContext) -> tuple[Tensor, Tensor]:
        """One draw for all models and hosts, so that models differ by their settings alone."""
        weights_dc = torch.empty(width, self.outputs)
        if self.init_method == "uniform":
            weights_dc.uniform_(-self.init_scale, self.init_scale, generator=run.shared_rng)
        else:
            weights_dc.normal_(0, self.init_sigma, generator=run.shared_rng)
        bias_o = torch.full((models * self.outputs,), self.init_bias if self.use_bias else 0.0)
        return weights_dc.repeat(1, models), bias_o

    def _of_earlier(
        self, earlier: Mapping[str, Tensor], scaler: Scaler, decorrelation: Decorrelation, models: int
    ) -> tuple[Tensor, Tensor]:
        """The weights of an earlier job's model, for every model here."""
        weights_dc, bias_1c = earlier[WEIGHT].float(), earlier[BIAS].float()
        width = len(scaler.mean_d)
        if weights_dc.shape != (width, self.outputs):
            raise UserError(
                f"The model to resume from has weights of shape {tuple(weights_dc.shape)}, expected {(width, self.outputs)} "
                "(feature_dim, outputs) as in this job."
            )
        weights_dc, bias_c = scaler.unfolded(weights_dc, bias_1c.flatten())
        return decorrelation.learned(weights_dc.repeat(1, models)), bias_c.repeat(models)

    def _scaler(self, head: Batch, labels_n: Tensor, run: RunContext) -> Scaler:
        sparse = wide_sparse(head)
        regressor = self.predictor_type == REGRESSOR
        unbias = self.use_bias and not sparse if self.unbias_data == AUTO else bool(self.unbias_data)
        return Scaler.from_rows(
            head,
            labels_n,
            run.sum,
            normalize=self.normalize_data in (AUTO, True),
            unbias=unbias,
            normalize_label=regressor and self.normalize_label in (AUTO, True),
            unbias_label=regressor and (self.use_bias if self.unbias_label == AUTO else bool(self.unbias_label)),
        )

    def _variants(self, counts_c: Tensor, decorrelates: bool, run: RunContext) -> list[Variant]:
        given = GivenSettings(
            _given(self.learning_rate),
            _given(self.wd),
            _given(self.l1),
            _given(self.lr_scheduler_step),
            _given(self.lr_scheduler_factor),
            _given(self.lr_scheduler_minimum_lr),
        )
        rng = torch.Generator().manual_seed(run.shared_rng.initial_seed())
        variants = grid(given, self._optimizer().name, self._positive_weights(counts_c), decorrelates)
        return choose(variants, self._models, rng)

    def _positive_weights(self, counts_c: Tensor) -> list[float]:
        """The weights of a positive example: one, or with auto two for models to differ by."""
        mult = self.positive_example_weight_mult
        if self.predictor_type != BINARY or isinstance(mult, float):
            return [float(mult) if self.predictor_type == BINARY else 1.0]
        negatives, positives = counts_c.tolist()
        balanced = negatives / positives if negatives and positives else 1.0
        return [balanced] if mult == "balanced" else [1.0, balanced]

    def _class_weights(self, counts_c: Tensor) -> list[float] | None:
        """Weights of a row by class that make all classes count equally; None if every row counts once."""
        if not (self.balance_multiclass_weights and self.predictor_type == MULTICLASS):
            return None
        return (counts_c.sum() / (self.classes * counts_c.clamp_min(1))).tolist()

    def _training(
        self, state: State, variants: list[Variant], task: Task, rows_here: int, run: RunContext
    ) -> LinearTraining:
        rates = LearningRates.from_variants(
            variants,
            self.outputs,
            scheduled=self.use_lr_scheduler,
            bias_lr_mult=_or(self.bias_lr_mult, BIAS_LR_MULT) * self.use_bias,
            bias_wd_mult=_or(self.bias_wd_mult, 0.0),
            device=run.device,
        )
        positive_m = columns(variants, "positive_weight").to(run.device)
        weighted = positive_m if bool((positive_m != 1).any()) else None
        least_updates = LEAST_UPDATES if self.learning_rate == AUTO else 1
        return LinearTraining(state, variants, task, rates, self._optimizer(), weighted, rows_here, least_updates, run)

    def _end_of_epoch(
        self, epoch: int, losses_m: Tensor, training: LinearTraining, selection: Selection, run: RunContext
    ) -> bool:
        """Report on the models, and keep them if one is better than all before. Returns whether to stop early."""
        if not bool(losses_m.isfinite().any()):
            raise UserError(
                f"Training diverged in epoch {epoch}: no model's loss is finite. Lower learning_rate, or set normalize_data "
                "to true."
            )
        value, loss = selection.report(epoch, losses_m, training)
        state, tolerance = training.state, self.early_stopping_tolerance
        as_good_with_less_loss = value <= state.best and improved(loss, state.best_loss, tolerance)
        if improved(value, state.best, tolerance) or as_good_with_less_loss:
            state.keep_best(value, loss)
            run.log(f"Epoch {epoch}: Loss improved. Updating best model")
        else:
            state.stale += 1
        run.log(f"Saving model for epoch: {epoch}")
        if state.stale >= self.early_stopping_patience:
            run.log("Early stop condition met. Stopping training.")
            return True
        return False

    def _model(
        self, weights_dc: Tensor, bias_c: Tensor, threshold: float, variant: Variant, counts_c: Tensor
    ) -> LinearModel:
        """A finished model; additional-params.json keeps what its metrics need [contract: linear-learner, Artifact]."""
        scoring = self._scoring(self._class_weights(counts_c))
        scoring |= {"threshold": threshold, "positive_example_weight_mult": variant.positive_weight}
        parameters = {
            "threshold": threshold,
            "loss_type": self.loss_type,
            "predictor_type": self.predictor_type,
            "metrics_params": scoring,
        }
        return LinearModel(weights_dc, bias_c[None], parameters, _or(self.bias_lr_mult, BIAS_LR_MULT))

    def _scoring(self, class_weights: list[float] | None, unit: float = 1.0) -> dict[str, Any]:
        """What the loss and the metrics need; None for what those of this job do not use, as in real artifacts.

        Errors are given in the labels' own units, and returned in those of labels divided by `unit`.
        """
        loss = self.loss_type
        return {
            "quantile": self.quantile if loss == "quantile_loss" else None,
            "huber_delta": self.huber_delta / unit if loss == "huber_loss" else None,
            "margin": self.margin if loss == "hinge_loss" else None,
            "loss_insensitivity": self.loss_insensitivity / unit if loss.startswith("eps_") else None,
            "eps_insensitive_loss_type": loss if loss.startswith("eps_") else None,
            "accuracy_top_k": self.accuracy_top_k,
            "f_beta": None if self.predictor_type == REGRESSOR else self.f_beta,
            "positive_example_weight_mult": None,  # this and the threshold are the chosen model's
            "class_weights": class_weights,
            "threshold": None,
        }

    def _optimizer(self) -> Optimizer:
        if self.optimizer == "sgd":
            return SGD(_or(self.momentum, 0.0))
        return RMSProp() if self.optimizer == "rmsprop" else Adam(_or(self.beta_1, 0.9), _or(self.beta_2, 0.999))

    @property
    def loss_type(self) -> str:
        """The loss by name, `auto` resolved."""
        return LOSSES[self.predictor_type][0] if self.loss == AUTO else self.loss

    @property
    def classes(self) -> int:
        """Number of classes; 0 for a regressor."""
        return {BINARY: 2, REGRESSOR: 0}.get(self.predictor_type, self.num_classes)

    @property
    def outputs(self) -> int:
        """Numbers that a model computes for a row."""
        return self.num_classes if self.predictor_type == MULTICLASS else 1

    @property
    def criterion(self) -> Criterion | None:
        """What a binary classifier's model and threshold are chosen by; None: by the lowest loss."""
        name = self.binary_classifier_model_selection_criteria
        if self.predictor_type != BINARY or OLD_CRITERIA.get(name, name) == "loss_function":
            return None
        beta = 1.0 if name == "f1" else self.f_beta
        return Criterion(OLD_CRITERIA.get(name, name), beta, self.target_recall, self.target_precision)

    @property
    def _models(self) -> int:
        if self._tuning_objective_metric:
            return 1
        return AUTO_MODELS if self.num_models == AUTO else int(self.num_models)

    @property
    def calibration_rows(self) -> int:
        """Rows by which a threshold is chosen, at most."""
        return AUTO_CALIBRATION_ROWS if self.num_calibration_samples == AUTO else int(self.num_calibration_samples)


def _given(value: float | str) -> float | None:
    return None if value == AUTO else float(value)


def _or(value: float | str, auto: float) -> float:
    return auto if value == AUTO else float(value)


ALGORITHM = LinearLearner
