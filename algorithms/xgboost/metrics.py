"""Metrics of the library, and those that the original computes on top with scikit-learn [contract: xgboost, Hyperparameters].

The original gives its own metrics margins, not probabilities: a class is margin > 0, or the class of the largest margin.

Axes: n rows · k classes
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from numpy.typing import NDArray

BY_LIBRARY = frozenset({
    "auc", "aucpr", "map", "ndcg", "aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik",
    "interval-regression-accuracy", "logloss", "mae", "mape", "merror", "mlogloss", "mphe", "poisson-nloglik", "rmse", "rmsle",
    "tweedie-nloglik",
})  # fmt: skip
MAXIMIZED = frozenset({
    "accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg", "precision", "precision_macro",
    "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
})  # fmt: skip
OF_REGRESSION = frozenset({"mse", "r2"})

MetricFunction = Callable[[NDArray, NDArray], float]


def split(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The library's metrics and the original's own, each in the order given and once."""
    unique = list(dict.fromkeys(names))
    library = [name for name in unique if name.partition("@")[0] in BY_LIBRARY]
    return library, [name for name in unique if name not in library]


def maximized(name: str) -> bool:
    """Whether a larger value of the metric is better."""
    return name.partition("@")[0] in MAXIMIZED


def compute(name: str, labels_n: NDArray, margins: NDArray) -> float:
    """One of the original's own metrics; `margins` is (n,), or (n, k) for classes. Raises ValueError as scikit-learn does."""
    predicted_n = margins if name in OF_REGRESSION else predicted_classes(margins)
    return float(_functions()[name](labels_n, predicted_n))


def predicted_classes(margins: NDArray) -> NDArray:
    """The class (n,) of every row, for margins (n,) of a binary objective or (n, k) of k classes."""
    return margins.argmax(axis=1) if margins.ndim == 2 else (margins > 0).astype(int)


def _functions() -> dict[str, MetricFunction]:
    """scikit-learn's functions, imported when a job wants one."""
    from sklearn import metrics

    return {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "f1": partial(metrics.f1_score, average="macro"),
        "f1_macro": partial(metrics.f1_score, average="macro"),
        "f1_binary": partial(metrics.f1_score, average="binary"),
        "precision": partial(metrics.precision_score, average="binary", zero_division=0),
        "precision_macro": partial(metrics.precision_score, average="macro", zero_division=0),
        "precision_micro": partial(metrics.precision_score, average="micro"),
        "recall": partial(metrics.recall_score, average="binary", zero_division=0),
        "recall_macro": partial(metrics.recall_score, average="macro", zero_division=0),
        "recall_micro": partial(metrics.recall_score, average="micro"),
        "mse": metrics.mean_squared_error,
        "r2": metrics.r2_score,
    }
