"""kNN's part in the conformance suite."""

from __future__ import annotations

import torch

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.conformance import Case

CENTERS = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])


def three_clouds() -> Batch:
    """600 rows around three centers, deviation 1, sorted by center; the label is the center's number."""
    label_n = torch.arange(3).repeat_interleave(200)
    noise_nd = torch.randn(600, 2, generator=torch.Generator().manual_seed(1))
    return Batch(CENTERS[label_n] + noise_nd, label_n[:, None].float())


def accuracy(model: Model, rows: Batch) -> float:
    """Share of fresh rows of the same three clouds whose label is found."""
    label_n = torch.arange(3).repeat_interleave(200)
    fresh_nd = CENTERS[label_n] + torch.randn(600, 2, generator=torch.Generator().manual_seed(2))
    return float((model.predict(Batch(fresh_nd))["predicted_label"] == label_n).double().mean())


CASE = Case(
    hyperparameters={
        "feature_dim": "2", "k": "15", "predictor_type": "classifier", "sample_size": "600", "mini_batch_size": "200",
    },
    rows=three_clouds,
    quality=accuracy,
    floor=0.87,  # the nearest center is right for 0.91 of them
    exempt={"arrays_are_finite_float32": "the index goes as faiss's bytes"},
)  # fmt: skip
