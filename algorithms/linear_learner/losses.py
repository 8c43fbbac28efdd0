"""The losses that training minimises: the loss of each row, and its slope.

Axes: n rows of a batch · m models · c outputs of a model (its classes; 1 for a binary classifier or a regressor)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Loss(Protocol):
    """`rows` gives the loss (n, m) and its slope (n, m, c) by the scores (n, m, c), for labels (n,) float32.

    `name` is what the log calls the mean of it, before `_objective`.
    """

    @property
    def name(self) -> str:
        """The log's name of the mean loss, before `_objective`."""
        ...

    def rows(self, f_nmc: Tensor, labels_n: Tensor) -> tuple[Tensor, Tensor]:
        """Loss (n, m) and slope (n, m, c)."""
        ...


@dataclass(frozen=True)
class Logistic:
    """Cross entropy of the sigmoid of the score."""

    name: str = "binary_classification_cross_entropy"

    def rows(self, f_nmc: Tensor, labels_n: Tensor) -> tuple[Tensor, Tensor]:
        y_nmc = labels_n[:, None, None]
        loss_nmc = functional.softplus(f_nmc) - y_nmc * f_nmc
        return loss_nmc[..., 0], f_nmc.sigmoid() - y_nmc


@dataclass(frozen=True)
class Hinge:
    """Zero for a row on the correct side by `margin` or more, else the distance to that margin."""

    margin: float
    name: str = "hinge_loss"

    def rows(self, f_nmc: Tensor, labels_n: Tensor) -> tuple[Tensor, Tensor]:
        side_nmc = (2 * labels_n - 1)[:, None, None]
        short_nmc = (self.margin - side_nmc * f_nmc).clamp_min(0)
        return short_nmc[..., 0], -side_nmc * (short_nmc > 0)


@dataclass(frozen=True)
class Softmax:
    """Cross entropy of the softmax over classes; a row of class i counts `class_weights_c[i]` times."""

    class_weights_c: Tensor | None = None
    name: str = "multiclass_cross_entropy"

    def rows(self, f_nmc: Tensor, labels_n: Tensor) -> tuple[Tensor, Tensor]:
        class_n = labels_n.long()
        log_p_nmc = f_nmc.log_softmax(-1)
        at_nm1 = class_n[:, None, None].expand(-1, f_nmc.shape[1], 1)
        loss_nm = -log_p_nmc.gather(-1, at_nm1)[..., 0]
        slope_nmc = log_p_nmc.exp()
        slope_nmc.scatter_add_(-1, at_nm1, slope_nmc.new_full(at_nm1.shape, -1.0))
        if self.class_weights_c is None:
            return loss_nm, slope_nmc
        weight_n = self.class_weights_c[class_n]
        return loss_nm * weight_n[:, None], slope_nmc * weight_n[:, None, None]


@dataclass(frozen=True)
class RegressionLoss:
    """A regressor's loss: a function of score minus label, and its slope."""

    name: str
    loss: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]

    def rows(self, f_nmc: Tensor, labels_n: Tensor) -> tuple[Tensor, Tensor]:
        error_nmc = f_nmc - labels_n[:, None, None]
        return self.loss(error_nmc)[..., 0], self.slope(error_nmc)


def squared() -> RegressionLoss:
    """The square of the error; its slope is the error itself, as MXNet's LinearRegressionOutput has it."""
    return RegressionLoss("squared_loss", torch.square, lambda error: error)


def absolute() -> RegressionLoss:
    """The absolute error, which the median minimises."""
    return RegressionLoss("absolute_loss", torch.abs, torch.sign)


def eps_insensitive_squared(insensitivity: float) -> RegressionLoss:
    """The square of the part of the error beyond `insensitivity`."""

    def beyond(error: Tensor) -> Tensor:
        return functional.softshrink(error, insensitivity)

    return RegressionLoss("eps_insensitive_squared_loss", lambda error: beyond(error).square(), beyond)


def eps_insensitive_absolute(insensitivity: float) -> RegressionLoss:
    """The size of the part of the error beyond `insensitivity`."""

    def beyond(error: Tensor) -> Tensor:
        return functional.softshrink(error, insensitivity)

    return RegressionLoss(
        "eps_insensitive_absolute_loss", lambda error: beyond(error).abs(), lambda error: beyond(error).sign()
    )


def quantile(q: float) -> RegressionLoss:
    """Pinball loss: the label is below the score with probability q."""

    def slope(error: Tensor) -> Tensor:
        return torch.where(error > 0, 1 - q, torch.where(error < 0, -q, torch.zeros_like(error)))

    return RegressionLoss("quantile_loss", lambda error: error * slope(error), slope)


def huber(delta: float) -> RegressionLoss:
    """Half the square of an error up to `delta`, linear beyond it [Huber 1964, doi:10.1214/aoms/1177703732]."""

    def loss(error: Tensor) -> Tensor:
        size = error.abs()
        return torch.where(size <= delta, size.square() / 2, delta * (size - delta / 2))

    return RegressionLoss("huber_loss", loss, lambda error: error.clamp(-delta, delta))
