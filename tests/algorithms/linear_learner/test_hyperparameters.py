"""Which values of hyperparameters are taken, and what they demand of each other; their effects are in test_effects.py."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.linear_learner.algorithm import LinearLearner

SERVICE_DEFAULTS = {
    "mini_batch_size": "1000", "epochs": "15", "feature_dim": "auto", "use_bias": "true",
    "binary_classifier_model_selection_criteria": "accuracy", "f_beta": "1.0", "target_recall": "0.8",
    "target_precision": "0.8", "num_models": "auto", "num_calibration_samples": "10000000", "init_method": "uniform",
    "init_scale": "0.07", "init_sigma": "0.01", "init_bias": "0.0", "optimizer": "auto", "loss": "auto", "margin": "1.0",
    "quantile": "0.5", "loss_insensitivity": "0.01", "huber_delta": "1.0", "num_classes": "1", "accuracy_top_k": "3",
    "wd": "auto", "l1": "auto", "momentum": "auto", "learning_rate": "auto", "beta_1": "auto", "beta_2": "auto",
    "bias_lr_mult": "auto", "bias_wd_mult": "auto", "use_lr_scheduler": "true", "lr_scheduler_step": "auto",
    "lr_scheduler_factor": "auto", "lr_scheduler_minimum_lr": "auto", "positive_example_weight_mult": "1.0",
    "balance_multiclass_weights": "false", "normalize_data": "true", "normalize_label": "auto", "unbias_data": "auto",
    "unbias_label": "auto", "num_point_for_scaler": "10000", "_kvstore": "auto", "_num_gpus": "auto",
    "_num_kv_servers": "auto", "_log_level": "info", "_tuning_objective_metric": "", "early_stopping_patience": "3",
    "early_stopping_tolerance": "0.001", "_enable_profiler": "false",
}  # fmt: skip
"""The file of defaults in the service's image."""

BINARY = {"predictor_type": "binary_classifier"}
REGRESSOR = {"predictor_type": "regressor"}
CLASSES = {"predictor_type": "multiclass_classifier", "num_classes": "4"}
CRITERION = "binary_classifier_model_selection_criteria"


def test_the_services_own_defaults_are_taken_and_are_ours():
    own, _ = hyperparameters.parse(LinearLearner, BINARY, LinearLearner.internal_settings())
    service, _ = hyperparameters.parse(LinearLearner, SERVICE_DEFAULTS | BINARY, LinearLearner.internal_settings())
    assert dataclasses.replace(service, num_calibration_samples="auto") == own


FOLDER = Path(hyperparameters.__file__).parents[1] / "linear_learner"


def test_the_page_shows_the_table():
    assert hyperparameters.table(LinearLearner) in (FOLDER / "README.md").read_text()


ABOVE_0 = (["0.000001", "9"], ["0", "-1"])
FROM_0 = (["0", "9"], ["-0.000001"])
COUNT = (["1", "900"], ["0", "1.5"])
SHARE = (["0.001", "0.999"], ["0", "1"])
EDGES = {
    **dict.fromkeys(("learning_rate", "bias_lr_mult", "lr_scheduler_minimum_lr"), (["auto", *ABOVE_0[0]], ABOVE_0[1])),
    **dict.fromkeys(("early_stopping_tolerance", "f_beta", "huber_delta", "init_scale", "init_sigma", "loss_insensitivity", "margin"), ABOVE_0),
    **dict.fromkeys(("wd", "l1", "bias_wd_mult"), (["auto", *FROM_0[0]], FROM_0[1])),
    **dict.fromkeys(("beta_1", "beta_2", "momentum"), (["auto", "0", "0.999"], ["-0.001", "1"])),
    **dict.fromkeys(("accuracy_top_k", "early_stopping_patience", "epochs", "mini_batch_size", "num_point_for_scaler"), COUNT),
    **dict.fromkeys(("feature_dim", "lr_scheduler_step", "num_calibration_samples", "num_models"), (["auto", *COUNT[0]], COUNT[1])),
    **dict.fromkeys(("quantile", "target_precision", "target_recall"), SHARE),
    "lr_scheduler_factor": (["auto", *SHARE[0]], SHARE[1]),
    "positive_example_weight_mult": (["auto", "balanced", *ABOVE_0[0]], ABOVE_0[1]),
    **dict.fromkeys(("normalize_data", "normalize_label", "unbias_data", "unbias_label"), (["auto", "true", "false"], ["maybe"])),
    **dict.fromkeys(("use_bias", "use_lr_scheduler", "balance_multiclass_weights"), (["true", "false"], ["auto"])),
    "init_bias": (["-9", "9"], ["auto", "x"]),
    "init_method": (["uniform", "normal"], ["auto"]),
    "optimizer": (["auto", "sgd", "adam", "rmsprop"], ["ftrl"]),
    CRITERION: (
        ["accuracy", "f_beta", "f1", "precision_at_target_recall", "recall_at_target_precision", "loss_function", "cross_entropy_loss"],
        ["auto"],
    ),
}  # fmt: skip
"""The last values that the service takes, and the first that it rejects."""


def parsed(given: dict[str, str]) -> LinearLearner:
    return hyperparameters.parse(LinearLearner, given, LinearLearner.internal_settings())[0]


@pytest.mark.parametrize("name", EDGES)
def test_the_last_valid_value_is_taken_and_the_first_beyond_it_rejected(name):
    valid, invalid = EDGES[name]
    for value in valid:
        parsed(REGRESSOR | {name: value})
    for value in invalid:
        with pytest.raises(UserError, match=f"Hyperparameter {name}: got '{value}', expected"):
            parsed(REGRESSOR | {name: value})


def test_a_multiclass_classifier_has_three_classes_or_more():
    for valid in ("3", "1000000"):
        parsed(CLASSES | {"num_classes": valid})
    for invalid in ("2", "1000001"):
        with pytest.raises(UserError, match=f"Hyperparameter num_classes: got '?{invalid}'?, expected an integer"):
            parsed(CLASSES | {"num_classes": invalid})
    parsed(BINARY | {"num_classes": "1"})


@pytest.mark.parametrize(
    ("kind", "losses"),
    [
        (BINARY, ["logistic", "hinge_loss"]),
        (CLASSES, ["softmax_loss"]),
        (REGRESSOR, ["squared_loss", "absolute_loss", "eps_insensitive_squared_loss", "eps_insensitive_absolute_loss", "quantile_loss",
                     "huber_loss"]),
    ],
)  # fmt: skip
def test_a_loss_belongs_to_a_kind_of_prediction(kind, losses):
    everything = ["logistic", "hinge_loss", "softmax_loss", "squared_loss", "huber_loss"]
    assert parsed(kind).loss_type == parsed(kind | {"loss": "auto"}).loss_type == losses[0]
    for loss in losses:
        assert parsed(kind | {"loss": loss}).loss_type == loss
    for loss in set(everything) - set(losses):
        with pytest.raises(UserError) as raised:
            parsed(kind | {"loss": loss})
        assert str(raised.value) == (
            f"Hyperparameter loss: got {loss}, expected one of auto, {', '.join(losses)} for predictor_type {kind['predictor_type']}."
        )
