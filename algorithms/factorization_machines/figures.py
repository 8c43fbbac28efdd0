"""The figures of factorization machines: sums over rows, and what they come to.

Axes: n rows
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from wildsage.algorithms.factorization_machines.spec import METRICS


def sums(predictor_type: str, scores_n: Tensor, labels_n: Tensor) -> Tensor:
    """Sums over rows, float64, that add up over batches and hosts; `scores_n` are f(x), before any sigmoid."""
    scores_n, labels_n = scores_n.double(), labels_n.double()
    if predictor_type == "regressor":
        error_n = scores_n - labels_n
        return torch.stack([torch.ones_like(error_n), error_n.square(), error_n.abs()]).sum(1)
    said_n, true_n = scores_n >= 0, labels_n > 0.5
    entropy_n = functional.binary_cross_entropy_with_logits(scores_n, labels_n, reduction="none")
    counts = torch.stack([torch.ones_like(said_n), said_n == true_n, said_n & true_n, said_n, true_n]).sum(1)
    return torch.cat([counts.double(), entropy_n.sum(0, keepdim=True)])


def figures(predictor_type: str, total: Tensor) -> dict[str, float]:
    """The metrics that the sums come to, by name; none where there were no rows."""
    rows, *rest = total.tolist()
    if not rows:
        return {}
    if predictor_type == "regressor":
        squares, absolutes = rest
        values = ((squares / rows) ** 0.5, squares / rows, absolutes / rows)
    else:
        right, both, said, true, entropy = rest
        values = (right / rows, entropy / rows, 2 * both / (said + true) if said + true else 0.0)
    return dict(zip((metric.name for metric in METRICS[predictor_type]), values, strict=True))


def none(predictor_type: str, device: torch.device) -> Tensor:
    """The sums over no rows."""
    empty_n = torch.empty(0, device=device)
    return sums(predictor_type, empty_n, empty_n)
