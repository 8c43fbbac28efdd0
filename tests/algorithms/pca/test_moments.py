"""The sums of PCA against the plain way: center everything, one product, in float64."""

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.parallel import on_one_thread
from wildsage.algorithms.pca import moments
from wildsage.algorithms.pca.moments import Moments

X = torch.randn(300, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 100
OMEGA = moments.test_matrix(6, 4, torch.Generator().manual_seed(1))

both = pytest.mark.parametrize("test_dl", [None, OMEGA], ids=["whole", "sketch"])


def absorbed(parts, test_dl=None) -> Moments:
    seen = Moments.none(parts[0].shape[1], test_dl)
    for part in parts:
        seen.absorb(part, test_dl)
    return seen


def plain(x: torch.Tensor, test_dl=None) -> torch.Tensor:
    """The scatter as `Moments` keeps it: its upper triangle, or its product with the test matrix."""
    centered = x.double() - x.double().mean(0)
    scatter = centered.T @ centered
    return scatter.triu() if test_dl is None else scatter @ test_dl


def kept(seen: Moments, test_dl=None) -> torch.Tensor:
    return seen.scatter_dl.triu() if test_dl is None else seen.scatter_dl


def agree(seen: Moments, x: torch.Tensor, test_dl=None) -> None:
    assert seen.rows == len(x)
    assert np.allclose(seen.mean_d, x.double().mean(0), rtol=1e-12)
    assert np.allclose(kept(seen, test_dl), plain(x, test_dl), rtol=1e-9, atol=1e-9)


@both
@pytest.mark.parametrize("cuts", [(300,), (100, 200), (1, 299), (150, 100, 50), (1,) * 300])
def test_batches_of_any_sizes_give_the_moments_of_the_whole(test_dl, cuts):
    agree(absorbed(X.split(list(cuts)), test_dl), X, test_dl)


def test_a_batch_of_several_blocks_gives_the_moments_of_the_whole():
    x = torch.randn(2 * moments.BLOCK_ROWS + 5, 3, generator=torch.Generator().manual_seed(2)) - 7
    agree(absorbed([x]), x)


@both
def test_moments_of_hosts_merge_in_any_grouping(test_dl):
    a, b, c = (absorbed([part], test_dl) for part in X.split([20, 180, 100]))
    agree(a.merge(b, test_dl).merge(c, test_dl), X, test_dl)
    agree(a.merge(b.merge(c, test_dl), test_dl), X, test_dl)


def test_a_drifting_mean_costs_no_accuracy():
    """Sorted rows: the mean of the first batch is 1e4 deviations from that of the last."""
    x = X + torch.linspace(0, 1e4, 300)[:, None]
    seen = absorbed(x.split(10))
    assert np.allclose(kept(seen), plain(x), rtol=1e-13)


def test_arrays_hold_all_that_is_needed_to_go_on():
    seen, whole = absorbed([X[:100]]), absorbed([X[:100], X[100:]])
    again = Moments.from_arrays({name: array.clone() for name, array in seen.arrays().items()})
    again.absorb(X[100:], None)
    assert again.rows == whole.rows
    assert torch.equal(again.mean_d, whole.mean_d) and torch.equal(again.scatter_dl, whole.scatter_dl)


@pytest.mark.parametrize("mode", ["whole", "sketch"])
def test_the_number_of_threads_does_not_change_a_bit(mode):
    x = torch.randn(moments.BLOCK_ROWS + 900, 300, generator=torch.Generator().manual_seed(3))
    test_dl = moments.test_matrix(300, 8, torch.Generator().manual_seed(4)) if mode == "sketch" else None
    before, seen = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with on_one_thread():
                seen.append(absorbed([x], test_dl))
    finally:
        torch.set_num_threads(before)
    for other in seen[1:]:
        assert torch.equal(other.mean_d, seen[0].mean_d)
        assert torch.equal(kept(other, test_dl), kept(seen[0], test_dl))


@pytest.mark.parametrize("d", [1, 64, 65, 300, 512, 513, 784, 1024, 1025, 3000])
def test_panels_are_the_columns_in_order(d):
    panels = moments.panels(d)
    assert [column for panel in panels for column in range(d)[panel]] == list(range(d))
    assert len(panels) <= moments.PANELS


@pytest.mark.parametrize("d", [1, 63, 64, 65, 200, 700])
def test_panels_make_the_upper_triangle_of_the_product(d):
    z = torch.randn(50, d, dtype=torch.float64, generator=torch.Generator().manual_seed(d))
    scatter = torch.eye(d, dtype=torch.float64)
    moments.add_gram(scatter, z)
    assert np.allclose(scatter.triu(), (torch.eye(d) + z.T @ z).triu(), rtol=1e-12, atol=1e-12)


@both
def test_scatter_about_zero(test_dl):
    raw = X.T @ X
    about_zero = absorbed([X], test_dl).about_zero(test_dl)
    assert not about_zero.mean_d.any()
    assert np.allclose(kept(about_zero, test_dl), raw.triu() if test_dl is None else raw @ test_dl)


def test_a_sketch_as_wide_as_the_data_is_exact():
    omega = moments.test_matrix(6, 6, torch.Generator().manual_seed(1))
    values, vectors = moments.eigenpairs_from_sketch(plain(X, omega), omega)
    exact_values, exact_vectors = moments.eigenpairs(plain(X))
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
