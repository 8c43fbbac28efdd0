"""The subspace of the local searches.

Axes: n rows · d features
"""

import numpy as np
import pytest
import torch

from wildsage.algorithms.kmeans import subspace
from wildsage.algorithms.kmeans.subspace import Subspace

RNG = np.random.default_rng(3)
X = torch.from_numpy(RNG.normal(size=(200, 5)).astype(np.float32))
WEIGHTS = torch.from_numpy(RNG.random(200))


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_subspace_keeps_the_distances_of_rows_that_lie_in_it(monkeypatch):
    monkeypatch.setattr(subspace, "COORDINATES", 8)
    low = torch.from_numpy(RNG.normal(size=(300, 6)).astype(np.float32))
    x = low @ torch.from_numpy(RNG.normal(size=(6, 40)).astype(np.float32)) + 7
    space = Subspace.from_centered_rows(x.mean(0), x - x.mean(0), rng())
    assert space.coordinates(x).shape == (300, 8)
    assert torch.allclose(torch.pdist(space.coordinates(x)), torch.pdist(x), rtol=1e-3)
    assert space.residual_cost(x, torch.ones(300)) == pytest.approx(0, abs=1e-3)
    beside = x + 3 * torch.linalg.svd(space.basis_dp.T)[2][-1]  # three steps out of the subspace
    assert space.residual_cost(beside, torch.ones(300)) == pytest.approx(9, rel=1e-3)


def test_few_features_are_kept_as_they_are():
    space = Subspace.from_centered_rows(X.mean(0), X - X.mean(0), rng())
    assert space.basis_dp is None and torch.allclose(space.coordinates(X) + X.mean(0), X, atol=1e-6)
    assert space.residual_cost(X, WEIGHTS) == 0
