"""The metrics against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn import metrics as judge

from wildsage.algorithms.factorization_machines import metrics

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=200).astype(np.float32)


def found(predictor_type: str, labels: np.ndarray) -> dict[str, float]:
    halves = [metrics.sums(predictor_type, torch.from_numpy(s), torch.from_numpy(y)) for s, y in parts(labels)]
    return metrics.from_sums(predictor_type, halves[0] + halves[1])


def parts(labels):
    return [(SCORES[:70], labels[:70]), (SCORES[70:], labels[70:])]


def test_a_regressors_metrics():
    labels = RNG.normal(size=200).astype(np.float32)
    error = SCORES.astype(float) - labels
    expected = {"rmse": np.sqrt((error**2).mean()), "mse": (error**2).mean(), "absolute_loss": np.abs(error).mean()}
    assert found("regressor", labels) == pytest.approx(expected)


def test_a_classifiers_metrics():
    labels = RNG.integers(0, 2, 200).astype(np.float32)
    said = SCORES >= 0
    assert found("binary_classifier", labels) == pytest.approx(
        {
            "binary_classification_accuracy": judge.accuracy_score(labels, said),
            "binary_classification_cross_entropy": judge.log_loss(labels, 1 / (1 + np.exp(-SCORES.astype(float)))),
            "binary_f_1.000": judge.f1_score(labels, said),
        }
    )


def test_a_score_of_zero_says_yes():
    total = metrics.sums("binary_classifier", torch.zeros(2), torch.tensor([1.0, 0.0]))
    assert metrics.from_sums("binary_classifier", total)["binary_classification_accuracy"] == 0.5
    assert total.tolist()[:5] == [2, 1, 1, 2, 1]


def test_no_rows_have_no_metrics_and_no_positives_an_f_of_zero():
    assert metrics.from_sums("regressor", metrics.no_rows("regressor", torch.device("cpu"))) == {}
    nothing = metrics.sums("binary_classifier", torch.tensor([-1.0]), torch.tensor([0.0]))
    assert metrics.from_sums("binary_classifier", nothing)["binary_f_1.000"] == 0
