"""What PCA remembers of a stream: how many rows, their mean, and their scatter, whole or seen through a test matrix.

Axes: n rows of a batch · d features · l columns of the test matrix (d where there is none) · c components
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Rows, mean (d,), and Y = S Ω (d, l) for the scatter S = Σ (x - mean)ᵀ(x - mean); all float64.

    Ω is the identity for exact PCA, a fixed random (d, l) matrix for a sketch: the same sums and the same merge serve both.
    """

    rows: int
    mean_d: Tensor
    scatter_dl: Tensor

    @classmethod
    def of(cls, x_nd: Tensor, test_dl: Tensor | None) -> Self:
        """Moments of one batch. Cost 2·n·d·l operations, twice that with a test matrix."""
        mean_d = x_nd.mean(0)
        centered_nd = x_nd - mean_d
        seen_nl = centered_nd if test_dl is None else centered_nd @ test_dl
        return cls(len(x_nd), mean_d, centered_nd.T @ seen_nl)

    def merge(self, other: Moments, test_dl: Tensor | None) -> Moments:
        """Moments of both sets of rows together [Chan, Golub & LeVeque 1983, eq. 1.5b]."""
        rows = self.rows + other.rows
        apart_d = other.mean_d - self.mean_d
        seen_l = apart_d if test_dl is None else apart_d @ test_dl
        between_dl = torch.outer(apart_d, seen_l * (self.rows * other.rows / rows))
        mean_d = self.mean_d + apart_d * (other.rows / rows)
        return Moments(rows, mean_d, self.scatter_dl + other.scatter_dl + between_dl)

    def about_zero(self, test_dl: Tensor | None) -> Moments:
        """The same rows with the scatter taken about zero, as a model without `subtract_mean` wants it."""
        seen_l = self.mean_d if test_dl is None else self.mean_d @ test_dl
        scatter_dl = self.scatter_dl + torch.outer(self.mean_d, seen_l * self.rows)
        return Moments(self.rows, torch.zeros_like(self.mean_d), scatter_dl)

    def arrays(self) -> dict[str, Tensor]:
        """The state as plain arrays, for other hosts and for checkpoints."""
        return {"rows": torch.tensor([self.rows]), "mean": self.mean_d, "scatter": self.scatter_dl}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor]) -> Self:
        """The inverse of `arrays`."""
        return cls(int(arrays["rows"]), arrays["mean"], arrays["scatter"])


def test_matrix(d: int, columns: int, rng: torch.Generator) -> Tensor:
    """Ω (d, l): Gaussian with orthonormal columns, so that its own condition costs no accuracy."""
    gaussian_dl = torch.randn(d, min(columns, d), dtype=torch.float64, generator=rng)
    return torch.linalg.qr(gaussian_dl).Q


def eigenpairs(scatter_dd: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (d,) ascending, never negative, and eigenvectors (d, d) as columns, of the whole scatter matrix."""
    values_d, vectors_dd = torch.linalg.eigh((scatter_dd + scatter_dd.T) / 2)
    return values_d.clamp_min(0), vectors_dd


def eigenpairs_from_sketch(sketch_dl: Tensor, test_dl: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (l,) ascending and eigenvectors (d, l) of the Nyström approximation S ≈ Y (Ωᵀ Y)⁺ Yᵀ.

    [Tropp, Yurtsever, Udell & Cevher 2017, alg. 3]: a small shift keeps the core positive definite and is taken off again.
    """
    shift = sketch_dl.norm() * (torch.finfo(sketch_dl.dtype).eps * len(sketch_dl) ** 0.5)
    if shift == 0:  # all rows equal: every direction is as good
        return sketch_dl.new_zeros(sketch_dl.shape[1]), test_dl
    shifted_dl = sketch_dl + shift * test_dl
    core_ll = test_dl.T @ shifted_dl
    lower_ll = torch.linalg.cholesky((core_ll + core_ll.T) / 2)
    factor_dl = torch.linalg.solve_triangular(lower_ll, shifted_dl.T, upper=False).T
    vectors_dl, singular_l, _ = torch.linalg.svd(factor_dl, full_matrices=False)
    return (singular_l.square() - shift).clamp_min(0).flip(0), vectors_dl.flip(1)


def signs_fixed(vectors_dc: Tensor) -> Tensor:
    """Each column turned so that its entry of largest size is positive: the sign is free, and this makes it one answer."""
    largest_c = vectors_dc.gather(0, vectors_dc.abs().argmax(0, keepdim=True))
    return vectors_dc * torch.where(largest_c < 0, -1.0, 1.0).to(vectors_dc.dtype)
