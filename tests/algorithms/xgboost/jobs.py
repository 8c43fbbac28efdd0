"""Hyperparameters of small jobs, and what their models and log lines hold."""

import json
import re

import numpy as np
import xgboost

from wildsage.algorithms.xgboost import model_files

LOGISTIC = {"num_round": "8", "objective": "binary:logistic", "max_depth": "3"}
SQUARED = {"num_round": "8", "max_depth": "3"}


def predictions(content: bytes, x: np.ndarray, **options) -> np.ndarray:
    booster, rounds = model_files.read(content)
    return booster.predict(xgboost.DMatrix(x), iteration_range=(0, rounds or 0), **options)


def score(line: str, name: str) -> float:
    return float(re.search(rf"{name}:(\S+)", line)[1])


def document(content: bytes) -> dict:
    """The trees of a model; the old binary format also counts leaves, and 1.7 keeps attributes of its own."""
    return json.loads(model_files.read(content)[0].save_raw("json"))["learner"]["gradient_booster"]
