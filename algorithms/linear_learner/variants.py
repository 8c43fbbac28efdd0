"""The settings of the models that train side by side.

The original trains `num_models` models around the given parameters, but which ones is not published. Winners in its logs had
learning rate 0.005 or 0.1, weight decay 0.0001 or 1, a scheduler step of 10 or 100 and a least rate of 1e-5 or 1e-4 (Adam).
Here these values form a grid of 32, whose first model follows the recorded epochs of a real job [contract: linear-learner].
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

AUTO_MODELS = 32
LEARNING_RATES = {"adam": (0.005, 0.1), "rmsprop": (0.005, 0.05), "sgd": (0.05, 0.5)}
WEIGHT_DECAYS = (0.0, 0.0001, 0.01, 1.0)
STEPS = (10, 100)
LEAST_RATES = (1e-5, 1e-4)
FACTOR = 0.99
SHOWN = ("learning_rate", "wd", "l1", "lr_scheduler_step", "lr_scheduler_factor", "lr_scheduler_minimum_lr")
WIDER = {"learning_rate": (0.001, 0.5), "wd": (1e-7, 1.0)}
"""Ranges from which models beyond those of the grid are drawn, evenly by logarithm."""


@dataclass(frozen=True)
class Variant:
    """How one model learns. `positive_weight` multiplies the loss of positive examples of a binary classifier; `decorrelated`
    says in which coordinates, see `decorrelation`."""

    learning_rate: float
    wd: float
    l1: float
    lr_scheduler_step: int
    lr_scheduler_factor: float
    lr_scheduler_minimum_lr: float
    positive_weight: float = 1.0
    decorrelated: bool = False

    def shown(self, optimizer: str) -> dict[str, Any]:
        """The settings as the log's `Best model found for hyperparameters` shows them."""
        return {"optimizer": optimizer, **{name: getattr(self, name) for name in SHOWN}}


@dataclass(frozen=True)
class GivenSettings:
    """The settings of a variant that the user gave; None for the others."""

    learning_rate: float | None = None
    wd: float | None = None
    l1: float | None = None
    lr_scheduler_step: float | None = None
    lr_scheduler_factor: float | None = None
    lr_scheduler_minimum_lr: float | None = None


def grid(given: GivenSettings, optimizer: str, positive_weights: Sequence[float], decorrelated: bool) -> list[Variant]:
    """32 variants. Those that learn decorrelated, if any, come last.

    A value that is given comes first and has neighbours. Decorrelated learning takes the place of the second least rate, a
    second positive weight that of two weight decays.
    """
    rates = _around(given.learning_rate, LEARNING_RATES[optimizer], (1, 0.5))
    decays = _around(given.wd, WEIGHT_DECAYS, (1, 0.1, 10, 0))[: 4 // len(positive_weights)]
    steps = _around(given.lr_scheduler_step, STEPS, (1, 10))
    least = _around(given.lr_scheduler_minimum_lr, LEAST_RATES, (1, 0.1))[: 1 if decorrelated else 2]
    l1 = given.l1 or 0.0
    factor = FACTOR if given.lr_scheduler_factor is None else given.lr_scheduler_factor
    ways = (False, True) if decorrelated else (False,)
    return [
        Variant(rate, decay, l1, round(step), factor, low, weight, way)
        for way, weight, decay, rate, step, low in itertools.product(
            ways, positive_weights, decays, rates, steps, least
        )
    ]


def choose(variants: Sequence[Variant], count: int, rng: torch.Generator) -> list[Variant]:
    """`count` of the variants, spread over the grid with the first among them; more than it has are drawn at random. The
    decorrelated ones stay last."""
    size = len(variants)
    if count <= size:
        return [variants[i * size // count] for i in range(count)]
    drawn = [_drawn(variants[i % size], rng) for i in range(count - size)]
    return sorted([*variants, *drawn], key=lambda variant: variant.decorrelated)


def columns(variants: Sequence[Variant], name: str) -> Tensor:
    """One setting of all variants, (m,) float32."""
    return torch.tensor([float(getattr(each, name)) for each in variants])


def _around(given: float | None, free: Sequence[float], factors: Sequence[float]) -> list[float]:
    return list(free) if given is None else [given * factor for factor in factors]


def _drawn(variant: Variant, rng: torch.Generator) -> Variant:
    def evenly(name: str) -> float:
        low, high = WIDER[name]
        share = float(torch.rand((), generator=rng))
        return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))

    return replace(variant, learning_rate=evenly("learning_rate"), wd=evenly("wd"))
