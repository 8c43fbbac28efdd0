"""PCA against NumPy's float64 singular values and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn import decomposition

from tests.algorithms.pca.float64 import compare, exact, fit
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.pca.algorithm import PCA


def hard_spectrum(rows: int = 20_000, columns: int = 60) -> np.ndarray:
    """Singular values from 1 down to 1e-4, in directions that lie askew to all columns: float32 sums lose the weak ones."""
    rng = np.random.default_rng(3)
    axes, _ = np.linalg.qr(rng.normal(size=(columns, columns)))
    return ((rng.normal(size=(rows, columns)) * np.geomspace(1, 1e-4, columns)) @ axes.T).astype(np.float32)


def mean_far_above_the_deviation() -> np.ndarray:
    """Deviations 1 to 5, means 1e4 to 5e4."""
    rng = np.random.default_rng(0)
    return ((rng.normal(size=(4000, 12)) + 1e4) * np.linspace(1, 5, 12)).astype(np.float32)


def test_a_hard_spectrum_against_float64():
    compare(hard_spectrum())


def test_a_mean_far_above_the_deviation():
    compare(mean_far_above_the_deviation(), vectors=12)


class GatheringRun(RunContext):
    """One of several hosts, the last: it is given what the others have seen."""

    def __init__(self, others: list) -> None:
        super().__init__()
        self.others = others

    def gather(self, arrays):
        self.others.append(arrays)
        return self.others


def fit_on_hosts(x: np.ndarray, hosts: int, **settings):
    """Each host has its part of a sorted table, so that their means differ."""
    states = []
    for share in np.array_split(x[x[:, 0].argsort(kind="stable")], hosts):
        model = fit(share, GatheringRun(states), mini_batch_size=50, **settings)
    return model


@pytest.mark.parametrize("mode", ["regular", "randomized"])
@pytest.mark.parametrize("hosts", [2, 3, 8])
def test_any_number_of_hosts_gives_the_same_singular_values(mode, hosts):
    """Whether exact or sketched: all sums are float64, whatever their order."""
    settings = {"algorithm_mode": mode, "num_components": 5, "extra_components": 2}
    alone, together = (fit_on_hosts(hard_spectrum(3000, 34), count, **settings) for count in (1, hosts))
    assert np.allclose(alone.s_c, together.s_c, rtol=1e-6, atol=0)


@pytest.mark.parametrize("make", [hard_spectrum, mean_far_above_the_deviation])
def test_hosts_agree_on_hard_data(make):
    alone, together = fit_on_hosts(make(), 1), fit_on_hosts(make(), 8)
    assert np.allclose(alone.s_c, together.s_c, rtol=1e-6, atol=0)


def test_against_scikit_learn():
    x = hard_spectrum(2000, 12) + 3
    theirs = decomposition.PCA(5, svd_solver="full").fit(x.astype(np.float64))
    model = fit(x, num_components=5)
    ours = model.predict(Batch(torch.from_numpy(x)))["projection"].flip(1).numpy()
    assert np.allclose(np.abs(ours), np.abs(theirs.transform(x.astype(np.float64))), atol=2e-5)
    assert np.allclose(model.s_c.flip(0), theirs.singular_values_, rtol=1e-5)
    assert np.allclose(model.mean_1d, theirs.mean_, atol=1e-5)
    assert model.s_c.shape == (5,) and model.v_dc.shape == (12, 5) and model.v_dc.is_contiguous()


@pytest.mark.parametrize("subtract_mean", [True, False])
def test_a_sketch_of_all_columns_is_exact(subtract_mean):
    x = hard_spectrum(2000, 6) + 1
    settings = {"num_components": 3, "subtract_mean": subtract_mean}
    exact_, sketched = (fit(x, algorithm_mode=mode, **settings) for mode in ("regular", "randomized"))
    assert np.allclose(exact_.s_c, sketched.s_c, rtol=1e-4)
    assert np.allclose(exact_.v_dc, sketched.v_dc, atol=1e-3) and torch.equal(exact_.mean_1d, sketched.mean_1d)


class Watched(RunContext):
    """A run that remembers its log and its checkpoints, and may continue from a state."""

    def __init__(self, before=None, stop: bool = False) -> None:
        super().__init__()
        self.lines, self.rows, self.kept, self.before, self.stop = [], [], None, before, stop

    stopping = property(lambda self: self.stop)

    def resumed(self):
        return self.before

    def log(self, text, level="INFO"):
        self.lines.append(text)

    def checkpoint(self, state):
        self.rows.append(state.rows)

    def keep(self, state):
        self.kept = {name: array.clone() for name, array in state.arrays().items()}


@pytest.mark.parametrize(
    ("settings", "width"),
    [
        ({"algorithm_mode": "regular"}, 60), ({"algorithm_mode": "regular", "extra_components": 1}, 60),
        ({"num_components": 4}, 28), ({"num_components": 12}, 48), ({"num_components": 4, "extra_components": 0}, 8),
        ({"num_components": 4, "extra_components": 3}, 14), ({"num_components": 30, "extra_components": 10}, 60),
    ],
)  # fmt: skip
def test_a_sketch_is_twice_as_wide_as_its_components_and_the_extra_ones(settings, width):
    """-1, the default, stands for as many extra components as there are components, and ten at least."""
    run = Watched()
    fit(hard_spectrum(700), run, **{"algorithm_mode": "randomized", "num_components": 4, **settings})
    assert run.kept["scatter"].shape == (60, width)


def test_a_job_says_what_the_original_says_and_is_saved_after_each_batch():
    run = Watched()
    fit(hard_spectrum(1200, 7), run)
    assert run.lines == [
        "The default executor is <PCAExecutor on cpu(0)>.",
        "7 feature(s) found in 'data'.",
        "<PCAExecutor on cpu(0)> is assigned to batch slice from 0 to 499.",
    ]
    assert run.rows == [500, 1000, 1200]


def test_a_state_that_is_resumed_goes_on_to_the_moments_of_the_whole():
    x, first = hard_spectrum(1200, 7), Watched()
    fit(x[:700], first)
    rest = Watched(first.kept)
    model = fit(x[700:1100], rest)  # fewer than a batch, which only a first batch may not be
    assert np.allclose(model.s_c, fit(x[:1100]).s_c, rtol=1e-6) and rest.lines == []
    with pytest.raises(UserError, match=r"of shape \(7, 7\), expected \(6, 6\): feature_dim, algorithm_mode"):
        fit(x[:, :6], Watched(first.kept))


def test_a_job_that_has_to_stop_may_have_less_than_a_batch():
    x = hard_spectrum(40, 7)
    assert fit(x, Watched(stop=True), num_components=2).s_c.isfinite().all()


def test_no_rows_are_no_data():
    with pytest.raises(UserError, match="No training data processed"):
        fit(np.zeros((0, 3), np.float32))


def test_without_subtract_mean_the_rows_are_taken_as_they_are():
    x = np.random.default_rng(2).normal(size=(700, 5)).astype(np.float32) + 3
    model = fit(x, subtract_mean=False)
    assert not model.mean_1d.any()
    assert np.allclose(model.s_c.flip(0), np.linalg.svd(x.astype(np.float64), compute_uv=False), rtol=1e-5)


def test_columns_without_variance_give_zeros_not_nan():
    x = np.zeros((600, 4), np.float32)
    x[:, 0] = np.arange(600)
    model = fit(x)
    assert np.allclose(model.s_c[:3], 0, atol=1e-3) and bool(model.v_dc.isfinite().all())


def test_more_components_than_columns_are_rejected():
    with pytest.raises(UserError, match="num_components: got 5, expected at most feature_dim = 4"):
        PCA(feature_dim=4, num_components=5, mini_batch_size=1)


def test_as_many_rows_as_a_batch_are_enough():
    x = hard_spectrum(500, 4)
    assert np.allclose(fit(x).s_c.flip(0), exact(x)[0], rtol=1e-5)


def test_fewer_rows_than_a_batch_are_rejected():
    with pytest.raises(
        UserError, match=r"No training data processed.*Got 3 rows, expected at least mini_batch_size = 500"
    ):
        fit(np.eye(3, dtype=np.float32))
