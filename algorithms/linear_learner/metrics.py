"""The metrics of a finished model, by their names in the original's log.

Axes: n rows · c classes
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from wildsage.algorithms.linear_learner.calibration import ThresholdCurve

RANKED_ROWS = 10_000_000
"""Rows whose scores are held for the area under the curve, at most: 80 MB."""


@dataclass
class BinaryTotals:
    """Totals over the rows of a binary classifier: `counts` (5,) float64, and scores with labels (n,) of the first `RANKED_ROWS`.

    `objective` names the mean loss, a score of `threshold` or more means 1, and `beta` is that of the F score.
    """

    objective: str
    threshold: float
    beta: float
    counts: Tensor = field(
        default_factory=lambda: torch.zeros(5, dtype=torch.float64)
    )  # hits, misses, positives, rows, loss
    scores: list[Tensor] = field(default_factory=list)
    labels: list[Tensor] = field(default_factory=list)
    held: int = 0

    def add(self, score_n: Tensor, labels_n: Tensor, loss_n: Tensor) -> None:
        """Count a batch: scores, labels and losses (n,)."""
        said_n, is_n = score_n >= self.threshold, labels_n > 0.5
        rows = torch.ones_like(said_n)
        counted = torch.stack([said_n & is_n, said_n & ~is_n, is_n, rows]).sum(1).double()
        self.counts += torch.cat([counted, loss_n.sum(dtype=torch.float64)[None]]).cpu()
        if self.held < RANKED_ROWS:
            self.scores.append(score_n.cpu())
            self.labels.append(labels_n.cpu())
            self.held += len(score_n)

    def metrics(self) -> dict[str, float]:
        """The metrics of all rows. Empty without rows."""
        hits, misses, positives, rows, loss = self.counts.tolist()
        if not rows:
            return {}
        right = hits + (rows - positives) - misses
        f_beta = (1 + self.beta**2) * hits / max(hits + misses + self.beta**2 * positives, 1e-300)
        area = ThresholdCurve.from_scores(torch.cat(self.scores), torch.cat(self.labels)).area()
        return {
            self.objective: loss / rows,
            "binary_classification_accuracy": right / rows,
            f"binary_f_{self.beta:.3f}": f_beta,
            "precision": hits / max(hits + misses, 1),
            "recall": hits / max(positives, 1),
        } | ({} if math.isnan(area) else {"roc_auc_score": area})


@dataclass
class RegressorTotals:
    """Totals over the rows of a regressor, `sums` (4,) float64 in the labels' units. `objective` names the mean loss."""

    objective: str
    sums: Tensor = field(default_factory=lambda: torch.zeros(4, dtype=torch.float64))  # squares, sizes, loss, rows

    def add(self, score_n: Tensor, labels_n: Tensor, loss_n: Tensor) -> None:
        """Count a batch: scores, labels and losses (n,)."""
        error_n = score_n.double() - labels_n.double()
        sums = torch.stack([error_n.square(), error_n.abs(), loss_n.double(), torch.ones_like(error_n)]).sum(1)
        self.sums += sums.cpu()

    def metrics(self) -> dict[str, float]:
        """The metrics of all rows. Empty without rows."""
        squares, sizes, loss, rows = self.sums.tolist()
        if not rows:
            return {}
        mean_square = squares / rows
        found = {"mse": mean_square, "absolute_loss": sizes / rows, "rmse": math.sqrt(mean_square)}
        return {self.objective: loss / rows, **found}


@dataclass
class MulticlassTotals:
    """Totals over the rows of a multiclass classifier: `by_class` (3, c) and `sums` (5,), float64.

    `objective` names the mean loss, `top_k` is the rank that still counts as right, and `beta` is that of the F score.
    """

    objective: str
    classes: int
    top_k: int
    beta: float
    by_class: Tensor = field(init=False)  # of each class: hits, times said, rows
    sums: Tensor = field(
        default_factory=lambda: torch.zeros(5, dtype=torch.float64)
    )  # top k, gain, log loss, loss, rows

    def __post_init__(self) -> None:
        self.by_class = torch.zeros(3, self.classes, dtype=torch.float64)

    def add(self, p_nc: Tensor, labels_n: Tensor, loss_n: Tensor) -> None:
        """Count a batch: probabilities (n, c), labels and losses (n,)."""
        p_nc, class_n = p_nc.cpu().double(), labels_n.cpu().long()
        own_n1 = p_nc.gather(1, class_n[:, None])
        rank_n = (p_nc > own_n1).sum(1)
        said_n = p_nc.argmax(1)
        hit_n = said_n == class_n
        for row, counted in enumerate((class_n[hit_n], said_n, class_n)):
            self.by_class[row] += torch.bincount(counted, minlength=self.classes).double()
        gain_n = 1 / torch.log2(rank_n.double() + 2)
        entropy_n = -own_n1[:, 0].clamp_min(1e-15).log()
        ones_n = torch.ones_like(gain_n)
        each = [(rank_n < self.top_k).double(), gain_n, entropy_n, loss_n.cpu().double(), ones_n]
        self.sums += torch.stack(each).sum(1)

    def metrics(self) -> dict[str, float]:
        """The metrics of all rows. Empty without rows."""
        top_k, gain, entropy, loss, rows = self.sums.tolist()
        if not rows:
            return {}
        hits_c, said_c, rows_c = self.by_class
        recall_c, precision_c = hits_c / rows_c.clamp_min(1), hits_c / said_c.clamp_min(1)
        f_c = (1 + self.beta**2) * hits_c / (said_c + self.beta**2 * rows_c).clamp_min(1)
        present_c = rows_c > 0
        return {
            self.objective: loss / rows,
            "multiclass_accuracy": float(hits_c.sum()) / rows,
            f"multiclass_top_k_accuracy_{self.top_k}": top_k / rows,
            "dcg": gain / rows,
            "macro_recall": float(recall_c[present_c].mean()),
            "macro_precision": float(precision_c[present_c].mean()),
            f"macro_f_{self.beta:.3f}": float(f_c[present_c].mean()),
            "multiclass_balanced_accuracy": float(recall_c[present_c].mean()),
            "multiclass_log_loss": entropy / rows,
        }


Totals = BinaryTotals | RegressorTotals | MulticlassTotals


def evaluated(totals: Totals, answers: Iterator[tuple[Tensor, Tensor, Tensor]]) -> dict[str, float]:
    """The metrics of rows that come in batches of score, label (n,) and loss (n,). Empty without rows."""
    for score, labels_n, loss_n in answers:
        totals.add(score, labels_n, loss_n)
    return totals.metrics()
