"""Linear learner on SDK v3."""

from __future__ import annotations

from typing import Any

from wildsage.local_runner.estimators.estimator import Estimator
from wildsage.local_runner.estimators.hyperparameters import Hyperparameter
from wildsage.local_runner.estimators.record_set import RecordSet

MAX_ROWS = 1000
MULTICLASS = "multiclass_classifier"
CRITERIA = (
    "accuracy", "f1", "f_beta", "precision_at_target_recall", "recall_at_target_precision", "cross_entropy_loss",
    "loss_function",
)  # fmt: skip
LOSSES = (
    "logistic", "squared_loss", "absolute_loss", "hinge_loss", "eps_insensitive_squared_loss",
    "eps_insensitive_absolute_loss", "quantile_loss", "huber_loss", "softmax_loss", "auto",
)  # fmt: skip


class LinearLearner(Estimator):
    """Trains many linear models in one pass and keeps the best.

    An endpoint returns `score`, and `predicted_label` for a classifier. Raises ValueError for a multiclass classifier with
    fewer than three classes. algorithms/linear_learner/README.md says what each hyperparameter does. Source:
    `sagemaker.LinearLearner` of SDK v2.

    >>> from wildsage import LinearLearner
    >>> learner = LinearLearner("SageMakerRole", 1, "ml.m5.large", predictor_type="regressor", l1=0.01)
    >>> learner.hyperparameters()
    {'predictor_type': 'regressor', 'l1': '0.01'}
    """

    repository = "linear-learner"

    predictor_type = Hyperparameter(str, choices=("binary_classifier", "regressor", MULTICLASS))
    binary_classifier_model_selection_criteria = Hyperparameter(str, choices=CRITERIA)
    target_recall = Hyperparameter(float, above=0, below=1)
    target_precision = Hyperparameter(float, above=0, below=1)
    positive_example_weight_mult = Hyperparameter(str)
    epochs = Hyperparameter(int, low=1)
    use_bias = Hyperparameter(bool)
    num_models = Hyperparameter(int, low=1)
    num_calibration_samples = Hyperparameter(int, low=1)
    init_method = Hyperparameter(str, choices=("uniform", "normal"))
    init_scale = Hyperparameter(float, above=0)
    init_sigma = Hyperparameter(float, above=0)
    init_bias = Hyperparameter(float)
    optimizer = Hyperparameter(str, choices=("sgd", "adam", "rmsprop", "auto"))
    loss = Hyperparameter(str, choices=LOSSES)
    wd = Hyperparameter(float, low=0)
    l1 = Hyperparameter(float, low=0)
    momentum = Hyperparameter(float, low=0, below=1)
    learning_rate = Hyperparameter(float, above=0)
    beta_1 = Hyperparameter(float, low=0, below=1)
    beta_2 = Hyperparameter(float, low=0, below=1)
    bias_lr_mult = Hyperparameter(float, above=0)
    bias_wd_mult = Hyperparameter(float, low=0)
    use_lr_scheduler = Hyperparameter(bool)
    lr_scheduler_step = Hyperparameter(int, low=1)
    lr_scheduler_factor = Hyperparameter(float, above=0, below=1)
    lr_scheduler_minimum_lr = Hyperparameter(float, above=0)
    normalize_data = Hyperparameter(bool)
    normalize_label = Hyperparameter(bool)
    unbias_data = Hyperparameter(bool)
    unbias_label = Hyperparameter(bool)
    num_point_for_scaler = Hyperparameter(int, low=1)
    margin = Hyperparameter(float, low=0)
    quantile = Hyperparameter(float, above=0, below=1)
    loss_insensitivity = Hyperparameter(float, above=0)
    huber_delta = Hyperparameter(float, low=0)
    early_stopping_patience = Hyperparameter(int, low=1)
    early_stopping_tolerance = Hyperparameter(float, above=0)
    num_classes = Hyperparameter(int, low=1, high=1_000_000)
    accuracy_top_k = Hyperparameter(int, low=1, high=1_000_000)
    f_beta = Hyperparameter(float, above=0)
    balance_multiclass_weights = Hyperparameter(bool)

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        if self.predictor_type == MULTICLASS and (self.num_classes or 0) < 3:
            raise ValueError(
                f"Hyperparameter num_classes: got {self.num_classes}, expected int ≥ 3 for predictor_type {MULTICLASS}."
            )

    def mini_batch_size_of(self, records: RecordSet) -> int:
        """At most 1000 rows, and no more than an instance has, because a job fails without a full mini-batch."""
        return min(MAX_ROWS, max(1, records.num_records // self.instance_count))
