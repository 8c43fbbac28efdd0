"""The finished PCA model: mean, components, singular values.

Axes: n rows of a batch · d features · c components, weakest first
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Columns, Model, ModelSettings
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext


@dataclass(frozen=True)
class PCAModel(Model):
    """`s` (c,), `v` (d, c), `mean` (1, d), float32; the strongest component comes last [contract: pca, Artifact].

    `s` are singular values of the centered data, not divided by the number of rows. Real artifacts can hold NaN in the smallest.
    """

    s_c: Tensor
    v_dc: Tensor
    mean_1d: Tensor

    array_names: ClassVar = ("s", "v", "mean")
    unread: ClassVar = ("s",)

    def arrays(self) -> dict[str, Tensor]:
        return {"s": self.s_c, "v": self.v_dc, "mean": self.mean_1d}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], settings: ModelSettings) -> Self:
        s_c, v_dc, mean = arrays["s"], arrays["v"], arrays["mean"]
        if v_dc.ndim != 2 or s_c.shape != v_dc.shape[1:] or mean.numel() != len(v_dc):
            shapes = ", ".join(f"{name} {tuple(a.shape)}" for name, a in arrays.items())
            raise UserError(f"PCA model: got {shapes}; expected s (c,), v (feature_dim, c), mean (1, feature_dim).")
        return cls(s_c.float(), v_dc.float(), mean.float().reshape(1, -1))

    @property
    def feature_dim(self) -> int:
        return len(self.v_dc)

    def predict(self, batch: Batch) -> Columns:
        """(x - mean) v, the strongest component last [contract: pca, Inference]."""
        return {"projection": (batch.dense() - self.mean_1d) @ self.v_dc}

    def to(self, device: torch.device | str) -> Self:
        return type(self)(self.s_c.to(device), self.v_dc.to(device), self.mean_1d.to(device))

    def evaluate(self, batches: Iterator[Batch], run: RunContext) -> dict[str, float]:
        """`reconstruction_msd`: the mean squared distance between rows and their reconstruction from the projection."""
        rows, total = 0, 0.0
        for batch in batches:
            centered_nd = batch.to(run.device).dense() - self.mean_1d
            lost_nd = centered_nd - centered_nd @ self.v_dc @ self.v_dc.T
            rows, total = rows + len(batch), total + float(lost_nd.square().sum(dtype=torch.float64))
        return {"reconstruction_msd": total / rows} if rows else {}
