"""Random projection to fewer columns, which nearly keeps all distances.

The artifact holds no matrix, only a seed, so the random bits come raw from PCG64, whose stream NumPy promises never to
change.

Axes: n rows · d columns of the data · p the next power of two · t columns kept
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

GENERATOR = "pcg64"


@dataclass(frozen=True)
class Reduction:
    """A projection from `input_dim` to `target_dim` columns. Squared lengths keep their expectation.

    `sign`: a matrix of random signs over √t [Achlioptas 2003]. Memory: d·t numbers; cost: d·t a row.
    `fjlt`: random signs, a Walsh-Hadamard transform, and t of its p columns drawn without replacement [Ailon & Chazelle
    2009; the drawing of Tropp 2011 in place of their sparse Gaussians]. Memory: d + t numbers; cost: p·log p a row.
    """

    kind: str
    seed: int
    input_dim: int
    target_dim: int

    def apply(self, x_nd: Tensor) -> Tensor:
        """The rows (n, d) as rows (n, t)."""
        return x_nd @ self._signs_dt if self.kind == "sign" else self._fjlt(x_nd)

    @cached_property
    def _signs_dt(self) -> Tensor:
        bits = random_bits(np.random.PCG64(self.seed), self.input_dim * self.target_dim)
        return _signs(bits).reshape(self.input_dim, self.target_dim) / math.sqrt(self.target_dim)

    def _fjlt(self, x_nd: Tensor) -> Tensor:
        signs_d, columns_t = self._signs_and_columns
        padded_np = torch.nn.functional.pad(x_nd * signs_d, (0, self._padded_dim - self.input_dim))
        return hadamard(padded_np)[:, columns_t] / math.sqrt(self.target_dim)

    @cached_property
    def _signs_and_columns(self) -> tuple[Tensor, Tensor]:
        source = np.random.PCG64(self.seed)
        signs_d = _signs(random_bits(source, self.input_dim))
        drawn = np.argsort(source.random_raw(self._padded_dim), kind="stable")[: self.target_dim]
        return signs_d, torch.from_numpy(np.sort(drawn))

    @property
    def _padded_dim(self) -> int:
        return 1 << (max(self.input_dim, self.target_dim) - 1).bit_length()


def random_bits(source: np.random.PCG64, count: int) -> np.ndarray:
    """`count` zeros and ones, the lowest bit of each 64-bit word first."""
    words = source.random_raw(-(-count // 64)).astype("<u8")
    return np.unpackbits(words.view(np.uint8), bitorder="little")[:count]


def hadamard(x_np: Tensor) -> Tensor:
    """The unscaled Walsh-Hadamard transform (n, p) of each row, p a power of 2, in p·log p additions.

    Applied twice, it gives p times the row.
    """
    n, p = x_np.shape
    half = 1
    while half < p:
        pairs = x_np.reshape(n, p // (2 * half), 2, half)
        low, high = pairs[:, :, 0], pairs[:, :, 1]
        x_np = torch.stack([low + high, low - high], 2).reshape(n, p)
        half *= 2
    return x_np


def _signs(bits: np.ndarray) -> Tensor:
    return torch.from_numpy(1 - 2 * bits.astype(np.float32))
