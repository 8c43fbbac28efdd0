"""Jobs of linear learner in memory, and rows to learn from."""

from __future__ import annotations

import numpy as np
import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner.algorithm import LinearLearner


class Watched(RunContext):
    """Keeps what is logged."""

    def __post_init__(self):
        super().__post_init__()
        self.lines: list[str] = []
        self.qualities: list[tuple] = []
        self.models: list[dict] = []

    def log(self, text, level="INFO"):
        self.lines.append(text)

    def quality(self, channel, name, kind, value, *, epoch=None, batch=None):
        self.qualities.append((channel, name, kind, value, epoch))

    def measured(self, values, **dimensions):
        self.models.append({**values, **dimensions})


def stream(x_nd, labels_n) -> MemoryStream:
    features = x_nd if isinstance(x_nd, SparseRows) else torch.as_tensor(np.asarray(x_nd), dtype=torch.float32)
    return MemoryStream(Batch(features, torch.as_tensor(np.asarray(labels_n), dtype=torch.float32)[:, None]))


def fit(x_nd, labels_n, run=None, validation=None, **given):
    channels = {"train": stream(x_nd, labels_n)} | ({"validation": stream(*validation)} if validation else {})
    return LinearLearner(**given).fit(channels, run or Watched())


def scored(model, x_nd, labels_n):
    return model.scored(iter([stream(x_nd, labels_n).rows]), "train", RunContext())


def two_classes(rows=2000, columns=5, seed=0):
    rng = np.random.default_rng(seed)
    x_nd = rng.normal(size=(rows, columns)) * [1, 50, 0.1, 3, 10][:columns] + 7
    z_n = (x_nd - 7) @ np.array([1, -0.02, 8, 0.1, 0.1])[:columns] + 0.5
    return x_nd, (rng.random(rows) < 1 / (1 + np.exp(-z_n))).astype(float)


def line(rows=2000, seed=0):
    rng = np.random.default_rng(seed)
    x_nd = rng.normal(size=(rows, 3)) * [1, 20, 0.1] + [0, 100, 5]
    return x_nd, x_nd @ [3, -0.5, 10] + 40 + rng.standard_t(3, rows)
