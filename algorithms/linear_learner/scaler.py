"""Standardisation: in training, columns and labels get mean 0 and deviation 1, measured on the first rows of the channel.

Axes: n rows · d features · o outputs of all models
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch, SparseRows


@dataclass(frozen=True)
class Scaler:
    """A column is shifted by `mean_d` and divided by `deviation_d`, a label by the other two; 0 and 1 leave it as it is."""

    mean_d: Tensor
    deviation_d: Tensor
    label_mean: float
    label_deviation: float

    @classmethod
    def from_rows(
        cls,
        rows: Batch,
        labels_n: Tensor,
        total: Callable[[Tensor], Tensor],
        *,
        normalize: bool,
        unbias: bool,
        normalize_label: bool,
        unbias_label: bool,
    ) -> Self:
        """The scaler of the first rows of all hosts and their labels (n,); `total` adds a tensor up over the hosts.

        Sums are float64.
        """
        sums_d, squares_d = _sums(rows)
        labels_n = labels_n.double()
        own = torch.stack(
            [torch.tensor(float(len(rows)), dtype=torch.float64), labels_n.sum(), labels_n.square().sum()]
        )
        count, *label_sums = total(own).tolist()
        count = max(count, 1.0)
        mean_d = total(sums_d) / count
        deviation_d = _deviation(mean_d, total(squares_d) / count)
        label_means = torch.tensor(label_sums, dtype=torch.float64) / count
        label_mean, label_deviation = float(label_means[0]), float(_deviation(*label_means))
        return cls(
            mean_d.float() if unbias else torch.zeros_like(mean_d, dtype=torch.float32),
            deviation_d.float() if normalize else torch.ones_like(deviation_d, dtype=torch.float32),
            label_mean if unbias_label else 0.0,
            label_deviation if normalize_label else 1.0,
        )

    @property
    def shifts(self) -> bool:
        """Whether any column is shifted, so that sparse rows lose their zeros."""
        return bool(self.mean_d.any())

    def features(self, x_nd: Tensor) -> Tensor:
        """Standardised rows (n, d)."""
        return (x_nd - self.mean_d).div_(self.deviation_d)

    def sparse_features(self, rows: SparseRows) -> SparseRows:
        """The same for sparse rows, if no column is shifted."""
        values_z = rows.values_z.float() / self.deviation_d[rows.columns_z]
        return SparseRows(rows.starts_n1, rows.columns_z, values_z, rows.width)

    def labels(self, labels_n: Tensor) -> Tensor:
        """Standardised labels (n,)."""
        return (labels_n - self.label_mean) / self.label_deviation

    def folded(self, weights_do: Tensor, bias_o: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (d, o) and bias (o,) for rows that are not standardised, with answers in the labels' units."""
        raw_do = weights_do.double().div_(self.deviation_d[:, None])
        raw_o = bias_o.double() - self.mean_d.double() @ raw_do
        raw_o = raw_o * self.label_deviation + self.label_mean
        return raw_do.mul_(self.label_deviation).float(), raw_o.float()

    def unfolded(self, weights_do: Tensor, bias_o: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse of `folded`."""
        raw_do, raw_o = weights_do.double(), bias_o.double()
        raw_o = (raw_o + self.mean_d.double() @ raw_do - self.label_mean) / self.label_deviation
        return (raw_do * self.deviation_d[:, None] / self.label_deviation).float(), raw_o.float()

    def arrays(self) -> dict[str, Tensor]:
        """The scaler as plain arrays, for a state."""
        label = torch.tensor([self.label_mean, self.label_deviation], dtype=torch.float64)
        return {"scaler_mean": self.mean_d, "scaler_deviation": self.deviation_d, "scaler_label": label}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], device: torch.device) -> Self:
        """The inverse of `arrays`."""
        label_mean, label_deviation = arrays["scaler_label"].tolist()
        mean_d, deviation_d = (arrays[f"scaler_{name}"].to(device) for name in ("mean", "deviation"))
        return cls(mean_d, deviation_d, label_mean, label_deviation)

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        return type(self)(self.mean_d.to(device), self.deviation_d.to(device), self.label_mean, self.label_deviation)


def _sums(rows: Batch) -> tuple[Tensor, Tensor]:
    """Of each column the sum and the sum of squares, (d,) float64 each."""
    if isinstance(rows.features, SparseRows):
        values_z = rows.features.values_z.double()
        none_d = values_z.new_zeros(rows.width)
        columns_z = rows.features.columns_z
        return none_d.index_add(0, columns_z, values_z), none_d.index_add(0, columns_z, values_z.square())
    x_nd = rows.features.double()
    return x_nd.sum(0), x_nd.square().sum(0)


def _deviation(mean_d: Tensor, square_d: Tensor) -> Tensor:
    """The standard deviation; 1 for a column of one value, within the rounding of float64 sums."""
    variance_d = square_d - mean_d.square()
    constant_d = variance_d <= 1e-12 * square_d
    return torch.where(constant_d, 1.0, variance_d.clamp_min(0).sqrt())
