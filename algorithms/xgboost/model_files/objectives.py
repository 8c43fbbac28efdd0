"""Names of objectives that earlier versions wrote into models, and what the library calls the same objective today.

`gpu:` stood before those of 0.7x that computed on a GPU [source: dmlc/xgboost 0.72, objective/regression_obj_gpu.cu].
"""

from __future__ import annotations

RENAMED = {
    "reg:linear": "reg:squarederror",
    "gpu:reg:linear": "reg:squarederror",
    "gpu:reg:logistic": "reg:logistic",
    "gpu:binary:logistic": "binary:logistic",
    "gpu:binary:logitraw": "binary:logitraw",
}


def renamed(objective: str) -> str:
    """Today's name of an objective: the same where it still has the name that it had."""
    return RENAMED.get(objective, objective)
