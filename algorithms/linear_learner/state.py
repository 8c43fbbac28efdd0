"""The state of training.

Axes: p slots of the optimizer · d features · m models · c outputs of a model · o = m · c outputs of all
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from wildsage.algorithms.linear_learner.decorrelation import Decorrelation
from wildsage.algorithms.linear_learner.refinement import NewtonRefinement
from wildsage.algorithms.linear_learner.scaler import Scaler

COUNTS = "counts"
"""An array that a state has and a finished model lacks."""

TENSORS = ("weights", "bias", "sums", "best_weights", "best_bias", "loss_2m", "class_counts")


@dataclass
class State:
    """`weights` (p, d, o) and `bias` (p, 1, o) hold what is learned for normalised columns, and the optimizer's memory of it.

    `sums` (d + 1, o) add up weights and bias over the updates of a pass, if rows are dense; else it is empty. `best` is the
    criterion of the best epoch so far and `best_loss` its loss, `stale` epochs have been no better since, and `best_weights`
    (k, d, o) and `best_bias` (k, 1, o) are the weights at its end and, if there are sums, on average. `loss_2m` are the sums of
    this pass: weighted losses, and weights. `class_counts` counts a classifier's labels in the first rows; `classes_seen` says
    which labels occurred at all.
    """

    scaler: Scaler
    decorrelation: Decorrelation
    weights: Tensor
    bias: Tensor
    sums: Tensor
    best_weights: Tensor
    best_bias: Tensor
    loss_2m: Tensor
    class_counts: Tensor
    classes_seen: Tensor
    pass_updates: int = 0
    best: float = float("inf")
    best_loss: float = float("inf")
    stale: int = 0
    updates: int = 0
    refinement: NewtonRefinement | None = None

    @classmethod
    def start(
        cls,
        scaler: Scaler,
        decorrelation: Decorrelation,
        learned_do: Tensor,
        bias_o: Tensor,
        slots: int,
        models: int,
        class_counts: Tensor,
        averages: bool,
        refinement: NewtonRefinement | None = None,
    ) -> Self:
        """The initial state: these parameters, (d, o) and (o,), everything else zero. `averages`: whether sums are kept."""
        d, o = learned_do.shape
        weights, bias = torch.zeros(slots, d, o), torch.zeros(slots, 1, o)
        weights[0], bias[0] = learned_do, bias_o
        sums = torch.zeros(d + 1, o) if averages else torch.empty(0, o)
        kept = 1 + averages
        return cls(
            scaler,
            decorrelation,
            weights,
            bias,
            sums,
            torch.zeros(kept, d, o),
            torch.zeros(kept, 1, o),
            torch.zeros(2, models, dtype=torch.float64),
            class_counts,
            torch.zeros(len(class_counts), dtype=torch.bool),
            refinement=refinement,
        )

    def add_to_sums(self) -> None:
        """Add the weights of this update to the sums, if averages are kept."""
        self.pass_updates += 1
        if len(self.sums):
            self.sums[:-1] += self.weights[0]
            self.sums[-1:] += self.bias[0]

    def end_pass(self) -> None:
        """Reset the sums of the pass, and its count of updates."""
        self.sums.zero_()
        self.loss_2m.zero_()
        self.pass_updates = 0

    def keep_best(self, value: float, loss: float) -> None:
        """Keep the weights of this epoch as the best, with their criterion and loss."""
        self.best, self.best_loss, self.stale = value, loss, 0
        self.best_weights[0] = self.decorrelation.weights(self.weights[0])
        self.best_bias[0] = self.bias[0]
        if len(self.sums):
            means = self.sums / max(self.pass_updates, 1)
            self.best_weights[1] = self.decorrelation.weights(means[:-1])
            self.best_bias[1] = means[-1:]

    def release_all_but_the_best(self) -> None:
        """Free what only further training would need."""
        self.weights, self.bias, self.sums = (each.new_empty(0) for each in (self.weights, self.bias, self.sums))
        self.refinement = None

    @property
    def feature_dim(self) -> int:
        """Columns d of the data."""
        return self.weights.shape[1]

    def to(self, device: torch.device | str) -> Self:
        """The same state on another device."""
        return self.from_arrays(self.arrays(), torch.device(device))

    def arrays(self) -> dict[str, Tensor]:
        """The state as plain arrays: not copies, so write them before training continues."""
        counts = [self.best, self.stale, self.updates, self.pass_updates, self.decorrelation.mixed, self.best_loss]
        own = {name: getattr(self, name) for name in TENSORS}
        own |= {"classes_seen": self.classes_seen.to(torch.uint8), "root": self.decorrelation.root_dd}
        own |= {COUNTS: torch.tensor(counts, dtype=torch.float64)} | self.scaler.arrays()
        return own if self.refinement is None else own | self.refinement.arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], device: torch.device) -> Self:
        """The inverse of `arrays`. States of earlier versions have no `best_loss`."""
        best, stale, updates, pass_updates, mixed, *best_loss = arrays[COUNTS].tolist()
        tensors = {name: arrays[name].to(device) for name in TENSORS}
        decorrelation = Decorrelation(arrays["root"].to(device), int(mixed))
        seen = arrays["classes_seen"].to(device).bool()
        scaler = Scaler.from_arrays(arrays, device)
        return cls(
            scaler=scaler,
            decorrelation=decorrelation,
            **tensors,
            classes_seen=seen,
            pass_updates=int(pass_updates),
            best=best,
            best_loss=next(iter(best_loss), float("inf")),
            stale=int(stale),
            updates=int(updates),
            refinement=NewtonRefinement.from_arrays(arrays, device),
        )
