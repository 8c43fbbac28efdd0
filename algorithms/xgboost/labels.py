"""Labels that an objective can learn from, and what its errors say in the words of XGBoost 1.x: later versions word it otherwise.

[contract: xgboost, How a failure looks to the user]
"""

from __future__ import annotations

import numpy as np
import xgboost
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError

NOT_NEGATIVE = {
    "count:poisson": "PoissonRegression",
    "reg:tweedie": "TweedieRegression",
    "reg:gamma": "GammaRegression",
}


def check(labels_n: NDArray, objective: str, num_class: int) -> None:
    """Raise UserError for labels (n,) outside the range of the objective."""
    if not len(labels_n):
        return
    low, high = float(np.min(labels_n)), float(np.max(labels_n))
    got = f"; got labels from {low:g} to {high:g}"
    if objective in ("binary:logistic", "binary:logitraw", "reg:logistic") and not (low >= 0 and high <= 1):
        raise UserError(f"label must be in [0,1] for logistic regression{got}")
    if objective.startswith("multi:") and not (low >= 0 and high < num_class):
        raise UserError(f"SoftmaxMultiClassObj: label must be in [0, num_class){got}, and num_class {num_class}")
    if objective in NOT_NEGATIVE and not low >= 0:
        raise UserError(f"{NOT_NEGATIVE[objective]}: label must be nonnegative{got}")


def set_exact_times(matrix: xgboost.DMatrix) -> None:
    """Make every label the time of an event that was seen, which has the same lower and upper bound.

    survival:aft needs bounds, for which no format of a channel has a place (Barnwal, Cho and Hocking 2020, arXiv:2006.04920).
    """
    for bound in ("label_lower_bound", "label_upper_bound"):
        matrix.set_float_info(bound, matrix.get_label())
