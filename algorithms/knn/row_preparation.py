"""How rows are prepared for the index, alike in training and in inference.

Axes: n rows of a batch · d columns of the data · t columns of the index
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wildsage.algorithms.base.algorithm import ModelSettings
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.knn.hyperparameters import KINDS
from wildsage.algorithms.knn.reduction import Reduction

LONGEST_SQUARED = 1e37
"""The sum of two such lengths, squared, is still a float32."""


@dataclass(frozen=True)
class RowPreparation:
    """Reduces rows of `feature_dim` columns if `reduction`, scales them to length 1 if `normalize`, and pads them with zeros."""

    feature_dim: int
    index_dim: int
    normalize: bool
    reduction: Reduction | None = None

    def apply(self, x_nd: Tensor) -> Tensor:
        """Rows (n, t) for the index. Raises BadRecord for a row that is too long, and if `normalize` for one of zeros."""
        if self.reduction is not None:
            x_nd = self.reduction.apply(x_nd)
        with np.errstate(over="ignore"):  # rejected below
            squared_n = np.square(x_nd.numpy()).sum(1)
        _reject(squared_n > LONGEST_SQUARED, "its squared length is beyond float32, expected smaller numbers.")
        if self.normalize:
            _reject(
                squared_n == 0, "it is all zeros, and index_metric COSINE compares directions; a row of zeros has none."
            )
            x_nd = torch.nn.functional.normalize(x_nd)
        missing = self.index_dim - x_nd.shape[1]
        return (torch.nn.functional.pad(x_nd, (0, missing)) if missing else x_nd).contiguous()

    def settings(self) -> ModelSettings:
        """The settings as the artifact keeps them."""
        named = {"normalize": self.normalize, "feature_dim": self.feature_dim}
        if self.reduction is None:
            return named
        return {**named, "reduction_type": self.reduction.kind, "reduction_seed": self.reduction.seed,
                "reduction_target_dim": self.reduction.target_dim}  # fmt: skip

    @classmethod
    def from_settings(cls, settings: ModelSettings, index_dim: int) -> Self:
        """The inverse of `settings`. Raises UserError where they do not fit an index of `index_dim` columns."""
        feature_dim = int(settings.get("feature_dim", index_dim))
        kind = settings.get("reduction_type")
        reduction = None
        if kind is not None:
            if kind not in KINDS:
                raise UserError(f"Dimension reduction: got type {kind!r}, expected {' or '.join(KINDS)}.")
            target_dim = int(settings["reduction_target_dim"])
            reduction = Reduction(str(kind), int(settings["reduction_seed"]), feature_dim, target_dim)
        width = feature_dim if reduction is None else reduction.target_dim
        if width > index_dim:
            raise UserError(f"The index has {index_dim} columns, expected {width} at least.")
        return cls(feature_dim, index_dim, bool(settings.get("normalize", False)), reduction)


def _reject(wrong_n: NDArray[np.bool_], problem: str) -> None:
    if wrong_n.any():
        raise BadRecord(int(wrong_n.argmax()) + 1, problem)
