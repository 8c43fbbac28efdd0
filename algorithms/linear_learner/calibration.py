"""The threshold from which a score means 1, and how good a binary classifier is with each threshold.

Axes: n rows · m models · t thresholds
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class ThresholdCurve(NamedTuple):
    """What each threshold of a model gives, from predicting 1 for no row to predicting 1 for every row.

    `threshold_t` float32; `hits_t` true and `misses_t` false positives, float64; `positives` of all `rows` have the label 1.
    """

    threshold_t: Tensor
    hits_t: Tensor
    misses_t: Tensor
    positives: float
    rows: float

    @classmethod
    def from_scores(cls, scores_n: Tensor, labels_n: Tensor) -> ThresholdCurve:
        """The thresholds halfway between neighbouring scores (n,), for labels (n,) of 0 and 1.

        Rows of equal score get the same prediction.
        """
        scores_n, order_n = scores_n.float().sort(descending=True, stable=True)
        ones_n = labels_n[order_n].double()
        last_n = torch.ones_like(scores_n, dtype=torch.bool)
        last_n[:-1] = scores_n[:-1] != scores_n[1:]
        hits_n = ones_n.cumsum(0)
        count_n = torch.arange(1, len(scores_n) + 1, dtype=torch.float64, device=scores_n.device)
        hits_t, count_t, score_t = hits_n[last_n], count_n[last_n], scores_n[last_n]
        lower_t = torch.cat([score_t[1:], score_t[-1:]])
        between_t = lower_t + (score_t - lower_t) / 2
        between_t = torch.where(between_t > lower_t, between_t, score_t)
        above = torch.nextafter(score_t[:1], torch.full_like(score_t[:1], math.inf))
        none = hits_t.new_zeros(1)
        return cls(
            torch.cat([above, between_t]),
            torch.cat([none, hits_t]),
            torch.cat([none, count_t - hits_t]),
            float(hits_n[-1]),
            float(len(scores_n)),
        )

    @property
    def accuracy_t(self) -> Tensor:
        """Share of the rows that are predicted correctly, (t,)."""
        negatives = self.rows - self.positives
        return (self.hits_t + negatives - self.misses_t) / self.rows

    @property
    def precision_t(self) -> Tensor:
        """Share of the rows predicted as 1 that are 1, (t,); 0 if no row is."""
        return self.hits_t / (self.hits_t + self.misses_t).clamp_min(1)

    @property
    def recall_t(self) -> Tensor:
        """Share of the rows of label 1 that are predicted as 1, (t,); 0 without such rows."""
        return self.hits_t / max(self.positives, 1)

    def f_beta_t(self, beta: float) -> Tensor:
        """Weighted harmonic mean of precision and recall, (t,) [van Rijsbergen 1979]."""
        return (1 + beta**2) * self.hits_t / (self.hits_t + self.misses_t + beta**2 * self.positives).clamp_min(1e-300)

    def area(self) -> float:
        """Area under the receiver operating characteristic; ties count half [Hanley & McNeil 1982]. NaN for one class alone."""
        pairs = self.positives * (self.rows - self.positives)
        mean_t = (self.hits_t[1:] + self.hits_t[:-1]) / 2
        return float((mean_t * self.misses_t.diff()).sum() / pairs)  # 0 / 0 without pairs


@dataclass(frozen=True)
class ChosenThreshold:
    """A threshold, its value by the criterion, and a warning for the log, if any."""

    threshold: float
    value: float
    warning: str = ""


@dataclass(frozen=True)
class Criterion:
    """The criterion for a threshold: one of `accuracy`, `f_beta`, `precision_at_target_recall`, `recall_at_target_precision`."""

    name: str
    f_beta: float = 1.0
    target_recall: float = 0.8
    target_precision: float = 0.8

    def choose(self, curve: ThresholdCurve) -> ChosenThreshold:
        """The best threshold; if no threshold reaches the target, the one nearest to it, with a warning."""
        if self.name == "accuracy":
            return self._best(curve, curve.accuracy_t)
        if self.name == "f_beta":
            return self._best(curve, curve.f_beta_t(self.f_beta))
        if self.name == "precision_at_target_recall":
            return self._constrained(curve, curve.precision_t, curve.recall_t, "recall", self.target_recall)
        return self._constrained(curve, curve.recall_t, curve.precision_t, "precision", self.target_precision)

    def _best(self, curve: ThresholdCurve, value_t: Tensor) -> ChosenThreshold:
        at = int(value_t.argmax())
        return ChosenThreshold(float(curve.threshold_t[at]), float(value_t[at]))

    def _constrained(
        self, curve: ThresholdCurve, value_t: Tensor, bound_t: Tensor, bound: str, target: float
    ) -> ChosenThreshold:
        enough_t = bound_t >= target
        if bool(enough_t.any()):
            return self._best(curve, value_t.masked_fill(~enough_t, -math.inf))
        nearest = float(bound_t.max())
        choice = self._best(curve, value_t.masked_fill(bound_t < nearest, -math.inf))
        warning = (
            f"Hyperparameter target_{bound}: got {target:g}, but no threshold reaches it; the highest {bound} is "
            f"{nearest:.6g}, at threshold {choice.threshold:.6g}, which is used."
        )
        return ChosenThreshold(choice.threshold, nearest - 1, warning)  # below every model that reaches the target
