"""How a mini-batch's slope updates the parameters of all models, each at its own rate.

A parameter and the optimizer's running values of it (its moments) are the slots of one tensor.
Axes: p slots of a parameter · a any rows (features, or 1 for the bias) · o outputs of all models
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

EPSILON = 1e-8
RMSPROP_DECAY = 0.9
"""MXNet's, for its RMSProp without centering."""


class Optimizer(Protocol):
    """A rule by which a slope changes the parameters."""

    @property
    def name(self) -> str:
        """Its name as a value of the hyperparameter `optimizer`."""
        ...

    @property
    def slots(self) -> int:
        """Slots that a parameter needs: itself, and its running values."""
        ...

    def move(self, slots_pao: Tensor, slope_ao: Tensor, rate_o: Tensor, updates: int) -> None:
        """Change the slots (p, a, o) in place by the slope (a, o) at rates (o,). This is update `updates`, counted from 1."""
        ...


@dataclass(frozen=True)
class Adam:
    """Mean and uncentered variance of the slopes [Kingma & Ba 2015, arXiv:1412.6980, section 2], as MXNet computes it."""

    beta_1: float
    beta_2: float
    slots: int = 3
    name: str = "adam"

    def move(self, slots_pao: Tensor, slope_ao: Tensor, rate_o: Tensor, updates: int) -> None:
        weights_ao, mean_ao, variance_ao = slots_pao
        mean_ao.lerp_(slope_ao, 1 - self.beta_1)
        variance_ao.mul_(self.beta_2).addcmul_(slope_ao, slope_ao, value=1 - self.beta_2)
        unbiased = math.sqrt(1 - self.beta_2**updates) / (1 - self.beta_1**updates)
        weights_ao.addcdiv_(mean_ao * (rate_o * -unbiased), variance_ao.sqrt().add_(EPSILON))


@dataclass(frozen=True)
class RMSProp:
    """Slopes over the root of their mean square [Tieleman & Hinton 2012, lecture 6.5; MXNet's RMSProp]."""

    slots: int = 2
    name: str = "rmsprop"

    def move(self, slots_pao: Tensor, slope_ao: Tensor, rate_o: Tensor, updates: int) -> None:
        weights_ao, square_ao = slots_pao
        square_ao.mul_(RMSPROP_DECAY).addcmul_(slope_ao, slope_ao, value=1 - RMSPROP_DECAY)
        weights_ao.addcdiv_(slope_ao * -rate_o, square_ao.add(EPSILON).sqrt_())


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum [Sutskever et al. 2013, section 2; MXNet's SGD]."""

    momentum: float
    slots: int = 2
    name: str = "sgd"

    def move(self, slots_pao: Tensor, slope_ao: Tensor, rate_o: Tensor, updates: int) -> None:
        weights_ao, velocity_ao = slots_pao
        velocity_ao.mul_(self.momentum).addcmul_(slope_ao, rate_o, value=-1)
        weights_ao.add_(velocity_ao)
