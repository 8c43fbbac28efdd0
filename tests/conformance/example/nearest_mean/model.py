"""The finished model: one mean for each class.

Axes: n rows of a batch · d features · c classes
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
class NearestMeanModel(Model):
    """Means (c, d) float32; the class of a row is the number of the mean that is nearest to it."""

    means_cd: Tensor

    array_names: ClassVar = ("class_means",)

    def arrays(self) -> dict[str, Tensor]:
        return {"class_means": self.means_cd}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], settings: ModelSettings) -> Self:
        means_cd = arrays["class_means"]
        if means_cd.ndim != 2 or not means_cd.numel():
            raise UserError(f"class_means: got the shape {tuple(means_cd.shape)}, expected (num_classes, feature_dim).")
        return cls(means_cd.float())

    @property
    def feature_dim(self) -> int:
        return self.means_cd.shape[1]

    def predict(self, batch: Batch) -> Columns:
        """The number of the nearest mean, as a float."""
        return {"predicted_label": torch.cdist(batch.dense(), self.means_cd).argmin(1).float()}

    def to(self, device: torch.device | str) -> Self:
        return type(self)(self.means_cd.to(device))

    def evaluate(self, batches: Iterator[Batch], run: RunContext) -> dict[str, float]:
        """The share of rows whose class is predicted."""
        rows, right = 0, 0
        for batch in batches:
            if batch.labels_nl is None:
                raise UserError("Channel test has no labels, expected the class of each row.")
            predicted_n = self.predict(batch.to(run.device))["predicted_label"]
            right += int((predicted_n.cpu() == batch.labels_nl[:, 0]).sum())
            rows += len(batch)
        return {"accuracy": right / rows} if rows else {}
