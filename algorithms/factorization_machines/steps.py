"""The steps of factorization machines [Rendle 2010], and of Adam as MXNet has it, on the columns that a batch touches.

Axes: n rows of a batch · u columns that occur in it · d features · c parameters of a column: w1, then the f factors of v
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from algorithms.factorization_machines.incidence import Bags, Incidence

BETA_1, BETA_2 = 0.9, 0.999
"""Adam's decays, MXNet's defaults [contract: factorization-machines, Optimiser]."""


@dataclass(frozen=True)
class Gradient:
    """Of the loss summed over rows: by the bias (1,), and by the parameters (u, c) of the columns `columns_u`, ascending."""

    bias_1: Tensor
    columns_u: Tensor
    rows_uc: Tensor

    def arrays(self) -> dict[str, Tensor]:
        """As plain arrays, for other hosts."""
        return {"bias": self.bias_1, "columns": self.columns_u, "rows": self.rows_uc}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], device: torch.device) -> Self:
        """The inverse of `arrays`."""
        return cls(*(arrays[name].to(device) for name in ("bias", "columns", "rows")))


@dataclass(frozen=True)
class Rates:
    """Adam's settings: `*_c` one number for each parameter of a column, `bias_*` those of the bias. `clip` None: no clipping."""

    lr_c: Tensor
    wd_c: Tensor
    bias_lr: float
    bias_wd: float
    epsilon: float
    clip: float | None = None


def scores(bias_1: Tensor, p_uc: Tensor, batch: Incidence) -> tuple[Tensor, Tensor]:
    """f(x) (n, 1) and the sums S = X P (n, c), which the gradient needs again.

    f = w0 + x w1 + ½ Σ_f [(x v_f)² − x² v_f²]  [Rendle 2010, lemma 3.1]
    """
    s_nc = batch.by_row.sum(p_uc)
    norm_u1 = p_uc[:, 1:].square().sum(1, keepdim=True)
    pairs_n1 = s_nc[:, 1:].square().sum(1, keepdim=True).sub_(batch.by_row_squared.sum(norm_u1))
    return pairs_n1.mul_(0.5).add_(s_nc[:, :1]).add_(bias_1), s_nc


def gradient(error_n1: Tensor, s_nc: Tensor, p_uc: Tensor, batch: Incidence) -> Gradient:
    """From each row's ∂loss/∂f: Σ e for w0, Xᵀe for w1, Xᵀ(e S) − (X²)ᵀe v for v [Rendle 2010, eq. 4]. Uses up `s_nc`."""
    s_nc[:, 0] = 1
    rows_uc = batch.by_column.sum(s_nc.mul_(error_n1))
    rows_uc[:, 1:].addcmul_(p_uc[:, 1:], batch.by_column_squared.sum(error_n1), value=-1)
    return Gradient(error_n1.sum(0), batch.columns_u, rows_uc)


def added(parts: Sequence[Gradient]) -> Gradient:
    """The gradient of all parts' rows together, the same for the same parts."""
    columns, order = torch.cat([part.columns_u for part in parts]).sort(stable=True)
    columns_u, counts_u = torch.unique_consecutive(columns, return_counts=True)
    rows = torch.cat([part.rows_uc for part in parts])
    bags = Bags(order, counts_u.cumsum(0) - counts_u, rows.new_ones(len(rows)))
    return Gradient(torch.stack([part.bias_1 for part in parts]).sum(0), columns_u, bags.sum(rows))


def adam(
    parameter: Tensor, mean: Tensor, variance: Tensor, slope: Tensor, updates: int, lr: Tensor | float, rates: Rates
) -> None:
    """Move a parameter and its two moments, in place; `slope` has the weight decay in it and is used up.

    MXNet's `adam_update`: clipping comes after weight decay, and the bias correction of the `updates`-th step is folded
    into the step size [Kingma & Ba 2015, end of section 2].
    """
    if rates.clip is not None:
        slope.clamp_(-rates.clip, rates.clip)
    mean.lerp_(slope, 1 - BETA_1)
    variance.mul_(BETA_2).addcmul_(slope, slope, value=1 - BETA_2)
    correction = (1 - BETA_2**updates) ** 0.5 / (1 - BETA_1**updates)
    parameter.addcdiv_(mean * lr, variance.sqrt().add_(rates.epsilon), value=-correction)
