"""The matrices of a fastText model, dense or compressed by product quantisation (Joulin et al. 2016, arXiv:1612.03651).

Axes: r rows of the matrix · d numbers of a row · n rows that are asked for · s parts of a row · c 256 centroids
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError

CENTROIDS = 256
GIBIBYTE = 1 << 30


def uniform_matrix(rows: int, width: int, seed: int) -> NDArray:
    """Random numbers (r, d) float32 of at most 1/d, as fastText begins. Raises UserError where memory does not hold them."""
    try:
        values_rd = np.random.default_rng(seed).random((rows, width), np.float32)
    except (MemoryError, ValueError):
        raise UserError(
            f"The model does not fit into memory: {rows} rows of {width} numbers are {4 * rows * width / GIBIBYTE:.1f} GiB. Set a "
            "smaller vector_dim, fewer buckets, or a larger min_count."
        ) from None
    values_rd *= np.float32(2 / width)
    values_rd -= np.float32(1 / width)
    return values_rd


class Matrix(Protocol):
    """Rows of float32."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows r and their width d."""

    def rows(self, numbers: Sequence[int]) -> NDArray:
        """The rows of those numbers (n, d)."""


@dataclass(frozen=True)
class DenseMatrix:
    """A matrix as it is; `values_rd` may be mapped from a file."""

    values_rd: NDArray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows r and their width d."""
        return self.values_rd.shape[0], self.values_rd.shape[1]

    def rows(self, numbers: Sequence[int]) -> NDArray:
        """The rows of those numbers (n, d)."""
        return np.asarray(self.values_rd[np.asarray(numbers, np.int64)], np.float32)


@dataclass(frozen=True)
class Quantiser:
    """The centroids of each part of a row; the last part may be narrower than the others.

    `parts`: one (c, width) array of float32 for each part.
    """

    parts: Sequence[NDArray]

    def decode(self, codes_ns: NDArray) -> NDArray:
        """The rows (n, d) that the codes stand for."""
        return np.concatenate([part[codes_ns[:, s]] for s, part in enumerate(self.parts)], axis=1)


@dataclass(frozen=True)
class QuantisedMatrix:
    """A code for each part of each row and, where `norms` is there, a code for the row's norm, by which it is multiplied."""

    codes_rs: NDArray
    quantiser: Quantiser
    norm_codes_r: NDArray | None = None
    norms: Quantiser | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows r and their width d."""
        return self.codes_rs.shape[0], sum(part.shape[1] for part in self.quantiser.parts)

    def rows(self, numbers: Sequence[int]) -> NDArray:
        """The rows of those numbers (n, d)."""
        index_n = np.asarray(numbers, np.int64)
        found_nd = self.quantiser.decode(self.codes_rs[index_n])
        if self.norms is None or self.norm_codes_r is None:
            return found_nd
        return found_nd * self.norms.decode(self.norm_codes_r[index_n][:, None])
