"""A search for the nearest of many centers by whole numbers of eight bits, for the stream, which only summarises.

Axes: n rows of a batch · b rows of a block · d features · m streaming centers
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.steps import ExactSearch, Find

UNITS = ("avx512_vnni", "amx_int8")
"""Units of a processor, as torch names them, that multiply int8 exactly. Without one, sums of products may saturate."""

NUMBERS_LOW = 1 << 19
"""With fewer numbers in the centers, all batches are searched in float32."""

CHECKED_ROWS, COST_HIGH = 32, 1.001
"""Rows of each batch, or a few more, that are searched in both ways, and the most that int8's cost may be of the exact one."""

LARGEST = 127
COLUMNS_HIGH = (2**31 - 1) // LARGEST**2
"""Of more columns, the sum of the products may be beyond int32."""


def suits(m: int, d: int, device: torch.device) -> bool:
    """Whether a job with m streaming centers of d columns may search by int8: a rule of the shape and of the processor."""
    if device.type != "cpu" or m * d < NUMBERS_LOW or d > COLUMNS_HIGH:
        return False
    capabilities_of = getattr(torch.cpu, "get_capabilities", dict)  # older versions of torch cannot tell
    capabilities: Mapping[str, object] = capabilities_of()
    return any(capabilities.get(unit) for unit in UNITS)


class Int8Search(ExactSearch):
    """A search by x·c - |c|²/2, where the product is one of int8 whose sums in int32 are exact.

    Every row and every center has a scale of its own, so that an outlier coarsens only itself.
    """

    def __init__(self, exact: ExactSearch) -> None:
        """Of the same centers as an exact search."""
        self.origin_d, self.shifted_md, self.half_square_m = exact.origin_d, exact.shifted_md, exact.half_square_m
        self._int8_md, scale_m1 = _quantised(self.shifted_md)
        self._scale_m = scale_m1[:, 0].contiguous()
        self._offset_m = -self.half_square_m

    def finder(self, size: int) -> Find:
        products_bm = self._int8_md.new_empty(size, len(self._int8_md), dtype=torch.int32)
        buffer_bm = torch.empty_like(products_bm, dtype=self._scale_m.dtype)

        def find(block_bd: Tensor) -> Tensor:
            b = len(block_bd)
            int8_bd, scale_b1 = _quantised(block_bd)
            torch._int_mm(int8_bd, self._int8_md.T, out=products_bm[:b])
            scores_bm = buffer_bm[:b].copy_(products_bm[:b]).mul_(self._scale_m)
            torch.addcmul(self._offset_m, scores_bm, scale_b1, out=scores_bm)
            return torch.from_numpy(scores_bm.numpy().argmax(1))

        return find


def agrees(coarse: Int8Search, exact: ExactSearch, x_nd: Tensor) -> bool:
    """Whether the centers that `coarse` finds cost hardly more than the nearest ones, by some rows of the batch (n, d)."""
    rows_nd = x_nd[:: max(1, len(x_nd) // CHECKED_ROWS)]
    cost, least = (search.nearest(rows_nd)[1].sum(dtype=torch.float64) for search in (coarse, exact))
    return bool(cost <= COST_HIGH * least)


def _quantised(x_nd: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, d) as int8 from -127 to 127, and the scale (n, 1) that each has to be multiplied by."""
    scale_n1 = x_nd.abs().amax(1, keepdim=True).div_(LARGEST).clamp_min_(steps.tiny(x_nd))
    return x_nd.div(scale_n1).round_().to(torch.int8), scale_n1
