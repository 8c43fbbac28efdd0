"""The metrics of factorization machines: sums over rows, and the metrics that follow from them.

Axes: n rows
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from wildsage.algorithms.factorization_machines.spec import METRICS


def sums(predictor_type: str, scores_n: Tensor, labels_n: Tensor) -> Tensor:
    """Sums over rows, (3,) or (6,) float64, which can be added up over batches and hosts. `scores_n` are f(x), before any sigmoid.

    A regressor has 3: rows, squared errors, absolute errors. A classifier has 6: rows, right answers, true positives, predicted
    positives, actual positives, cross entropy.
    """
    scores_n, labels_n = scores_n.double(), labels_n.double()
    if predictor_type == "regressor":
        error_n = scores_n - labels_n
        return torch.stack([torch.ones_like(error_n), error_n.square(), error_n.abs()]).sum(1)
    predicted_n, actual_n = scores_n >= 0, labels_n > 0.5
    entropy_n = functional.binary_cross_entropy_with_logits(scores_n, labels_n, reduction="none")
    right_n, both_n = predicted_n == actual_n, predicted_n & actual_n
    counts = torch.stack([torch.ones_like(predicted_n), right_n, both_n, predicted_n, actual_n]).sum(1)
    return torch.cat([counts.double(), entropy_n.sum(0, keepdim=True)])


def from_sums(predictor_type: str, total: Tensor) -> dict[str, float]:
    """The metrics by name, from the `sums` of all rows; empty where there were no rows."""
    rows, *rest = total.tolist()
    if not rows:
        return {}
    if predictor_type == "regressor":
        squares, absolutes = rest
        values = ((squares / rows) ** 0.5, squares / rows, absolutes / rows)
    else:
        right, both, predicted, actual, entropy = rest
        f1 = 2 * both / (predicted + actual) if predicted + actual else 0.0
        values = (right / rows, entropy / rows, f1)
    return dict(zip((metric.name for metric in METRICS[predictor_type]), values, strict=True))


def no_rows(predictor_type: str, device: torch.device) -> Tensor:
    """The `sums` of no rows: zeros."""
    empty_n = torch.empty(0, device=device)
    return sums(predictor_type, empty_n, empty_n)
