"""PCA's part in the conformance suite."""

from __future__ import annotations

import torch

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.conformance import Case


def flat_cloud() -> Batch:
    """600 rows in 3 columns about (5, -3, 1), with deviations 4, 2 and 0.1 along rotated axes, sorted along the first."""
    rng = torch.Generator().manual_seed(1)  # mutants: equivalent: any seed gives such rows
    axes_33 = torch.linalg.qr(torch.randn(3, 3, generator=rng)).Q
    along_n3 = torch.randn(600, 3, generator=rng) * torch.tensor([4.0, 2.0, 0.1])
    along_n3 = along_n3[along_n3[:, 0].argsort()]
    return Batch(along_n3 @ axes_33 + torch.tensor([5.0, -3.0, 1.0]), along_n3[:, :1])


def kept_variance(model: Model, rows: Batch) -> float:
    """Share of the variance that the projection keeps."""
    x_nd = rows.dense()
    return float(model.predict(rows)["projection"].var(0).sum() / x_nd.var(0).sum())


CASE = Case(
    hyperparameters={"num_components": "2", "feature_dim": "3", "mini_batch_size": "200"},
    rows=flat_cloud,
    quality=kept_variance,
    floor=0.999,  # the third axis holds 0.0005 of the variance
)
