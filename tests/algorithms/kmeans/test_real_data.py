"""K-means of real data against scikit-learn's Lloyd on all rows."""

import numpy as np
import pytest
import torch
from sklearn import cluster

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.algorithm import KMeans


def fit(x: np.ndarray, run: RunContext | None = None, **settings) -> torch.Tensor:
    stream = {"train": MemoryStream(Batch(torch.from_numpy(x)))}
    return KMeans(feature_dim=x.shape[1], **settings).fit(stream, run or RunContext()).centers_kd


def msd(x: np.ndarray, centers_kd: torch.Tensor) -> float:
    return steps.mean_cost(torch.from_numpy(x), centers_kd)


@pytest.mark.slow
@pytest.mark.parametrize(("k", "best"), [(10, 39.23), (100, 27.94)])
@pytest.mark.parametrize("order", ["as read", "sorted by label"])
def test_one_pass_over_mnist_is_near_full_lloyd(mnist, k, best, order):
    """`best`: scikit-learn 1.7 KMeans, k-means++, Lloyd to convergence on all rows, best of 4. One pass may lose 2 %."""
    x, label = mnist
    x = x[np.argsort(label, kind="stable")] if order == "sorted by label" else x
    assert msd(x, fit(x, k=k)) <= 1.02 * best


@pytest.mark.parametrize("k", [7, 8])
def test_census_components_against_scikit_learn(census, k):
    centered = census - census.mean(0)
    x = (centered @ np.linalg.svd(centered, full_matrices=False)[2][:7].T).astype(np.float32)
    best = cluster.KMeans(k, n_init=10, random_state=0).fit(x).inertia_ / len(x)
    losses = [msd(x, fit(x, RunContext(seed), k=k)) for seed in range(5)]
    assert np.median(losses) <= 1.01 * best and max(losses) <= 1.03 * best


def test_five_passes_end_where_lloyd_ends(census):
    """The later passes are Lloyd's over all rows, so that they end in one of its optima; seven columns, as SageMaker's notebook."""
    centered = census - census.mean(0)
    x = (centered @ np.linalg.svd(centered, full_matrices=False)[2][:7].T).astype(np.float32)
    best = cluster.KMeans(8, n_init=10, random_state=0).fit(x).inertia_ / len(x)
    assert np.median([msd(x, fit(x, RunContext(seed), k=8, epochs=5)) for seed in range(5)]) <= 1.003 * best
