"""Each hyperparameter changes what a job does; those without effect are named in the README."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.algorithms.linear_learner.test_hyperparameters import BINARY, CLASSES, CRITERION, REGRESSOR, SERVICE_DEFAULTS
from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner.algorithm import LinearLearner

SGD = {"optimizer": "sgd", "learning_rate": "0.01"}
STEEP = REGRESSOR | {"lr_scheduler_step": "1", "lr_scheduler_factor": "0.5", "learning_rate": "0.1"}

EFFECTS = {
    "predictor_type": ({}, "regressor", "binary_classifier"),
    "num_classes": (CLASSES, "4", "5"),
    "epochs": (BINARY, "1", "2"),
    "mini_batch_size": (BINARY, "50", "100"),
    "num_models": (BINARY, "1", "32"),
    "loss": (BINARY, "logistic", "hinge_loss"),
    "optimizer": (BINARY, "adam", "rmsprop"),
    "learning_rate": (BINARY, "0.01", "0.02"),
    "wd": (BINARY, "0.001", "0.1"),
    "l1": (BINARY, "0", "0.1"),
    "use_bias": (BINARY, "true", "false"),
    "bias_lr_mult": (BINARY, "10", "1"),
    "bias_wd_mult": (BINARY | {"wd": "0.1"}, "0", "1"),
    "momentum": (BINARY | SGD, "0", "0.9"),
    "beta_1": (BINARY, "0.9", "0.5"),
    "beta_2": (BINARY, "0.999", "0.9"),
    "use_lr_scheduler": (STEEP, "true", "false"),
    "lr_scheduler_step": (STEEP, "1", "2"),
    "lr_scheduler_factor": (STEEP, "0.5", "0.9"),
    "lr_scheduler_minimum_lr": (STEEP, "0.00001", "0.05"),
    "init_method": (BINARY, "uniform", "normal"),
    "init_scale": (BINARY, "0.07", "0.7"),
    "init_sigma": (BINARY | {"init_method": "normal"}, "0.01", "0.1"),
    "init_bias": (BINARY, "0", "1"),
    "normalize_data": (BINARY, "true", "false"),
    "normalize_label": (REGRESSOR, "true", "false"),
    "unbias_data": (BINARY, "true", "false"),
    "unbias_label": (REGRESSOR, "true", "false"),
    "num_point_for_scaler": (BINARY, "100", "400"),
    "early_stopping_patience": (BINARY | {"epochs": "9", "early_stopping_tolerance": "0.5"}, "1", "5"),
    "early_stopping_tolerance": (BINARY | {"epochs": "9", "early_stopping_patience": "1"}, "0.5", "0.000001"),
    CRITERION: (BINARY, "accuracy", "loss_function"),
    "num_calibration_samples": (BINARY, "20", "400"),
    "target_recall": (BINARY | {CRITERION: "precision_at_target_recall"}, "0.5", "0.95"),
    "target_precision": (BINARY | {CRITERION: "recall_at_target_precision"}, "0.6", "0.95"),
    "f_beta": (BINARY | {CRITERION: "f_beta"}, "0.1", "10"),
    "positive_example_weight_mult": (BINARY, "1", "balanced"),
    "balance_multiclass_weights": (CLASSES, "false", "true"),
    "accuracy_top_k": (CLASSES, "1", "2"),
    "margin": (BINARY | {"loss": "hinge_loss"}, "1", "0.1"),
    "quantile": (REGRESSOR | {"loss": "quantile_loss"}, "0.5", "0.9"),
    "loss_insensitivity": (REGRESSOR | {"loss": "eps_insensitive_squared_loss"}, "0.01", "0.3"),
    "huber_delta": (REGRESSOR | {"loss": "huber_loss"}, "1", "0.1"),
    "_tuning_objective_metric": (BINARY | {"num_models": "3"}, "", "test:recall"),
}
"""By name: the settings beside it, and two of its values whose jobs differ."""

RNG = np.random.default_rng(5)
ROWS = (RNG.normal(size=(400, 4)) * [1, 30, 0.1, 2] + [0, 10, 3, -1]).astype(np.float32)
MARGINS = ROWS @ [1, 0.05, 12, 0.3] - 38 + RNG.logistic(size=400)
LABELS = {
    "regressor": MARGINS,
    "binary_classifier": MARGINS > 0,
    "multiclass_classifier": np.digitize(MARGINS, [-3, 0, 3]),
}


class Logged(RunContext):
    """Hashes every line and metric."""

    def __post_init__(self):
        super().__post_init__()
        self.hash = hashlib.sha256()

    def log(self, text, level="INFO"):
        self.hash.update(text.encode())

    def quality(self, *what, **where):
        self.hash.update(repr((what, where)).encode())


def outcome(given: dict[str, str]) -> str:
    """All of what a job says and makes, or why it fails, in short."""
    settings = {"mini_batch_size": "50", "epochs": "2", "num_models": "2"} | given
    learner = hyperparameters.parse(LinearLearner, settings, LinearLearner.internal_settings())[0]
    labels = torch.from_numpy(LABELS[learner.predictor_type].astype(np.float32))[:, None]
    run = Logged(seed=0)
    try:
        model = learner.fit({"train": MemoryStream(Batch(torch.from_numpy(ROWS), labels))}, run)
    except UserError as error:
        return str(error)
    run.hash.update(repr(model.settings()).encode())
    for array in model.arrays().values():
        run.hash.update(array.numpy().tobytes())
    return run.hash.hexdigest()


@pytest.mark.parametrize("name", EFFECTS)
def test_each_changes_what_a_job_does(name):
    beside, one, other = EFFECTS[name]
    outcomes = [outcome(beside | {name: value}) for value in (one, other, one)]
    assert outcomes[0] == outcomes[2] != outcomes[1]


def test_each_that_is_documented_has_an_effect_or_is_said_to_have_none():
    declared = {field.name for field in dataclasses.fields(LinearLearner)}
    assert declared == set(EFFECTS) | {
        "feature_dim"
    }  # which is checked while reading: tests/containers/test_linear_learner.py
    readme = (Path(hyperparameters.__file__).parents[1] / "linear_learner" / "README.md").read_text()
    (sentence,) = [line for line in readme.splitlines() if line.startswith("Accepted and without effect: ")]
    without = {name for name in SERVICE_DEFAULTS if name not in declared}
    assert all(f"`{name}`" in sentence for name in without)
