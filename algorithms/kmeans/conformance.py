"""K-means' part in the conformance suite."""

from __future__ import annotations

import torch

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.conformance import Case
from wildsage.algorithms.kmeans import steps

CENTERS = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])


def three_blobs() -> Batch:
    """600 rows around three centers, deviation 0.5, sorted by center; the label is the center's number."""
    label_n = torch.arange(3).repeat_interleave(200)
    noise_nd = torch.randn(600, 2, generator=torch.Generator().manual_seed(1)) / 2
    return Batch(CENTERS[label_n] + noise_nd, label_n[:, None].float())


def tightness(model: Model, rows: Batch) -> float:
    """Minus the mean squared distance to the nearest center."""
    return -steps.mean_cost(rows.dense(), model.arrays()["centers"])


CASE = Case(
    hyperparameters={"k": "3", "feature_dim": "2", "mini_batch_size": "200"},
    rows=three_blobs,
    quality=tightness,
    floor=-0.55,  # 2 dimensions of variance 0.25 give -0.5
)
