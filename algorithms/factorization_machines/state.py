"""The state of training: the parameters, and Adam's two moments of each.

Axes: d features · f factors · u columns that occur in a mini-batch · a parameters that a column has in a term
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from wildsage.algorithms.factorization_machines import steps
from wildsage.algorithms.factorization_machines.steps import Gradient, ParameterAndMoments, Rates, Terms


@dataclass
class AdamState:
    """`bias` (3, 1), `linear` (3, d, 1) and `factors` (3, d, f), float32: the parameters of a term, then the moving means of their
    gradient, then those of its square. `updates` counts Adam's steps.
    """

    bias: Tensor
    linear: Tensor
    factors: Tensor
    updates: int = 0

    @classmethod
    def start(cls, bias_1: Tensor, linear_d1: Tensor, factors_df: Tensor) -> Self:
        """The state before the first step: these parameters, (1,), (d, 1) and (d, f), and moments of zero."""
        bias, linear, factors = (
            torch.stack([term, *[torch.zeros_like(term)] * 2]) for term in (bias_1, linear_d1, factors_df)
        )
        return cls(bias, linear, factors)

    @property
    def feature_dim(self) -> int:
        """Columns of the data, d."""
        return self.factors.shape[1]

    @property
    def num_factors(self) -> int:
        """Factors of each column, f."""
        return self.factors.shape[2]

    def fetch(self, columns_u: Tensor) -> ParameterAndMoments:
        """Parameters and moments of the columns (u,), copied, and those of the bias, not copied."""
        return ParameterAndMoments(
            self.bias, self.linear.index_select(1, columns_u), self.factors.index_select(1, columns_u)
        )

    def move(self, gradient: Gradient, fetched: ParameterAndMoments, rates: Rates) -> None:
        """One step of Adam. `fetched` is what `fetch` gave for the gradient's columns. Overwrites both arguments.

        Other columns do not change, and neither do their moments: this is MXNet's lazy update of row-sparse parameters.
        """
        self.updates += 1
        steps.adam(fetched, gradient.terms, self.updates, rates)
        self.linear.index_copy_(1, gradient.columns_u, fetched.linear_3u1)
        _put_rows(self.factors, gradient.columns_u, fetched.factors_3uf)

    def arrays(self) -> dict[str, Tensor]:
        """The state as plain arrays. They are not copies, so write them before training continues."""
        terms = {"bias": self.bias, "linear": self.linear, "factors": self.factors}
        return {**terms, "updates": torch.tensor([self.updates])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], device: torch.device) -> Self:
        """The inverse of `arrays`. The arrays of a finished model are accepted too: their moments are zero."""
        if "updates" in arrays:
            bias, linear, factors = (arrays[term].to(device) for term in ("bias", "linear", "factors"))
            return cls(bias, linear, factors, int(arrays["updates"]))
        w0, w1, v = (arrays[name].to(device) for name in ("w0_weight", "w1_weight", "v"))
        return cls.start(w0.reshape(1), w1, v)


def parameters_of(fetched: ParameterAndMoments) -> Terms:
    """The parameters alone, without their moments; not copies."""
    return Terms(fetched.bias_31[0], fetched.linear_3u1[0], fetched.factors_3uf[0])


def _put_rows(table_3da: Tensor, columns_u: Tensor, rows_3ua: Tensor) -> None:
    """Copy the rows of columns (3, u, a) to their places. On a CPU NumPy copies a row as one piece, in a third of torch's time."""
    if table_3da.is_cpu:
        row = np.dtype((np.void, table_3da.shape[2] * table_3da.element_size()))
        table_3da.numpy().view(row)[:, columns_u.numpy()] = rows_3ua.numpy().view(row)
    else:
        table_3da.index_copy_(1, columns_u, rows_3ua)
