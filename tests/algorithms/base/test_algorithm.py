"""What a model and an algorithm have without saying so."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from wildsage.algorithms.base.algorithm import Algorithm, Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.graph import Graph
from wildsage.algorithms.base.run import RunContext


@dataclass
class Mean(Model):
    array_names = ("mean", "spread")

    mean: torch.Tensor
    spread: torch.Tensor

    def arrays(self):
        return {"mean": self.mean, "spread": self.spread}

    @classmethod
    def from_arrays(cls, arrays, settings):
        return cls(**arrays)

    @property
    def feature_dim(self):
        return len(self.mean)

    def predict(self, batch):
        return {"distance": (batch.dense() - self.mean).norm(dim=1)}

    def to(self, device):
        return Mean(self.mean.to(device), self.spread.to(device))


class Averaging(Algorithm):
    model_class = Mean

    def fit(self, channels, run):
        return Mean(torch.zeros(2), torch.ones(2))


@pytest.mark.parametrize(
    ("names", "fits"),
    [
        (("mean", "spread"), True),
        (("spread", "mean"), True),
        (("mean",), False),
        (("mean", "spread", "more"), False),
        ((), False),
    ],
)
def test_a_model_is_known_by_exactly_its_arrays(names, fits):
    assert Mean.fits(frozenset(names)) == fits


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_arrays_that_are_not_finite_are_named(wrong):
    assert Mean(torch.zeros(2), torch.ones(2)).not_finite() == []
    assert Mean(torch.zeros(2), torch.tensor([1.0, wrong])).not_finite() == ["spread"]


def test_a_model_is_a_dictionary_of_arrays_without_settings_unless_it_says_otherwise():
    model = Mean(torch.zeros(2), torch.ones(2))
    assert (Mean.layout, Mean.named, Mean.unread) == ("ndarrays", True, ())
    assert model.settings() == {} and model.graph() == Graph((), ())
    assert model.evaluate(iter([Batch(torch.zeros(1, 2))]), RunContext()) == {}


def test_an_algorithm_starts_from_nothing_resumes_from_its_own_state_and_reports_all_metrics():
    algorithm = Averaging()
    assert (algorithm.pretrained(), algorithm.reports("msd"), Averaging.resumes_from_model) == (None, True, False)
