"""The five classes for SDK v3, in the environment that has it: they take what their namesakes in SDK v2 take."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import sagemaker
from sagemaker.amazon.hyperparameter import Hyperparameter

from tests.local_runner.estimators import sdk3_suite

CLASSES = (sagemaker.KMeans, sagemaker.PCA, sagemaker.KNN, sagemaker.FactorizationMachines, sagemaker.LinearLearner)
NUMBERS = (-2, -1, -0.5, 0, 0.5, 0.99, 1, 1.5, 2, 3, 999_999, 1_000_000, 1_000_001)
WORDS = (
    "random", "kmeans++", "regular", "randomized", "classifier", "regressor", "sign", "fjlt", "L2", "COSINE", "INNER_PRODUCT",
    "faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ", "binary_classifier", "multiclass_classifier", "normal", "uniform", "constant",
    "sgd", "adam", "rmsprop", "auto", "accuracy", "f1", "f_beta", "precision_at_target_recall", "recall_at_target_precision",
    "cross_entropy_loss", "loss_function", "logistic", "squared_loss", "absolute_loss", "hinge_loss", "quantile_loss",
    "huber_loss", "eps_insensitive_squared_loss", "eps_insensitive_absolute_loss", "softmax_loss", "other",
)  # fmt: skip


STRICTER = {("PCA", "extra_components", -2)}
"""What SDK v2 takes against its own message, and the algorithm rejects."""


def sent(kind: Any, attribute: str, value: object) -> dict[str, str] | None:
    """The hyperparameters that an estimator of SDK v2 sends once this one is set; None if it rejects the value."""
    estimator = object.__new__(kind)
    try:
        setattr(estimator, attribute, value)
    except (TypeError, ValueError):
        return None
    return Hyperparameter.serialize_all(estimator)


def hyperparameters_of_sdk2() -> dict[str, dict[str, list[tuple[object, dict[str, str] | None]]]]:
    """Class → attribute → values, and what SDK v2 makes of each."""
    return {
        kind.__name__: {
            attribute: [
                (value, sent(kind, attribute, value))
                for value in (*NUMBERS, *WORDS)
                if (kind.__name__, attribute, value) not in STRICTER
            ]
            for base in kind.__mro__
            for attribute, declared in vars(base).items()
            if isinstance(declared, Hyperparameter)
        }
        for kind in CLASSES
    }


@sdk3_suite.needs_sdk3
def test_classes_take_and_send_the_hyperparameters_of_sdk_v2(tmp_path: Path) -> None:
    expected = tmp_path / "sdk2.json"
    expected.write_text(json.dumps(hyperparameters_of_sdk2()))
    sdk3_suite.run({**os.environ, "HYPERPARAMETERS_OF_SDK2": str(expected)}, "test_algorithms.py")
