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


@pytest.mark.parametrize(("columns", "kept"), [(16, 16), (17, 8)])
def test_more_than_twice_as_many_columns_as_coordinates_are_reduced(columns, kept, monkeypatch):
    monkeypatch.setattr(subspace, "COORDINATES", 8)
    x = torch.from_numpy(RNG.normal(size=(50, columns)).astype(np.float32))
    space = Subspace.from_centered_rows(x.mean(0), x - x.mean(0), rng())
    assert space.coordinates(x).shape == (50, kept)
    if kept == 8:
        assert torch.allclose(space.basis_dp.T @ space.basis_dp, torch.eye(8), atol=1e-5)
        assert torch.allclose(
            space.points(space.coordinates(x)), (x - space.mean_d) @ space.basis_dp @ space.basis_dp.T, atol=1e-5
        )


def test_the_subspace_has_nearly_all_of_the_spread_that_the_best_one_has(monkeypatch):
    """[Halko et al. 2011]: one step of subspace iteration finds directions whose share hardly differs from the SVD's."""
    monkeypatch.setattr(subspace, "COORDINATES", 8)
    spread = torch.from_numpy((RNG.normal(size=(300, 40)) * np.geomspace(100, 0.01, 40)).astype(np.float32))
    x = spread - spread.mean(0)
    space = Subspace.from_centered_rows(torch.zeros(40), x, rng())
    best = float(torch.linalg.svdvals(x)[:8].square().sum())
    assert float(space.coordinates(x).square().sum()) > 0.97 * best


def test_the_residual_is_a_weighted_mean():
    space = Subspace(torch.tensor([1.0, 1.0]), torch.tensor([[1.0], [0.0]]))
    rows = torch.tensor([[9.0, 3.0], [-4.0, 0.0]])  # two and one beside the first axis
    assert space.residual_cost(rows, torch.tensor([1.0, 3.0], dtype=torch.float64)) == (4 + 3) / 4


@pytest.mark.parametrize(("columns", "kept"), [(128, 128), (129, 64)])
def test_64_coordinates_are_kept_of_more_than_128_columns(columns, kept):
    x = torch.from_numpy(RNG.normal(size=(100, columns)).astype(np.float32))
    assert Subspace.from_centered_rows(x.mean(0), x - x.mean(0), rng()).coordinates(x).shape == (100, kept)
