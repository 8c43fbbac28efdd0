import numpy as np
import pytest
import torch

from algorithms.pca import moments
from algorithms.pca.moments import Moments

X = torch.randn(300, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 100
OMEGA = moments.test_matrix(6, 4, torch.Generator().manual_seed(1))


@pytest.mark.parametrize("test_dl", [None, OMEGA], ids=["whole", "sketch"])
@pytest.mark.parametrize("cuts", [(300,), (100, 200), (1, 299), (150, 100, 50)])
def test_moments_of_parts_are_moments_of_the_whole(test_dl, cuts):
    merged = None
    for part in X.split(list(cuts)):
        seen = Moments.of(part, test_dl)
        merged = seen if merged is None else merged.merge(seen, test_dl)
    centered = X - X.mean(0)
    scatter = centered.T @ centered
    assert merged.rows == 300
    assert np.allclose(merged.mean_d, X.mean(0), rtol=1e-12)
    assert np.allclose(merged.scatter_dl, scatter if test_dl is None else scatter @ test_dl, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("test_dl", [None, OMEGA], ids=["whole", "sketch"])
def test_scatter_about_zero(test_dl):
    raw = X.T @ X
    assert np.allclose(Moments.of(X, test_dl).about_zero(test_dl).scatter_dl, raw if test_dl is None else raw @ test_dl)


def test_a_sketch_as_wide_as_the_data_is_exact():
    scatter = Moments.of(X, None).scatter_dl
    omega = moments.test_matrix(6, 6, torch.Generator().manual_seed(1))
    values, vectors = moments.eigenpairs_from_sketch(scatter @ omega, omega)
    exact_values, exact_vectors = moments.eigenpairs(scatter)
    assert np.allclose(values, exact_values, rtol=1e-6)
    assert np.allclose((vectors * exact_vectors).sum(0).abs(), 1, atol=1e-6)


def test_equal_rows_have_no_variance_in_either_way():
    scatter = torch.zeros(6, 6, dtype=torch.float64)
    assert not moments.eigenpairs_from_sketch(scatter @ OMEGA, OMEGA)[0].any()
    assert not moments.eigenpairs(scatter)[0].any()


def test_signs_are_fixed_by_the_largest_entry():
    vectors = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    assert torch.equal(moments.signs_fixed(vectors), torch.tensor([[-0.6, 0.8], [0.8, 0.6]]))
    assert torch.equal(moments.signs_fixed(-vectors), moments.signs_fixed(vectors))
