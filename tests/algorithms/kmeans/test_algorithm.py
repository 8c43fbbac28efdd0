"""K-means against scikit-learn's Lloyd on all rows."""

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.algorithm import KMeans


class Listening(RunContext):
    """A run that remembers what was said."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.said: list[str] = []

    def log(self, text, level="INFO"):
        self.said.append(f"{level} {text}")

    def quality(self, channel, name, kind, value, **of):
        self.said.append(f"{channel} {name} {kind} {value}")


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
    cluster = pytest.importorskip("sklearn.cluster")
    centered = census - census.mean(0)
    x = (centered @ np.linalg.svd(centered, full_matrices=False)[2][:7].T).astype(np.float32)
    best = cluster.KMeans(k, n_init=10, random_state=0).fit(x).inertia_ / len(x)
    losses = [msd(x, fit(x, RunContext(seed), k=k)) for seed in range(5)]
    assert np.median(losses) <= 1.01 * best and max(losses) <= 1.03 * best


def test_five_passes_end_where_lloyd_ends(census):
    """The later passes are Lloyd's over all rows, so that they end in one of its optima; seven columns, as SageMaker's notebook."""
    cluster = pytest.importorskip("sklearn.cluster")
    centered = census - census.mean(0)
    x = (centered @ np.linalg.svd(centered, full_matrices=False)[2][:7].T).astype(np.float32)
    best = cluster.KMeans(8, n_init=10, random_state=0).fit(x).inertia_ / len(x)
    assert np.median([msd(x, fit(x, RunContext(seed), k=8, epochs=5)) for seed in range(5)]) <= 1.003 * best


def test_a_later_pass_is_an_iteration_of_lloyd_over_all_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30_000, 3)).astype(np.float32)
    one, two = (torch.from_numpy(np.sort(fit(x, k=1, epochs=epochs).numpy(), 0)) for epochs in (1, 2))
    mean = torch.from_numpy(x.mean(0, dtype=np.float64)).float()
    assert torch.allclose(two[0], mean, atol=1e-6) and not torch.allclose(one[0], mean, atol=1e-3)


def test_says_what_the_original_says(census):
    run = Listening()
    fit(census[:600], run, k=8, epochs=2)
    assert run.said[0] == (
        "WARNING Batch size 5000 is bigger than the first batch data. Effective batch size used to initialize is 600"
    )
    assert "INFO shrinking 80 centers into 8" in run.said
    attempts = [float(line.split()[-1]) for line in run.said if "local kmeans attempt" in line]
    assert len(attempts) == 10
    train = next(float(line.split()[-1]) for line in run.said if line.startswith("train msd loss"))
    assert train == pytest.approx(min(attempts), abs=1e-6)


def test_trials_iterations_and_tolerance_are_those_that_were_asked_for(census):
    """Each trial tells its loss. One iteration, and a tolerance that the second never meets, end above the optimum."""

    def attempts(**settings) -> list[float]:
        run = Listening()
        fit(census[:600], run, k=8, local_lloyd_num_trials=3, **settings)
        return [float(line.split()[-1]) for line in run.said if "local kmeans attempt" in line]

    exact = attempts(local_lloyd_tol=0.0)
    assert len(exact) == 3
    for early in (attempts(local_lloyd_max_iter=1), attempts(local_lloyd_tol=1.0)):
        assert all(loss > best for loss, best in zip(early, exact, strict=True))


def test_rare_clusters_get_a_center():
    """20,000 rows in one cloud and 3 far clusters of 60: a sample of rows alone would leave some out."""
    rng = np.random.default_rng(0)
    rare = np.array([[60, 0], [0, 60], [-60, 0]])
    x = np.concatenate([rng.normal(size=(20_000, 2)), *(rng.normal(size=(60, 2)) * 0.3 + at for at in rare)])
    for seed in range(3):
        centers = fit(rng.permutation(x).astype(np.float32), RunContext(seed), k=8).numpy()
        assert (((rare[:, None] - centers) ** 2).sum(2).min(1) < 1).all()


def test_more_clusters_than_rows_are_rejected():
    with pytest.raises(UserError, match="Hyperparameter k: got 9, but channel train holds only 4 rows"):
        fit(np.eye(4, dtype=np.float32), k=9)


def test_as_many_clusters_as_rows():
    x = np.eye(6, dtype=np.float32)
    assert msd(x, fit(x, k=6)) == pytest.approx(0, abs=1e-9)


def test_a_batch_smaller_than_k_still_gives_k_centers():
    x = np.arange(24, dtype=np.float32)[:, None] * 10
    assert len(fit(x, k=12, mini_batch_size=5).unique()) == 12


@pytest.mark.parametrize(
    "settings", [{"init_method": "kmeans++"}, {"local_lloyd_init_method": "random"}, {"half_life_time_size": 500}]
)
def test_other_settings_find_the_blobs_too(settings):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=(400, 3)) + at for at in (0, 20, 40)]).astype(np.float32)
    assert msd(rng.permutation(x), fit(rng.permutation(x), k=3, mini_batch_size=300, **settings)) < 3.5


@pytest.mark.parametrize("start", ["random", "kmeans++"])
def test_equal_rows_still_give_k_centers(start):
    assert fit(np.ones((300, 2), np.float32), k=4, local_lloyd_init_method=start).shape == (4, 2)
