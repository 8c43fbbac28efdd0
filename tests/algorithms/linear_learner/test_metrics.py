"""Metrics of a finished model against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as peer

from wildsage.algorithms.linear_learner import metrics
from wildsage.algorithms.linear_learner.metrics import BinaryTotals, MulticlassTotals, RegressorTotals, evaluated

RNG = torch.Generator().manual_seed(4)
N = 200
LOSSES = torch.rand(N, generator=RNG)


def in_batches(*columns: torch.Tensor, rows: int = 30):
    return zip(*(column.split(rows) for column in columns), strict=True)


@pytest.mark.parametrize("beta", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("threshold", [0.25, 0.5])
def test_a_binary_classifiers_are_scikit_learns(beta, threshold):
    labels_n = (torch.rand(N, generator=RNG) > 0.6).float()
    scores_n = ((torch.rand(N, generator=RNG) + labels_n) * 8).round() / 16  # with ties, some of them at the threshold
    assert bool((scores_n == threshold).any())
    found = evaluated(BinaryTotals("my_objective", threshold, beta), in_batches(scores_n, labels_n, LOSSES))
    is_n, said_n = labels_n.numpy(), (scores_n >= threshold).numpy()
    expected = {
        "my_objective": float(LOSSES.mean()),
        "binary_classification_accuracy": peer.accuracy_score(is_n, said_n),
        f"binary_f_{beta:.3f}": peer.fbeta_score(is_n, said_n, beta=beta),
        "precision": peer.precision_score(is_n, said_n),
        "recall": peer.recall_score(is_n, said_n),
        "roc_auc_score": peer.roc_auc_score(is_n, scores_n.numpy()),
    }
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([0.1, 0.2], [0, 0], {"accuracy": 1, "f": 0, "precision": 0, "recall": 0}),
        ([0.9, 0.8], [0, 0], {"accuracy": 0, "f": 0, "precision": 0, "recall": 0}),
        ([0.1, 0.2], [1, 1], {"accuracy": 0, "f": 0, "precision": 0, "recall": 0}),
        ([0.9], [1], {"accuracy": 1, "f": 1, "precision": 1, "recall": 1}),
    ],
)
def test_shares_of_nothing_are_0_and_one_class_has_no_area(scores, labels, expected):
    one = torch.zeros(len(scores))
    found = evaluated(BinaryTotals("loss", 0.5, 1.0), iter([(torch.tensor(scores), torch.tensor(labels), one)]))
    assert found == {
        "loss": 0,
        "binary_classification_accuracy": expected["accuracy"],
        "binary_f_1.000": expected["f"],
        "precision": expected["precision"],
        "recall": expected["recall"],
    }


def test_the_area_is_that_of_the_first_rows_where_there_are_many(monkeypatch):
    assert metrics.RANKED_ROWS == 10_000_000
    monkeypatch.setattr(metrics, "RANKED_ROWS", 60)
    labels_n = (torch.rand(N, generator=RNG) > 0.5).float()
    scores_n = torch.rand(N, generator=RNG)
    found = evaluated(BinaryTotals("loss", 0.5, 1.0), in_batches(scores_n, labels_n, LOSSES))
    assert found["roc_auc_score"] == pytest.approx(peer.roc_auc_score(labels_n[:60].numpy(), scores_n[:60].numpy()))
    assert found["binary_classification_accuracy"] == pytest.approx(
        float(((scores_n >= 0.5) == labels_n).float().mean())
    )


def test_a_regressors_are_scikit_learns():
    labels_n, scores_n = torch.randn(N, generator=RNG) * 3 + 1000, torch.randn(N, generator=RNG) + 1000
    found = evaluated(RegressorTotals("my_objective"), in_batches(scores_n, labels_n, LOSSES))
    expected = {
        "my_objective": float(LOSSES.mean()),
        "mse": peer.mean_squared_error(labels_n, scores_n),
        "absolute_loss": peer.mean_absolute_error(labels_n, scores_n),
        "rmse": peer.root_mean_squared_error(labels_n, scores_n),
    }
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("beta", "top_k"), [(1.0, 3), (0.5, 2), (2.0, 1)])
def test_a_multiclass_classifiers_are_scikit_learns(beta, top_k):
    classes = 5
    labels_n = torch.randint(classes - 1, (N,), generator=RNG)  # the last class never occurs, and is said sometimes
    p_nc = (torch.randn(N, classes, generator=RNG) + 2 * torch.eye(classes)[labels_n]).softmax(1)
    found = evaluated(MulticlassTotals("my_objective", classes, top_k, beta), in_batches(p_nc, labels_n, LOSSES))
    is_n, said_n, present = labels_n.numpy(), p_nc.argmax(1).numpy(), list(range(classes - 1))
    rank_n = (p_nc > p_nc[torch.arange(N), labels_n][:, None]).sum(1).numpy()
    macro = {"labels": present, "average": "macro", "zero_division": 0}
    expected = {
        "my_objective": float(LOSSES.mean()),
        "multiclass_accuracy": peer.accuracy_score(is_n, said_n),
        f"multiclass_top_k_accuracy_{top_k}": peer.top_k_accuracy_score(
            is_n, p_nc.numpy(), k=top_k, labels=range(classes)
        ),
        "dcg": peer.dcg_score(np.eye(classes)[is_n], p_nc.numpy()),
        "macro_recall": peer.recall_score(is_n, said_n, **macro),
        "macro_precision": peer.precision_score(is_n, said_n, **macro),
        f"macro_f_{beta:.3f}": peer.fbeta_score(is_n, said_n, beta=beta, **macro),
        "multiclass_balanced_accuracy": peer.balanced_accuracy_score(is_n, said_n),
        "multiclass_log_loss": peer.log_loss(is_n, p_nc.double().numpy(), labels=range(classes)),
    }
    assert (said_n == classes - 1).any() and rank_n.max() >= top_k
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_probability_of_0_costs_a_finite_loss():
    p_nc = torch.tensor([[1.0, 0.0, 0.0]])
    found = evaluated(MulticlassTotals("loss", 3, 3, 1.0), iter([(p_nc, torch.tensor([1.0]), torch.zeros(1))]))
    assert found["multiclass_log_loss"] == pytest.approx(-math.log(1e-15))
    assert found["multiclass_top_k_accuracy_3"] == 1 and found["macro_precision"] == 0


@pytest.mark.parametrize(
    "totals", [BinaryTotals("loss", 0.5, 1.0), RegressorTotals("loss"), MulticlassTotals("loss", 3, 3, 1.0)]
)
def test_without_rows_there_are_no_metrics(totals):
    assert evaluated(totals, iter(())) == {}
