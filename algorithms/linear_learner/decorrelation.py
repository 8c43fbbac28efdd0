"""Correlated columns slow gradient descent down, so half of the models learn in coordinates without correlations.

Axes: d features · o outputs of all models, of which the last `mixed` learn decorrelated
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.linear_learner.scaler import Scaler

COLUMNS_HIGH = 256
"""With more columns, the products with a (d, d) matrix would cost more than the rest of each update."""

RANK_TOLERANCE = 1e-6
"""Directions whose variance is below this share of the largest are left out, since they hold rounding errors."""


@dataclass(frozen=True)
class Decorrelation:
    """Weights W = S V, where S is the inverse root of the columns' correlations: then Sᵀ x has a variance of 1 in every direction.

    V is what is learned by the last `mixed` outputs; the others learn their weights directly. This is whitening folded
    into the weights [Kessy, Lewin & Strimmer 2018, ZCA-cor, doi:10.1080/00031305.2016.1277159].
    """

    root_dd: Tensor
    mixed: int

    @classmethod
    def from_rows(cls, head: Batch, scaler: Scaler, mixed: int) -> Self:
        """The decorrelation of the first rows. All hosts need the same matrix, so the leading one makes it."""
        z_nd = scaler.features(head.dense()).double()
        values_d, vectors_dd = torch.linalg.eigh(z_nd.T @ z_nd / max(len(z_nd), 1))
        kept_d = values_d > RANK_TOLERANCE * values_d.max()
        inverse_d = torch.where(kept_d, values_d.clamp_min(1e-300).rsqrt(), 0.0)
        return cls(((vectors_dd * inverse_d) @ vectors_dd.T).float(), mixed)

    @classmethod
    def none(cls) -> Self:
        """Every output learns its weights directly."""
        return cls(torch.empty(0, 0), 0)

    def weights(self, learned_do: Tensor) -> Tensor:
        """The weights (d, o) for standardised columns that `learned_do` stands for."""
        return self._mixed(learned_do, self.root_dd)

    def learned(self, weights_do: Tensor) -> Tensor:
        """The inverse of `weights`, as far as the directions that are kept allow."""
        return self._mixed(weights_do, torch.linalg.pinv(self.root_dd)) if self.mixed else weights_do

    def slope(self, slope_do: Tensor) -> Tensor:
        """The slope (d, o) by what is learned, from the slope by the weights."""
        return self._mixed(slope_do, self.root_dd.T)

    def _mixed(self, table_do: Tensor, by_dd: Tensor) -> Tensor:
        if not self.mixed:
            return table_do
        plain = table_do.shape[1] - self.mixed
        return torch.cat([table_do[:, :plain], by_dd @ table_do[:, plain:]], 1)

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        return type(self)(self.root_dd.to(device), self.mixed)
