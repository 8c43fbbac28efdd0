"""PCA of real tables against NumPy's float64 singular values and scikit-learn."""

import numpy as np
import pytest
import torch

from tests.algorithms.pca.float64 import compare, fit
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.run import RunContext


@pytest.fixture(scope="module")
def covtype(data) -> np.ndarray:
    """92,962 rows of the forest cover types, 54 columns as they are: metres, degrees, and rare zeros and ones."""
    pandas = pytest.importorskip("pandas")
    return (
        pandas.read_csv(data / "tabular" / "covtype" / "covtype-92962.data.gz", header=None)
        .iloc[:, :54]
        .to_numpy(np.float32)
    )


def test_census_agrees_with_the_recorded_figures(census):
    """Figures of a real job on this table: five largest s, and the share of variance of the top 5 of 33."""
    s = fit(census, num_components=33).s_c.double().numpy()
    assert np.allclose(s[::-1][:5], [19.592180, 13.035975, 11.718245, 10.180052, 7.991313], rtol=1e-4)
    assert (s[-5:] ** 2).sum() / (s**2).sum() == pytest.approx(0.71798, abs=2e-4)


def test_census_against_float64(census):
    compare(census)


def test_part_of_mnist_against_float64(mnist):
    compare(mnist[0][:10_000])


@pytest.mark.slow
def test_all_of_mnist_against_float64(mnist):
    compare(mnist[0])


def test_covtype_against_float64(covtype):
    compare(covtype)


def test_against_scikit_learn(census):
    decomposition = pytest.importorskip("sklearn.decomposition")
    theirs = decomposition.PCA(5, svd_solver="full").fit(census.astype(np.float64))
    model = fit(census, num_components=5)
    ours = model.predict(Batch(torch.from_numpy(census)))["projection"].flip(1).numpy()
    expected = theirs.transform(census.astype(np.float64))
    assert np.allclose(np.abs(ours), np.abs(expected), atol=2e-5)  # float32 products of 34 numbers of order 1


def kept(x: np.ndarray, mode: str, seed: int = 0) -> float:
    """Variance of the 50 components of 784."""
    model = fit(x, RunContext(seed), num_components=50, mini_batch_size=1000, algorithm_mode=mode)
    return float(model.predict(Batch(torch.from_numpy(x)))["projection"].double().var(0).sum())


def test_the_sketch_keeps_nearly_all_that_exact_pca_keeps(mnist):
    x = mnist[0][:10_000]
    best = kept(x, "regular")
    assert all(kept(x, "randomized", seed) >= 0.99 * best for seed in range(3))


@pytest.mark.slow
def test_the_sketch_of_all_of_mnist_keeps_nearly_all_that_exact_pca_keeps(mnist):
    assert kept(mnist[0], "randomized") >= 0.99 * kept(mnist[0], "regular")
