"""Factorization machines' part in the conformance suite."""

from __future__ import annotations

import torch

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.conformance import Case

GROUPS = 5


def who_likes_what() -> Batch:
    """600 rows, one-hot over 5 people and 5 things; the label is 1 where both are of one kind (even or odd): no linear
    model knows better than chance. Sorted by person."""
    rng = torch.Generator().manual_seed(1)  # mutants: equivalent: any seed gives such rows
    person_n = torch.arange(600) * GROUPS // 600
    thing_n = torch.randint(GROUPS, (600,), generator=rng)
    x_nd = torch.zeros(600, 2 * GROUPS)
    x_nd[torch.arange(600), person_n] = 1
    x_nd[torch.arange(600), GROUPS + thing_n] = 1
    return Batch(x_nd, (person_n % 2 == thing_n % 2)[:, None].float())


def accuracy(model: Model, rows: Batch) -> float:
    """Share of the rows whose label is predicted."""
    assert rows.labels_nl is not None
    return float((model.predict(rows)["predicted_label"] == rows.labels_nl.flatten()).float().mean())


CASE = Case(
    hyperparameters={
        "feature_dim": "10", "num_factors": "4", "predictor_type": "binary_classifier", "mini_batch_size": "100",
        "epochs": "40", "factors_lr": "0.02", "linear_lr": "0.01", "factors_init_sigma": "0.1",
    },
    rows=who_likes_what,
    quality=accuracy,
    floor=0.99,
)  # fmt: skip
