"""Figures of a test channel, beside scikit-learn's."""

import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error

from wildsage.algorithms.knn.metrics import Accuracy, SquaredError


def test_the_figures_are_scikit_learns():
    true, predicted = torch.randint(1, 5, (2, 300), generator=torch.Generator().manual_seed(0)).float()
    accuracy, error = Accuracy(), SquaredError()
    for part in torch.arange(300).split(70):
        accuracy.add(predicted[part], true[part])
        error.add(predicted[part], true[part])
    assert accuracy.metrics() == {
        "accuracy": pytest.approx(accuracy_score(true, predicted)),
        "macro_f_1.000": pytest.approx(f1_score(true, predicted, average="macro")),
    }
    assert error.metrics() == {"mse": pytest.approx(mean_squared_error(true, predicted))}


def test_a_class_that_is_never_predicted_counts_as_zero():
    accuracy = Accuracy()
    accuracy.add(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 2.0]))
    assert accuracy.metrics()["macro_f_1.000"] == pytest.approx((2 / 3 + 0) / 2)


def test_without_rows_there_are_no_figures():
    assert Accuracy().metrics() == SquaredError().metrics() == {}
