"""The threshold of a binary classifier, against scikit-learn's curves and against trying every threshold."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score, precision_score, recall_score, roc_auc_score

from wildsage.algorithms.linear_learner.calibration import ChosenThreshold, Criterion, ThresholdCurve

RNG = torch.Generator().manual_seed(5)
LABELS = (torch.rand(300, generator=RNG) > 0.7).float()
SCORES = ((torch.randn(300, generator=RNG) + 1.2 * LABELS) * 8).round() / 8  # with ties


def metric(name: str, said_n: torch.Tensor, beta: float = 1.0) -> float:
    if name == "accuracy":
        return float((said_n == LABELS).float().mean())
    true, said = LABELS.numpy(), said_n.numpy()
    if name == "f_beta":
        return fbeta_score(true, said, beta=beta, zero_division=0)
    return {"precision": precision_score, "recall": recall_score}[name](true, said, zero_division=0)


def by_trying(name: str, beta: float = 1.0) -> float:
    thresholds = [*SCORES.unique().tolist(), math.inf]
    return max(metric(name, (threshold <= SCORES).float(), beta) for threshold in thresholds)


@pytest.mark.parametrize(("name", "beta"), [("accuracy", 1.0), ("f_beta", 1.0), ("f_beta", 0.3), ("f_beta", 3.0)])
def test_the_best_threshold_is_found(name, beta):
    choice = Criterion(name, beta).choose(ThresholdCurve.from_scores(SCORES, LABELS))
    assert choice.value == pytest.approx(by_trying(name, beta))
    assert metric(name, (choice.threshold <= SCORES).float(), beta) == pytest.approx(choice.value)


@pytest.mark.parametrize(
    ("name", "bound", "value"),
    [("precision_at_target_recall", "recall", "precision"), ("recall_at_target_precision", "precision", "recall")],
)
def test_the_target_is_reached_and_the_other_is_the_best_there(name, bound, value):
    choice = Criterion(name, target_recall=0.6, target_precision=0.6).choose(ThresholdCurve.from_scores(SCORES, LABELS))
    said_n = (choice.threshold <= SCORES).float()
    assert metric(bound, said_n) >= 0.6 and not choice.warning
    others = [(threshold <= SCORES).float() for threshold in SCORES.unique().tolist()]
    assert metric(value, said_n) == pytest.approx(max(metric(value, o) for o in others if metric(bound, o) >= 0.6))


def test_a_precision_that_no_threshold_reaches_is_said_with_the_nearest():
    labels_n = torch.tensor([0.0, 1.0, 0.0, 1.0])
    scores_n = torch.tensor([0.9, 0.8, 0.7, 0.1])
    choice = Criterion("recall_at_target_precision", target_precision=0.9).choose(
        ThresholdCurve.from_scores(scores_n, labels_n)
    )
    assert choice.warning == (
        "Hyperparameter target_precision: got 0.9, but no threshold reaches it; the highest precision is 0.5, at threshold "
        "0.1, which is used."
    )
    assert choice.threshold == pytest.approx(0.1)
    assert choice.value < 0  # worse than any model that reaches the target


def test_the_threshold_lies_halfway_between_scores():
    curve = ThresholdCurve.from_scores(torch.tensor([0.25, 0.75]), torch.tensor([0.0, 1.0]))
    assert Criterion("accuracy").choose(curve).threshold == 0.5


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30), st.integers(0, 2**30))
def test_neighbouring_floats_are_distinguished(scores, seed):
    scores_n = torch.tensor(scores)
    labels_n = (torch.rand(len(scores), generator=torch.Generator().manual_seed(seed)) > 0.5).float()
    curve = ThresholdCurve.from_scores(scores_n, labels_n)
    for threshold, hits, misses in zip(curve.threshold_t, curve.hits_t, curve.misses_t, strict=True):
        said_n = scores_n >= threshold
        assert float((said_n & (labels_n == 1)).sum()) == float(hits)
        assert float((said_n & (labels_n == 0)).sum()) == float(misses)


def test_the_area_is_scikit_learns():
    assert ThresholdCurve.from_scores(SCORES, LABELS).area() == pytest.approx(
        roc_auc_score(LABELS.numpy(), SCORES.numpy())
    )
    assert math.isnan(ThresholdCurve.from_scores(SCORES, torch.ones(300)).area())


def curve(scores: list[float], labels: list[float]) -> ThresholdCurve:
    return ThresholdCurve.from_scores(torch.tensor(scores), torch.tensor(labels))


def test_a_curve_begins_with_no_row_and_ends_with_all():
    found = curve([0.5, 0.25, 0.25, 0.75], [1.0, 0.0, 1.0, 0.0])
    assert found.threshold_t.tolist() == pytest.approx([0.75, 0.625, 0.375, 0.25]) and found.threshold_t[0] > 0.75
    assert found.hits_t.tolist() == [0, 0, 1, 2] and found.misses_t.tolist() == [0, 1, 1, 2]
    assert (found.positives, found.rows) == (2, 4)
    assert found.accuracy_t.tolist() == [0.5, 0.25, 0.5, 0.5]
    assert found.precision_t.tolist() == [0, 0, 0.5, 0.5]
    assert found.recall_t.tolist() == [0, 0, 0.5, 1]
    assert found.f_beta_t(1.0).tolist() == pytest.approx([0, 0, 0.5, 2 / 3])
    assert found.area() == pytest.approx(1.5 / 4)  # of four pairs one is in order, and one is a tie


def test_without_positive_rows_recall_and_f_are_0():
    found = curve([0.5, 0.25], [0.0, 0.0])
    assert found.recall_t.tolist() == [0, 0, 0] and found.f_beta_t(1.0).tolist() == [0, 0, 0]
    assert math.isnan(found.area()) and Criterion("accuracy").choose(found).value == 1
    nearest = Criterion("precision_at_target_recall").choose(found)
    assert nearest.value == -1 and nearest.warning


def test_the_targets_are_eight_tenths_unless_others_are_given():
    """Nine of ten rows of label 1 lie above all others: recall 0.8 needs eight of them, and 0.9 is there without a miss."""
    found = curve([0.1 * row for row in range(12)], [0.0, 0.0, 1.0] + [1.0] * 9)
    choice = Criterion("precision_at_target_recall").choose(found)
    assert choice == ChosenThreshold(choice.threshold, 1.0) and 0.1 < choice.threshold <= 0.4
    mixed = curve([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1.0, 1.0, 1.0, 1.0, 0.0, 1.0])
    assert Criterion("recall_at_target_precision").choose(mixed).value == 1  # a precision of 5 / 6
    assert Criterion("recall_at_target_precision", target_precision=0.9).choose(mixed).value == pytest.approx(0.8)


def test_a_target_that_is_reached_exactly_is_enough():
    found = curve([0.9, 0.8, 0.7, 0.6], [1.0, 0.0, 1.0, 0.0])
    choice = Criterion("precision_at_target_recall", target_recall=0.5).choose(found)
    assert choice.value == 1 and choice.threshold == pytest.approx(0.85)


def test_a_target_that_is_not_reached_is_worth_one_less_than_the_nearest():
    """So that models are still told apart by how near they come."""
    found = curve([0.9, 0.8], [0.0, 1.0])
    choice = Criterion("recall_at_target_precision", target_precision=0.9).choose(found)
    assert choice.value == pytest.approx(0.5 - 1) and choice.threshold == pytest.approx(0.8)
