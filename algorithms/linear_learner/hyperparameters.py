"""The hyperparameters of linear learner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.hyperparameters import AUTO, ToolkitHyperparameters, choice, flag, integer, real, text

BINARY, MULTICLASS, REGRESSOR = "binary_classifier", "multiclass_classifier", "regressor"
LOSSES = {
    BINARY: ("logistic", "hinge_loss"),
    MULTICLASS: ("softmax_loss",),
    REGRESSOR: (
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
"""By predictor_type; the first is what `auto` means."""

OLD_CRITERIA = {"f1": "f_beta", "cross_entropy_loss": "loss_function"}
CRITERIA = ("accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision", "loss_function")
OPTIMIZERS = ("auto", "sgd", "adam", "rmsprop")


@dataclass(frozen=True, kw_only=True)
class LinearHyperparameters(ToolkitHyperparameters):
    """One line for each, and what they demand of each other."""

    predictor_type: str = choice(BINARY, MULTICLASS, REGRESSOR, doc="Kind of prediction.")
    feature_dim: int | str = integer(AUTO, low=1, also=(AUTO,), doc="Columns in every row; auto: as the first row has.")
    num_classes: int = integer(1, low=1, high=1_000_000, doc="Classes of a multiclass classifier, labelled from 0 on.")
    epochs: int = integer(15, low=1, doc="Passes over the training channel at most.")
    mini_batch_size: int = integer(1000, low=1, tunable=(100, 5000), doc="Rows for each update, of all hosts together.")
    num_models: int | str = integer(
        AUTO, low=1, also=(AUTO,), doc="Models that learn side by side; auto is 32, and a tuning job's jobs have 1."
    )
    loss: str = choice(
        AUTO, *(loss for losses in LOSSES.values() for loss in losses), default=AUTO,
        doc="Loss to minimise; auto: logistic, softmax_loss or squared_loss by predictor_type.",
    )  # fmt: skip
    optimizer: str = choice(*OPTIMIZERS, default=AUTO, doc="Optimizer; auto is adam.")
    learning_rate: float | str = real(
        AUTO, above=0, also=(AUTO,), tunable=(1e-5, 1), doc="Step size; auto: models with different ones."
    )
    wd: float | str = real(
        AUTO, low=0, also=(AUTO,), tunable=(1e-7, 1), doc="L2 term; auto: models with different ones."
    )
    l1: float | str = real(AUTO, low=0, also=(AUTO,), tunable=(1e-7, 1), doc="L1 term; auto is 0.")
    use_bias: bool = flag(True, doc="Whether there is a bias.")
    bias_lr_mult: float | str = real(
        AUTO, above=0, also=(AUTO,), doc="Step size of the bias, times that of weights; auto is 10."
    )
    bias_wd_mult: float | str = real(
        AUTO, low=0, also=(AUTO,), doc="L2 term of the bias, times that of weights; auto is 0."
    )
    momentum: float | str = real(AUTO, low=0, below=1, also=(AUTO,), doc="Momentum of sgd; auto is 0.")
    beta_1: float | str = real(AUTO, low=0, below=1, also=(AUTO,), doc="Adam's decay of the mean; auto is 0.9.")
    beta_2: float | str = real(AUTO, low=0, below=1, also=(AUTO,), doc="Adam's decay of the variance; auto is 0.999.")
    use_lr_scheduler: bool = flag(True, doc="Whether step sizes decrease during training.")
    lr_scheduler_step: int | str = integer(
        AUTO, low=1, also=(AUTO,), doc="Updates between two decreases; auto: models with different ones."
    )
    lr_scheduler_factor: float | str = real(
        AUTO, above=0, below=1, also=(AUTO,), doc="Factor of each decrease; auto is 0.99."
    )
    lr_scheduler_minimum_lr: float | str = real(
        AUTO, above=0, also=(AUTO,), doc="Least step size; auto: models with different ones."
    )
    init_method: str = choice("uniform", "normal", default="uniform", doc="Distribution of the initial weights.")
    init_scale: float = real(0.07, above=0, doc="uniform: from -scale to scale.")
    init_sigma: float = real(0.01, above=0, doc="normal: standard deviation about 0.")
    init_bias: float = real(0.0, doc="Initial bias.")
    normalize_data: bool | str = flag(
        True, also=(AUTO,), doc="Divide columns by their deviation while learning; auto is true."
    )
    normalize_label: bool | str = flag(AUTO, also=(AUTO,), doc="The same for labels; auto: of a regressor.")
    unbias_data: bool | str = flag(
        AUTO, also=(AUTO,), doc="Shift columns to mean 0 while learning; auto: with a bias, but for wide sparse rows."
    )
    unbias_label: bool | str = flag(AUTO, also=(AUTO,), doc="The same for labels; auto: of a regressor with a bias.")
    num_point_for_scaler: int = integer(10_000, low=1, doc="First rows that means and deviations are taken from.")
    early_stopping_patience: int = integer(3, low=1, doc="Epochs without improvement before training ends.")
    early_stopping_tolerance: float = real(0.001, above=0, doc="Share of the best value that counts as an improvement.")
    binary_classifier_model_selection_criteria: str = choice(
        *CRITERIA, *OLD_CRITERIA, default="accuracy", doc="Criterion by which model and threshold are chosen."
    )
    num_calibration_samples: int | str = integer(
        AUTO, low=1, also=(AUTO,), doc="Rows that a threshold is chosen by; auto is at most 1,000,000."
    )
    target_recall: float = real(0.8, above=0, below=1, doc="Recall that precision_at_target_recall requires.")
    target_precision: float = real(0.8, above=0, below=1, doc="Precision that recall_at_target_precision requires.")
    f_beta: float = real(1.0, above=0, doc="Weight of recall in the F score.")
    positive_example_weight_mult: float | str = real(
        1.0, above=0, also=("balanced", AUTO), tunable=(1e-5, 1e5),
        doc="How much a positive example counts; balanced: all of them as much as all negatives; auto: models with 1 and balanced.",
    )  # fmt: skip
    balance_multiclass_weights: bool = flag(False, doc="Whether each class counts as much as any other.")
    accuracy_top_k: int = integer(3, low=1, doc="k of the top-k accuracy.")
    margin: float = real(1.0, above=0, doc="Margin of hinge_loss.")
    quantile: float = real(0.5, above=0, below=1, doc="Of quantile_loss: the share of labels below the score.")
    loss_insensitivity: float = real(0.01, above=0, doc="Error that the eps-insensitive losses ignore.")
    huber_delta: float = real(1.0, above=0, doc="Error from which huber_loss is linear.")

    _tuning_objective_metric: str = text("", doc="Set in the jobs of a tuning job, each of which trains one model.")

    internal: ClassVar = {
        "_enable_profiler": "false",
        "_kvstore": "auto",
        "_log_level": "info",
        "_num_kv_servers": "auto",
    }

    def __post_init__(self) -> None:
        if self.predictor_type == MULTICLASS and self.num_classes < 3:
            raise UserError(
                f"Hyperparameter num_classes: got {self.num_classes}, expected an integer ≥ 3 for predictor_type "
                "multiclass_classifier. For two classes train a binary_classifier."
            )
        if self.loss != AUTO and self.loss not in LOSSES[self.predictor_type]:
            raise UserError(
                f"Hyperparameter loss: got {self.loss}, expected one of auto, {', '.join(LOSSES[self.predictor_type])} "
                f"for predictor_type {self.predictor_type}."
            )


HYPERPARAMETERS = LinearHyperparameters
