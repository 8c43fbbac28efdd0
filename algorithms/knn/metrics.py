"""The metrics of a test channel, counted batch by batch.

Axes: n rows of a batch
"""

from __future__ import annotations

from collections import Counter

from torch import Tensor


class Accuracy:
    """Counts how often each pair of true and predicted label occurs."""

    def __init__(self) -> None:
        self._pairs: Counter[tuple[float, float]] = Counter()

    def add(self, predicted_n: Tensor, true_n: Tensor) -> None:
        """Count a batch: predicted and true labels (n,)."""
        self._pairs.update(zip(true_n.tolist(), predicted_n.tolist(), strict=True))

    def metrics(self) -> dict[str, float]:
        """Share of right answers, and the mean F1 of the classes: all labels that occur, true or predicted. Empty without rows."""
        if not self._pairs:
            return {}
        right = Counter({true: count for (true, predicted), count in self._pairs.items() if true == predicted})
        seen: Counter[float] = Counter()
        for (true, predicted), count in self._pairs.items():
            seen[true] += count
            seen[predicted] += count
        f1 = [2 * right[label] / times for label, times in seen.items()]
        return {"accuracy": right.total() / self._pairs.total(), "macro_f_1.000": sum(f1) / len(f1)}


class SquaredError:
    """Adds up squared differences between predictions and labels, for `mse`."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._rows = 0

    def add(self, predicted_n: Tensor, true_n: Tensor) -> None:
        """Add a batch: predicted and true labels (n,)."""
        self._sum += float((predicted_n.double() - true_n.double()).square().sum())
        self._rows += len(true_n)

    def metrics(self) -> dict[str, float]:
        """The mean squared error. Empty without rows."""
        return {"mse": self._sum / self._rows} if self._rows else {}
