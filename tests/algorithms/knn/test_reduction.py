"""Random projections: frozen bits, and lengths that are kept."""

import numpy as np
import pytest
import torch

from wildsage.algorithms.knn.hyperparameters import KINDS
from wildsage.algorithms.knn.reduction import Reduction, hadamard, random_bits


def test_the_bits_of_a_seed_are_frozen():
    """Artifacts hold the seed alone: other bits would be another projection."""
    signs = Reduction("sign", 3, 4, 2).apply(torch.eye(4)) * 2**0.5
    assert torch.allclose(signs, torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, -1.0]]))
    drawn = Reduction("fjlt", 3, 4, 2).apply(torch.eye(4)) * 2**0.5
    assert torch.allclose(drawn, torch.tensor([[1.0, 1.0], [1.0, -1.0], [1.0, -1.0], [-1.0, -1.0]]))


@pytest.mark.parametrize(("count", "words"), [(1, 1), (64, 1), (65, 2), (128, 2)])
def test_bits_are_those_of_the_fewest_words_the_lowest_first(count, words):
    """Words that are not needed are left for the columns, which are drawn next."""
    source, plain = np.random.PCG64(5), np.random.PCG64(5).random_raw(words + 1)
    expected = [int(plain[bit // 64]) >> bit % 64 & 1 for bit in range(count)]
    assert random_bits(source, count).tolist() == expected and source.random_raw() == plain[-1]


def test_hadamard_is_its_matrix():
    """H of order 2p is [[H, H], [H, -H]]."""
    matrix = np.ones((1, 1))
    while len(matrix) < 16:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    x = np.random.default_rng(0).normal(size=(5, 16))
    assert np.allclose(hadamard(torch.from_numpy(x)).numpy(), x @ matrix)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("input_dim", [100, 128, 129])
def test_squared_lengths_keep_their_expectation(kind, input_dim):
    """The mean over 400 seeds; one seed's deviation is at most √(2/t) of the length: four of them by √400."""
    x = torch.randn(1, input_dim, generator=torch.Generator().manual_seed(0))
    ratios = [float((Reduction(kind, seed, input_dim, 32).apply(x) ** 2).sum() / (x**2).sum()) for seed in range(400)]
    assert abs(np.mean(ratios) - 1) < 4 * (2 / 32) ** 0.5 / 400**0.5


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_projected_to_sums(kind):
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 3, 50, generator=rng)
    reduction = Reduction(kind, 7, 50, 20)
    assert torch.allclose(reduction.apply(x + y), reduction.apply(x) + reduction.apply(y), atol=1e-5)


def test_fjlt_with_all_columns_keeps_every_length():
    x = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(Reduction("fjlt", 0, 64, 64).apply(x).norm(dim=1), x.norm(dim=1), rtol=1e-5)
