"""The original's own metrics against counts of hits and misses, and which metric is whose."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
from wildsage.algorithms.xgboost import metrics
from wildsage.algorithms.xgboost.spec import METRICS


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def by_counting(name: str, labels: np.ndarray, predicted: np.ndarray) -> float:
    """The metric from the counts of each class: hits, predictions and rows."""
    classes = np.union1d(labels, predicted)
    counts = [
        (((labels == one) & (predicted == one)).sum(), (predicted == one).sum(), (labels == one).sum())
        for one in classes
    ]
    shares = {
        "precision": [ratio(hits, guessed) for hits, guessed, _ in counts],
        "recall": [ratio(hits, rows) for hits, _, rows in counts],
        "f1": [ratio(2 * hits, guessed + rows) for hits, guessed, rows in counts],
    }
    kind = name.partition("_")[0]
    match name:
        case "accuracy" | "precision_micro" | "recall_micro":
            return (labels == predicted).mean()
        case "balanced_accuracy":
            return np.mean([share for share, (_, _, rows) in zip(shares["recall"], counts, strict=True) if rows])
        case "f1" | "f1_macro" | "precision_macro" | "recall_macro":
            return np.mean(shares[kind])
        case _:
            return shares[kind][list(classes).index(1)] if 1 in classes else 0.0


OWN = sorted(set(METRICS) - metrics.BY_LIBRARY - metrics.OF_REGRESSION)
BINARY = ("f1_binary", "precision", "recall")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(
    ("labels", "margins"),
    [
        ([0, 0, 1, 1, 1, 0, 1], [-1, 2, 3, -0.5, 0.25, -4, 0]),
        ([0, 0, 1], [-1, -2, -3]),  # class 1 is never predicted
        ([0, 0, 0], [-1, 2, 3]),  # class 1 never occurs
    ],
)
def test_metrics_of_two_classes_are_what_counting_gives(name, labels, margins):
    labels, margins = np.array(labels), np.array(margins, np.float32)
    expected = by_counting(name, labels, (margins > 0).astype(int))
    assert metrics.compute(name, labels, margins) == pytest.approx(expected, abs=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in OWN if name not in BINARY])
def test_metrics_of_several_classes_are_what_counting_gives(name):
    labels = np.array([0, 1, 2, 2, 1, 0, 2])
    margins = np.eye(4, dtype=np.float32)[[0, 2, 2, 3, 1, 1, 2]]
    expected = by_counting(name, labels, np.array([0, 2, 2, 3, 1, 1, 2]))
    assert metrics.compute(name, labels, margins) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", BINARY)
def test_metrics_of_two_classes_reject_more(name):
    with pytest.raises(ValueError, match="Target is multiclass but average='binary'"):
        metrics.compute(name, np.array([0, 1, 2]), np.eye(3, dtype=np.float32))


def test_metrics_of_a_regression_take_the_margins():
    labels, margins = np.array([1.0, 2, 4]), np.array([1.5, 2, 3])
    assert metrics.compute("mse", labels, margins) == pytest.approx((0.25 + 0 + 1) / 3)
    around_the_mean = ((labels - labels.mean()) ** 2).sum()
    assert metrics.compute("r2", labels, margins) == pytest.approx(1 - 1.25 / around_the_mean)


def test_metrics_are_split_by_who_computes_them_in_their_order_and_once():
    given = ["accuracy", "error@0.7", "rmse", "f1", "rmse", "accuracy", "auc"]
    assert metrics.split(given) == (["error@0.7", "rmse", "auc"], ["accuracy", "f1"])
    assert metrics.split([]) == ([], [])


@pytest.mark.parametrize(
    ("name", "maximized"),
    [("auc", True), ("ndcg@3", True), ("r2", True), ("mse", False), ("error@0.7", False), ("logloss", False)],
)
def test_larger_is_better_for_some(name, maximized):
    assert metrics.maximized(name) is maximized
