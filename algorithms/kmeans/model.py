"""The finished k-means model: k centers.

Axes: n rows of a batch · d features · k centers
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
from wildsage.algorithms.kmeans import steps


@dataclass(frozen=True)
class KMeansModel(Model):
    """Centers (k, d) float32. The artifact is a plain list of that one array [contract: kmeans, Artifact]."""

    centers_kd: Tensor

    array_names: ClassVar = ("centers",)
    named: ClassVar = False

    def arrays(self) -> dict[str, Tensor]:
        return {"centers": self.centers_kd}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], settings: ModelSettings) -> Self:
        centers_kd = arrays["centers"]
        if centers_kd.ndim != 2 or not centers_kd.numel():
            raise UserError(
                f"K-means model: got an array of shape {tuple(centers_kd.shape)}, expected (k, feature_dim)."
            )
        return cls(centers_kd.float())

    @property
    def feature_dim(self) -> int:
        return self.centers_kd.shape[1]

    def predict(self, batch: Batch) -> Columns:
        """Index of the nearest center, as a float, and the Euclidean distance to it [contract: kmeans, Inference]."""
        index_n, d2_n = steps.nearest(batch.dense(), self.centers_kd)
        return {"closest_cluster": index_n.float(), "distance_to_cluster": d2_n.sqrt()}

    def to(self, device: torch.device | str) -> Self:
        return type(self)(self.centers_kd.to(device))

    def evaluate(self, batches: Iterator[Batch], run: RunContext) -> dict[str, float]:
        """Mean (`msd`) and sum (`ssd`) of squared distances to the nearest center."""
        rows, total = 0, 0.0
        for batch in batches:
            _, d2_n = steps.nearest(batch.to(run.device).dense(), self.centers_kd)
            rows, total = rows + len(batch), total + float(d2_n.sum(dtype=torch.float64))
        return {"msd": total / rows, "ssd": total} if rows else {}
