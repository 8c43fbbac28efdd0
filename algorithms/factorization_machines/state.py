"""What a factorization machine remembers while it trains: parameters, and Adam's two moments of each.

Axes: d features · c parameters of a column: w1, then the f factors of v · u columns that a batch touches
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from algorithms.factorization_machines import steps
from algorithms.factorization_machines.steps import Gradient, Rates


@dataclass
class State:
    """`table` (d, 3c) holds parameters, means and variances side by side, so that a column is fetched from one place.

    `bias_3` are the same three of w0; `updates` counts Adam's steps.
    """

    table: Tensor
    bias_3: Tensor
    updates: int = 0

    @classmethod
    def start(cls, bias_1: Tensor, p_dc: Tensor) -> Self:
        """Parameters as they begin, moments of zero."""
        d, c = p_dc.shape
        table = p_dc.new_zeros(d, 3 * c)
        table[:, :c] = p_dc
        return cls(table, torch.cat([bias_1, bias_1.new_zeros(2)]))

    @property
    def bias_1(self) -> Tensor:
        return self.bias_3[:1]

    @property
    def p_dc(self) -> Tensor:
        """All parameters (d, c), a view."""
        return self.parameters_of(self.table)

    @staticmethod
    def parameters_of(rows: Tensor) -> Tensor:
        """The parameters in rows of the table, a view."""
        return rows[:, : rows.shape[1] // 3]

    def fetch(self, columns_u: Tensor) -> Tensor:
        """The rows (u, 3c) of some columns, copied."""
        return self.table.index_select(0, columns_u)

    def move(self, by: Gradient, rows_u: Tensor, rates: Rates) -> None:
        """One step of Adam. `rows_u` is what `fetch` gave for the gradient's columns; no other column is touched, not even
        its moments: MXNet's lazy update of row-sparse parameters. Uses up both."""
        self.updates += 1
        c = rows_u.shape[1] // 3
        p_uc, mean_uc, variance_uc = rows_u[:, :c], rows_u[:, c : 2 * c], rows_u[:, 2 * c :]
        slope_uc = by.rows_uc.addcmul_(p_uc, rates.wd_c)
        steps.adam(p_uc, mean_uc, variance_uc, slope_uc, self.updates, rates.lr_c, rates)
        self.table.index_copy_(0, by.columns_u, rows_u)
        bias_1, mean_1, variance_1 = self.bias_3.split(1)
        steps.adam(bias_1, mean_1, variance_1, by.bias_1 + rates.bias_wd * bias_1, self.updates, rates.bias_lr, rates)

    def arrays(self) -> dict[str, Tensor]:
        """The state as plain arrays: not copies, so write them before training goes on."""
        return {"table": self.table, "bias": self.bias_3, "updates": torch.tensor([self.updates])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], device: torch.device) -> Self:
        """The inverse of `arrays`; the arrays of a finished model will do too, and begin with moments of zero."""
        if "table" in arrays:
            return cls(arrays["table"].to(device), arrays["bias"].to(device), int(arrays["updates"]))
        p_dc = torch.cat([arrays["w1_weight"], arrays["v"]], 1).to(device)
        return cls.start(arrays["w0_weight"].reshape(1).to(device), p_dc)
