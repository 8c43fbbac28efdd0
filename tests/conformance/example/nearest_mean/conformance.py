"""The part of nearest means in the conformance suite."""

from __future__ import annotations

import torch

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.conformance import Case


def three_blobs() -> Batch:
    """300 rows around three points, deviation 0.5, sorted by point; the label is the number of the point."""
    label_n = torch.arange(3).repeat_interleave(100)
    points_cd = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    noise_nd = torch.randn(300, 2, generator=torch.Generator().manual_seed(1)) / 2
    return Batch(points_cd[label_n] + noise_nd, label_n[:, None].float())


def accuracy(model: Model, rows: Batch) -> float:
    """The share of rows whose class is predicted."""
    assert rows.labels_nl is not None
    return float((model.predict(rows)["predicted_label"] == rows.labels_nl[:, 0]).float().mean())


CASE = Case(
    hyperparameters={"feature_dim": "2", "num_classes": "3", "mini_batch_size": "50"},
    rows=three_blobs,
    quality=accuracy,
    floor=0.99,  # the points are 18 deviations apart
)
