"""Which rows could be among the nearest, and how much all others cost at least.

A cost is what a search makes small: the squared distance, or minus the inner product. A floor of a row is a number that its
true cost does not fall below.

Axes: n queries · d columns · m columns of a sketch · r rows · c candidates
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import faiss
import numpy as np
import torch
from torch import Tensor

UNIT = 2.0**-24
"""float32 rounds by this share at most."""

ROUNDINGS = 32
"""Roundings of a cost beside one for each column: of encoded rows, and of the last additions."""

CHUNK_ROWS = 8_192
SAMPLE_ROWS = 1_024

COLUMNS_PER_AXIS, MOST_AXES = 8, 63
"""A sketch has an axis for so many columns, and 63 at most, which with the rest's length fill four lines of a processor's
cache: more take longer to read than they save."""

MORE = 16
"""Candidates beyond k: as many may lie within faiss's rounding of the k-th."""

LOOKS_PER_CANDIDATE, LOOKS_LOW = 4, 432
"""Rows that a sketch has looked at in full, at most: so many for each candidate, and so many more."""

UNREAD = -1
"""In place of a row that faiss passes over."""


@dataclass(frozen=True)
class Candidates:
    """Candidates (n, c) of each query, and the floor of all rows that are not among them (n,); infinity if there are none."""

    rows_nc: Tensor
    rest_n: Tensor


@dataclass(frozen=True)
class Whole:
    """Candidates by the costs that faiss computes over all columns: floors, but for rounding."""

    index: faiss.IndexFlat

    @property
    def inner(self) -> bool:
        return self.index.metric_type == faiss.METRIC_INNER_PRODUCT

    @cached_property
    def rows_rd(self) -> Tensor:
        """The index's own memory, or the file that it is mapped to."""
        flat = faiss.rev_swig_ptr(self.index.get_xb(), self.index.ntotal * self.index.d)
        return torch.from_numpy(flat).reshape(self.index.ntotal, self.index.d)

    @cached_property
    def longest(self) -> float:
        """The largest Euclidean length of a row."""
        return max(float(torch.linalg.vector_norm(part, dim=1).max()) for part in self.rows_rd.split(CHUNK_ROWS))

    def error_n(self, x_nd: Tensor) -> Tensor:
        """How far a computed cost can be from the true one [Higham 2002, §3.1], float64."""
        length_n = torch.linalg.vector_norm(x_nd.double(), dim=1)
        magnitude_n = length_n * self.longest if self.inner else (length_n + self.longest) ** 2
        return magnitude_n * UNIT * (self.index.d + ROUNDINGS)

    def floors(self, x_nd: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """The `count` lowest floors (n, c), ascending, and their rows."""
        follow_torch()
        scores_nc, rows_nc = self.index.search(x_nd.numpy(), count)
        costs_nc = torch.from_numpy(-scores_nc if self.inner else scores_nc)
        return costs_nc - self.error_n(x_nd)[:, None], torch.from_numpy(rows_nc)

    def find(self, x_nd: Tensor, k: int) -> Candidates:
        count = min(k + MORE, self.index.ntotal)
        floors_nc, rows_nc = self.floors(x_nd, count)
        everything = count == self.index.ntotal
        return Candidates(rows_nc, torch.full((len(x_nd),), torch.inf) if everything else floors_nc[:, -1])

    def find_within(self, x_d: Tensor, cost: float) -> Tensor:
        """All rows (c,) whose floor is at most `cost`, for one query."""
        follow_torch()
        limit = np.float32(cost + float(self.error_n(x_d[None])))
        for _ in range(2):  # the limit may have been rounded down, and faiss leaves out what lies on the radius
            limit = np.nextafter(limit, np.float32(np.inf))
        _, _, rows_c = self.index.range_search(x_d[None].numpy(), float(-limit if self.inner else limit))
        return torch.from_numpy(rows_c)


@dataclass(frozen=True)
class Sketch:
    """Candidates by a narrow index, of which few are looked at in full. Memory: m + 1 numbers a row, about an eighth of it.

    Let p be a row's part along the m strongest principal axes of the rows, and q the length of what these leave over:
    |x - y|² ≥ |p_x - p_y|² + (q_x - q_y)², and x·y ≤ p_x·p_y + q_x·q_y [Cauchy-Schwarz]. These floors are again squared
    distances and inner products, of m + 1 columns, so faiss finds the lowest.
    """

    whole: Whole
    narrow: Whole
    center_d: Tensor
    axes_dm: Tensor

    @classmethod
    def of(cls, whole: Whole) -> Self:
        """Any center and orthonormal axes give true floors; those of a few rows of the index give high ones."""
        r, d = whole.rows_rd.shape
        x_sd = whole.rows_rd[torch.linspace(0, r - 1, min(r, SAMPLE_ROWS)).long()].double()
        center_d = torch.zeros(d, dtype=torch.float64) if whole.inner else x_sd.mean(0)
        x_sd -= center_d
        strongest_sm = torch.linalg.eigh(x_sd @ x_sd.T).eigenvectors[:, -min(MOST_AXES, d // COLUMNS_PER_AXIS) :]
        axes_dm = torch.linalg.qr(x_sd.T @ strongest_sm).Q
        index = faiss.IndexFlat(axes_dm.shape[1] + 1, whole.index.metric_type)
        sketch = cls(whole, Whole(index), center_d, axes_dm)
        index.add(torch.cat([sketch._encode(part) for part in whole.rows_rd.split(CHUNK_ROWS)]).numpy())
        return sketch

    def _encode(self, x_nd: Tensor) -> Tensor:
        centered_nd = x_nd.double() - self.center_d
        along_nm = centered_nd @ self.axes_dm
        across_n = (centered_nd.square().sum(1) - along_nm.square().sum(1)).clamp(min=0).sqrt()
        return torch.cat([along_nm, across_n[:, None]], 1).float()

    def find(self, x_nd: Tensor, k: int) -> Candidates:
        """Only rows that could be among the k nearest, by what the first few look like, are looked at in full."""
        count = k + MORE
        looks = min(LOOKS_PER_CANDIDATE * count + LOOKS_LOW, self.whole.index.ntotal - 1)
        narrow_nc, rows_nc = self.narrow.floors(self._encode(x_nd), looks)
        first_nc = self._floors(x_nd, rows_nc[:, :count].contiguous())
        could_nc = narrow_nc <= first_nc.kthvalue(k, 1, keepdim=True).values
        looked_nc = self._floors(x_nd, rows_nc.where(could_nc, UNREAD))
        floors_nc, order_nc = looked_nc.where(could_nc, narrow_nc).sort(1)
        chosen_nc = rows_nc.gather(1, order_nc[:, :count])
        return Candidates(chosen_nc, torch.minimum(narrow_nc[:, -1], floors_nc[:, count]))

    def _floors(self, x_nd: Tensor, rows_nc: Tensor) -> Tensor:
        """Floors of some rows, by all columns; without meaning for a row that is UNREAD."""
        follow_torch()
        costs_nc = torch.empty(rows_nc.shape)
        compute = faiss.fvec_inner_products_by_idx if self.whole.inner else faiss.fvec_L2sqr_by_idx
        pointers = (faiss.swig_ptr(each.numpy()) for each in (costs_nc, x_nd, self.whole.rows_rd, rows_nc))
        compute(*pointers, x_nd.shape[1], *rows_nc.shape)
        if self.whole.inner:
            return -costs_nc - self.whole.error_n(x_nd)[:, None]
        return costs_nc.double() * (1 - UNIT * (x_nd.shape[1] + ROUNDINGS))


def follow_torch() -> None:
    """faiss has threads of its own; a server's worker gives torch one."""
    faiss.omp_set_num_threads(torch.get_num_threads())
