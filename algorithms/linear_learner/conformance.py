"""Linear learner's part in the conformance suite."""

from __future__ import annotations

import torch

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.conformance import Case


def two_sides() -> Batch:
    """600 rows of 4 columns of very different sizes on both sides of a plane, sorted by side; the label is the side."""
    rng = torch.Generator().manual_seed(1)  # mutants: equivalent: any seed gives such rows
    x_nd = torch.randn(600, 4, generator=rng)
    side_n = (x_nd @ torch.tensor([1.0, -2.0, 0.5, 0.0]) > 0.3).float()
    order_n = side_n.argsort(stable=True)
    return Batch((x_nd * torch.tensor([1.0, 100.0, 0.01, 5.0]))[order_n], side_n[order_n][:, None])


def accuracy(model: Model, rows: Batch) -> float:
    """Share of the rows whose label is predicted."""
    assert rows.labels_nl is not None
    return float((model.predict(rows)["predicted_label"] == rows.labels_nl.flatten()).float().mean())


CASE = Case(
    hyperparameters={"predictor_type": "binary_classifier", "mini_batch_size": "50"},
    rows=two_sides,
    quality=accuracy,
    floor=0.98,
)
