"""The few directions in which rows differ most, where a local search is cheaper than in all columns.

Axes: n rows · d features · p coordinates of the subspace
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

COORDINATES = 64
"""Coordinates of the subspace. Rows with at most twice as many columns are searched as they are."""


@dataclass(frozen=True)
class Subspace:
    """p orthonormal directions (d, p) about a mean (d,). With few features the basis is None, and all of them are kept.

    K-means needs about k directions: distances between centers keep to 1 + ε in k/ε of them [Cohen et al. 2015].
    """

    mean_d: Tensor
    basis_dp: Tensor | None

    @classmethod
    def from_centered_rows(cls, mean_d: Tensor, centered_nd: Tensor, rng: torch.Generator) -> Subspace:
        """The range of XᵀXΩ for a random Ω and the rows X (n, d) about their mean (d,): one step of subspace iteration.

        [Halko et al. 2011, alg. 4.4]. Cost: 4·n·d·p operations.
        """
        d = len(mean_d)
        if d <= 2 * COORDINATES:
            return cls(mean_d, None)
        test_dp = torch.randn(d, COORDINATES, generator=rng).to(centered_nd)
        return cls(mean_d, torch.linalg.qr(centered_nd.T @ (centered_nd @ test_dp))[0])

    def coordinates(self, x_nd: Tensor) -> Tensor:
        """Coordinates (n, p) of rows (n, d)."""
        return self.project(x_nd - self.mean_d)

    def project(self, centered_nd: Tensor) -> Tensor:
        """Coordinates (n, p) of rows (n, d) about the mean."""
        return centered_nd if self.basis_dp is None else centered_nd @ self.basis_dp

    def points(self, coordinates_np: Tensor) -> Tensor:
        """The points (n, d), about the mean, that lie at these coordinates (n, p)."""
        return coordinates_np if self.basis_dp is None else coordinates_np @ self.basis_dp.T

    def residual_cost(self, x_nd: Tensor, weights_n: Tensor) -> float:
        """Weighted mean of the squared distances from rows (n, d) to the subspace."""
        residual_n = (x_nd - self.mean_d).square().sum(1) - self.coordinates(x_nd).square().sum(1)
        return float((residual_n.double() * weights_n).sum() / weights_n.sum())
