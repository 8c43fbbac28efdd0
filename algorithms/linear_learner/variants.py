"""The settings of the models that train side by side.

The original trains `num_models` models around the given parameters, but which ones is not published. Winners in its logs had
learning rate 0.005 or 0.1, weight decay 0.0001 or 1, a scheduler step of 10 or 100 and a least rate of 1e-5 or 1e-4 (Adam).
Here most of these values and some between them form a grid of 32, whose first model follows the recorded epochs of a real job
[contract: linear-learner]. Which values are worth a model was found by a wider search: `benchmarks.linear_learner_quality`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

AUTO_MODELS = 32
LEARNING_RATES = {
    "adam": (0.005, 0.1, 0.02, 0.05),
    "rmsprop": (0.005, 0.05, 0.001, 0.02),
    "sgd": (0.05, 0.5, 0.01, 0.2),
}
WEIGHT_DECAYS = (0.0, 0.0001, 0.01, 1.0)
STEPS = (10, 100, 3, 30)
LEAST_RATE = 1e-5
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

    A value that is given comes first and has neighbours. Of three settings that differ, the two that matter most have as many
    values as fill the grid: the weight decay and the learning rate, or decorrelated the schedule. A second positive weight takes
    the place of half of the weight decays.
    """
    plain = _Values(decays=4, rates=2 if decorrelated else 4, steps=2)
    return [
        *_product(given, optimizer, positive_weights, plain, False),
        *(
            _product(given, optimizer, positive_weights, _Values(decays=2, rates=2, steps=4), True)
            if decorrelated
            else ()
        ),
    ]


class _Values(NamedTuple):
    """How many values of a setting occur in a grid."""

    decays: int
    rates: int
    steps: int


def _product(
    given: GivenSettings, optimizer: str, positive_weights: Sequence[float], values: _Values, decorrelated: bool
) -> Iterator[Variant]:
    rates = _around(given.learning_rate, LEARNING_RATES[optimizer], (1, 0.5, 2, 0.2))[: values.rates]
    decays = _around(given.wd, WEIGHT_DECAYS, (1, 0.1, 10, 0))[: values.decays // len(positive_weights)]
    steps = _around(given.lr_scheduler_step, STEPS, (1, 10, 0.3, 3))[: values.steps]
    least = LEAST_RATE if given.lr_scheduler_minimum_lr is None else given.lr_scheduler_minimum_lr
    factor = FACTOR if given.lr_scheduler_factor is None else given.lr_scheduler_factor
    for weight, decay, rate, step in itertools.product(positive_weights, decays, rates, steps):
        yield Variant(rate, decay, given.l1 or 0.0, max(1, round(step)), factor, least, weight, decorrelated)


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
