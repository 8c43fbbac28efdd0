"""The moments of a stream: the number of rows, their mean, and their scatter matrix, whole or times a test matrix.

The cores share the columns of a block, or its rows, in parts of a fixed size, so that the bits of a sum do not depend on the
number of cores.

Axes: n rows of a batch · d features · l columns of the test matrix (d where there is none) · c components ·
z rows of a block, and one for the step between the means · p columns of a panel
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from wildsage.algorithms.base.parallel import over_parts

BLOCK_ROWS = 4096
"""Rows held in float64 at once, at most. With so many, the matrix product takes most of the time."""

PANEL_COLUMNS, PANELS = 64, 16
"""The width of a panel is a multiple of so many columns. There are about `PANELS`, or half as many below 1,024 features: narrower
ones save operations but slow the product down."""

PART_ROWS = 512
"""Rows that one core multiplies by the test matrix at a time."""


@dataclass
class Moments:
    """Rows, mean (d,), and Y = S Ω (d, l) for the scatter S = Σ (x - mean)ᵀ(x - mean); all float64.

    Ω is the identity for exact PCA, a fixed random (d, l) matrix for a sketch: the same sums and the same merge serve both.
    S is symmetric, so exact PCA keeps its upper triangle only; entries below the diagonal are undefined.
    """

    rows: int
    mean_d: Tensor
    scatter_dl: Tensor
    _room_zd: Tensor | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def none(cls, d: int, test_dl: Tensor | None, device: torch.device | str = "cpu") -> Self:
        """Moments of no rows of d features; `test_dl` is Ω of a sketch."""
        columns = d if test_dl is None else test_dl.shape[1]
        mean_d = torch.zeros(d, dtype=torch.float64, device=device)
        return cls(0, mean_d, mean_d.new_zeros(d, columns))

    def absorb(self, x_nd: Tensor, test_dl: Tensor | None) -> None:
        """Take in one or more rows, in place, in about n·d² operations, or 4·n·d·l with a test matrix.

        Rows are centered about their own mean before they are multiplied; the step from the mean so far to theirs enters as
        one more row [Ross, Lim, Lin & Yang 2008, lemma 1], so that one product gives all of eq. 1.5b of Chan et al. 1983.
        """
        for block_nd in x_nd.tensor_split(math.ceil(len(x_nd) / BLOCK_ROWS)):
            rows, total = len(block_nd), self.rows + len(block_nd)
            z_zd = self._room(rows + 1)
            mean_d = center(block_nd, z_zd[:-1])
            step_d = mean_d - self.mean_d
            z_zd[-1] = step_d * math.sqrt(self.rows * rows / total)
            if test_dl is None:
                add_gram(self.scatter_dl, z_zd)
            else:
                add_sketch(self.scatter_dl, z_zd, test_dl)
            self.mean_d += step_d * (rows / total)
            self.rows = total

    def _room(self, rows: int) -> Tensor:
        """A buffer for a block, used for every batch: fresh pages from the system would take as long as centering."""
        if self._room_zd is None or len(self._room_zd) < rows:
            self._room_zd = self.mean_d.new_empty(rows, len(self.mean_d))
        return self._room_zd[:rows]

    def merge(self, other: Moments, test_dl: Tensor | None) -> Moments:
        """Moments of both sets of rows together [Chan, Golub & LeVeque 1983, eq. 1.5b]."""
        rows = self.rows + other.rows
        apart_d = other.mean_d - self.mean_d
        seen_l = apart_d if test_dl is None else apart_d @ test_dl
        between_dl = torch.outer(apart_d, seen_l * (self.rows * other.rows / rows))
        mean_d = self.mean_d + apart_d * (other.rows / rows)
        return Moments(rows, mean_d, self.scatter_dl + other.scatter_dl + between_dl)

    def about_zero(self, test_dl: Tensor | None) -> Moments:
        """The same rows with the scatter taken about zero, as a model without `subtract_mean` needs it."""
        seen_l = self.mean_d if test_dl is None else self.mean_d @ test_dl
        scatter_dl = self.scatter_dl + torch.outer(self.mean_d, seen_l * self.rows)
        return Moments(self.rows, torch.zeros_like(self.mean_d), scatter_dl)

    def arrays(self) -> dict[str, Tensor]:
        """The state as plain arrays, for other hosts and for checkpoints: not copies, so write them before the next `absorb`."""
        return {"rows": torch.tensor([self.rows]), "mean": self.mean_d, "scatter": self.scatter_dl}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], device: torch.device | str = "cpu") -> Self:
        """The inverse of `arrays`."""
        return cls(int(arrays["rows"]), arrays["mean"].to(device), arrays["scatter"].to(device))


def center(x_nd: Tensor, centered_nd: Tensor) -> Tensor:
    """Write rows less their mean to `centered_nd` in float64, and return the mean (d,)."""

    def part(panel: slice) -> Tensor:
        centered_np = centered_nd[:, panel].copy_(x_nd[:, panel])
        mean_p = centered_np.mean(0)
        centered_np -= mean_p
        return mean_p

    return torch.cat(over_parts(panels(x_nd.shape[1]), x_nd.numel(), x_nd.device, part))


def add_gram(scatter_dd: Tensor, z_zd: Tensor) -> None:
    """Add zᵀz of z rows to the upper triangle of (d, d), in place.

    Each panel of columns is multiplied by all columns from its first one on. With p panels this takes (p + 1) / 2p of the
    operations of the whole product.
    """

    def part(panel: slice) -> None:
        scatter_dd[panel, panel.start :].addmm_(z_zd[:, panel].T, z_zd[:, panel.start :])

    columns = panels(z_zd.shape[1])
    over_parts(columns, z_zd.numel() * len(columns), z_zd.device, part)


def add_sketch(sketch_dl: Tensor, z_zd: Tensor, test_dl: Tensor) -> None:
    """Add zᵀ(z Ω) of z rows to the sketch, in place."""
    seen_zl = z_zd.new_empty(len(z_zd), test_dl.shape[1])
    parts = [slice(first, first + PART_ROWS) for first in range(0, len(z_zd), PART_ROWS)]
    over_parts(parts, z_zd.numel(), z_zd.device, lambda part: torch.mm(z_zd[part], test_dl, out=seen_zl[part]))
    over_parts(
        panels(z_zd.shape[1]), z_zd.numel(), z_zd.device,
        lambda panel: sketch_dl[panel].addmm_(z_zd[:, panel].T, seen_zl),
    )  # fmt: skip


def panels(d: int) -> list[slice]:
    """The columns in panels of equal width; the last may be narrower. The first is the one that takes `add_gram` longest."""
    narrow, wide = (PANEL_COLUMNS * math.ceil(d / (PANEL_COLUMNS * count)) for count in (PANELS, PANELS // 2))
    width = max(narrow, min(wide, 2 * PANEL_COLUMNS))
    return [slice(first, min(first + width, d)) for first in range(0, d, width)]


def test_matrix(d: int, columns: int, rng: torch.Generator) -> Tensor:
    """Ω (d, l), l at most d: Gaussian with orthonormal columns, so that its conditioning costs no accuracy [Halko 2011, §4.1]."""
    gaussian_dl = torch.randn(d, min(columns, d), dtype=torch.float64, generator=rng)
    return torch.linalg.qr(gaussian_dl).Q


def eigenpairs(scatter_dd: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (d,) ascending, never negative, and eigenvectors (d, d) as columns, from the upper triangle."""
    values_d, vectors_dd = torch.linalg.eigh(scatter_dd, UPLO="U")
    return values_d.clamp_min(0), vectors_dd


def eigenpairs_from_sketch(sketch_dl: Tensor, test_dl: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (l,) ascending and eigenvectors (d, l) of the Nyström approximation S ≈ Y (Ωᵀ Y)⁺ Yᵀ.

    [Tropp, Yurtsever, Udell & Cevher 2017, alg. 3]: a small shift keeps the core positive definite and is subtracted later.
    """
    shift = sketch_dl.norm() * (torch.finfo(sketch_dl.dtype).eps * len(sketch_dl) ** 0.5)
    if shift == 0:  # all rows are equal, so any directions will do
        return sketch_dl.new_zeros(sketch_dl.shape[1]), test_dl
    shifted_dl = sketch_dl + shift * test_dl
    core_ll = test_dl.T @ shifted_dl
    lower_ll = torch.linalg.cholesky((core_ll + core_ll.T) / 2)
    factor_dl = torch.linalg.solve_triangular(lower_ll, shifted_dl.T, upper=False).T
    vectors_dl, singular_l, _ = torch.linalg.svd(factor_dl, full_matrices=False)
    return (singular_l.square() - shift).clamp_min(0).flip(0), vectors_dl.flip(1)


def signs_fixed(vectors_dc: Tensor) -> Tensor:
    """The vectors (d, c) with the entry of largest magnitude of each column positive, since an eigenvector's sign is free."""
    largest_c = vectors_dc.gather(0, vectors_dc.abs().argmax(0, keepdim=True))
    return torch.where(largest_c < 0, -vectors_dc, vectors_dc)
