"""PCA against NumPy's float64 singular values and scikit-learn."""

import numpy as np
import pytest
import torch

from algorithms.base.batch import Batch, MemoryStream
from algorithms.base.errors import UserError
from algorithms.base.run import Run
from algorithms.pca import ALGORITHM as PCA


def fit(x: np.ndarray, **settings):
    settings = {"mini_batch_size": 500, "num_components": x.shape[1], **settings}
    return PCA(feature_dim=x.shape[1], **settings).fit({"train": MemoryStream(Batch(torch.from_numpy(x)))}, Run())


def exact(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values and right vectors of the centered rows, strongest first."""
    centered = x.astype(np.float64) - x.astype(np.float64).mean(0)
    _, s, vt = np.linalg.svd(centered, full_matrices=False)
    return s, vt


def compare(x: np.ndarray, vectors: int = 20) -> None:
    """Singular values down to 1e-4 of the largest within 1e-4; leading vectors within 1e-4 up to sign."""
    model = fit(x)
    s, vt = exact(x)
    ours = model.s_c.flip(0).double().numpy()
    counted = s >= 1e-4 * s[0]
    assert np.allclose(ours[counted], s[counted], rtol=1e-4)
    assert np.isfinite(ours).all()
    leading = model.v_dc.flip(1).double().numpy()[:, :vectors]
    gaps = -np.diff(s)[:vectors] / s[0]
    cosines = np.abs((leading.T * vt[: leading.shape[1]]).sum(1))
    assert (1 - cosines[: len(gaps)][gaps[: len(cosines)] > 1e-4] < 1e-4).all()


def test_census_agrees_with_the_recorded_figures(census):
    """Figures of a real job on this table: five largest s, and the share of variance of the top 5 of 33."""
    s = fit(census, num_components=33).s_c.double().numpy()
    assert np.allclose(s[::-1][:5], [19.592180, 13.035975, 11.718245, 10.180052, 7.991313], rtol=1e-4)
    assert (s[-5:] ** 2).sum() / (s**2).sum() == pytest.approx(0.71798, abs=2e-4)


def test_census_against_float64(census):
    compare(census)


def test_mnist_against_float64(mnist):
    compare(mnist[0][:10_000])


def test_a_mean_far_above_the_deviation():
    rng = np.random.default_rng(0)
    compare((rng.normal(size=(4000, 12)) * np.linspace(1, 5, 12) + 1e4).astype(np.float32), vectors=12)


def test_against_scikit_learn(census):
    decomposition = pytest.importorskip("sklearn.decomposition")
    theirs = decomposition.PCA(5, svd_solver="full").fit(census.astype(np.float64))
    model = fit(census, num_components=5)
    ours = model.predict(Batch(torch.from_numpy(census)))["projection"].flip(1).numpy()
    expected = theirs.transform(census.astype(np.float64))
    assert np.allclose(np.abs(ours), np.abs(expected), atol=2e-5)  # float32 products of 34 numbers of order 1


def test_without_subtract_mean_the_rows_are_taken_as_they_are():
    x = np.random.default_rng(2).normal(size=(700, 5)).astype(np.float32) + 3
    model = fit(x, subtract_mean=False)
    assert not model.mean_1d.any()
    assert np.allclose(model.s_c.flip(0), np.linalg.svd(x.astype(np.float64), compute_uv=False), rtol=1e-5)


def test_the_sketch_keeps_nearly_all_that_exact_pca_keeps(mnist):
    x = mnist[0][:10_000]

    def kept(mode: str) -> float:
        model = fit(x, num_components=50, mini_batch_size=1000, algorithm_mode=mode)
        return float(model.predict(Batch(torch.from_numpy(x)))["projection"].double().var(0).sum())

    assert kept("randomized") >= 0.98 * kept("regular")


def test_columns_without_variance_give_zeros_not_nan():
    x = np.zeros((600, 4), np.float32)
    x[:, 0] = np.arange(600)
    model = fit(x)
    assert np.allclose(model.s_c[:3], 0, atol=1e-3) and bool(model.v_dc.isfinite().all())


def test_more_components_than_columns_are_refused():
    with pytest.raises(UserError, match="num_components: got 5, expected at most feature_dim = 4"):
        PCA(feature_dim=4, num_components=5, mini_batch_size=1)


def test_fewer_rows_than_a_batch_are_refused():
    with pytest.raises(UserError, match=r"No training data processed.*Got 3 rows, expected at least mini_batch_size = 500"):
        fit(np.eye(3, dtype=np.float32))
