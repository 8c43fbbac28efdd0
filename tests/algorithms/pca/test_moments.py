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
    values, vectors = moments.eigenpairs_from_sketch(scatter @ OMEGA, OMEGA)
    assert values.tolist() == [0] * 4 and torch.equal(vectors, OMEGA)
    assert not moments.eigenpairs(scatter)[0].any()


@pytest.mark.parametrize("mode", ["whole", "sketch"])
@pytest.mark.parametrize("rows", [1, moments.PART_ROWS, moments.BLOCK_ROWS, moments.BLOCK_ROWS + 1])
def test_blocks_and_parts_leave_out_no_row(mode, rows):
    x = torch.randn(rows, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(rows)) + 5
    test_dl = moments.test_matrix(3, 2, torch.Generator().manual_seed(4)) if mode == "sketch" else None
    agree(absorbed([x, x[:1] + 9, x], test_dl), torch.cat([x, x[:1] + 9, x]), test_dl)


def test_a_batch_is_centered_block_by_block(monkeypatch):
    """At most 4,096 rows are held in float64, and one for the step between the means; a later, smaller batch needs no more."""
    rooms, room = [], Moments._room
    monkeypatch.setattr(Moments, "_room", lambda seen, rows: rooms.append(room(seen, rows)) or rooms[-1])
    absorbed([torch.zeros(4096, 1), torch.zeros(10_000, 1), torch.zeros(3, 1)])
    assert [len(each) for each in rooms] == [4097, 3335, 3334, 3334, 4]
    assert len({each.untyped_storage().data_ptr() for each in rooms}) == 1


@both
def test_nothing_is_seen_before_the_first_row(test_dl):
    seen = Moments.none(6, test_dl)
    assert seen.rows == 0 and not seen.mean_d.any() and not seen.scatter_dl.any()
    assert seen.scatter_dl.shape == (6, 6 if test_dl is None else 4) and seen.scatter_dl.dtype == torch.float64


@pytest.mark.parametrize(
    ("d", "widths"),
    [
        (64, [64]), (65, [64, 1]), (512, [64] * 8), (513, [128] * 4 + [1]), (1024, [128] * 8), (1025, [128] * 8 + [1]),
        (2048, [128] * 16), (2049, [192] * 10 + [129]), (784, [128] * 6 + [16]),
    ],
)  # fmt: skip
def test_panels_are_multiples_of_64_columns_sixteen_at_most_and_eight_below_1024(d, widths):
    assert [panel.stop - panel.start for panel in moments.panels(d)] == widths


@pytest.mark.parametrize(("d", "columns", "width"), [(6, 4, 4), (6, 6, 6), (6, 9, 6)])
def test_a_test_matrix_has_orthonormal_columns_no_more_than_there_are_features(d, columns, width):
    omega = moments.test_matrix(d, columns, torch.Generator().manual_seed(1))
    assert omega.shape == (d, width) and omega.dtype == torch.float64
    assert np.allclose(omega.T @ omega, np.eye(width), atol=1e-12)
    assert not torch.equal(omega, moments.test_matrix(d, columns, torch.Generator().manual_seed(2)))


def test_eigenpairs_are_numpys_of_the_upper_triangle():
    whole = (X - X.mean(0)).T @ (X - X.mean(0))
    values, vectors = moments.eigenpairs(whole.triu() + torch.full((6, 6), 7.0).tril(-1))
    expected, theirs = np.linalg.eigh(whole.numpy())
    assert np.allclose(values, expected) and np.allclose(np.abs(vectors.numpy().T @ theirs), np.eye(6), atol=1e-9)
    assert (moments.eigenpairs(torch.diag(torch.tensor([-1e-9, 2.0])))[0] >= 0).all()


def test_the_nystrom_approximation_is_its_formula():
    """Y (Ωᵀ Y)⁺ Yᵀ by NumPy's pseudo-inverse; its four eigenvalues, and vectors as its eigenvectors."""
    sketch = plain(X, OMEGA).numpy()
    approximation = sketch @ np.linalg.pinv(OMEGA.numpy().T @ sketch) @ sketch.T
    values, vectors = (found.numpy() for found in moments.eigenpairs_from_sketch(torch.from_numpy(sketch), OMEGA))
    assert np.allclose(values, np.linalg.eigvalsh(approximation)[-4:], rtol=1e-6)
    assert np.allclose(vectors * values @ vectors.T, approximation, rtol=1e-6, atol=1e-6)
    assert np.allclose(vectors.T @ vectors, np.eye(4), atol=1e-9)


def test_a_sketch_of_lower_rank_than_its_width_has_zeros_not_nan():
    thin = torch.outer(torch.arange(50.0).double(), torch.arange(1.0, 7).double())
    values, vectors = moments.eigenpairs_from_sketch(plain(thin, OMEGA), OMEGA)
    assert values[-1] == pytest.approx(float(plain(thin).diagonal().sum()), rel=1e-9)
    assert (
        np.allclose(values[:-1], 0, atol=1e-6 * float(values[-1])) and (values >= 0).all() and vectors.isfinite().all()
    )


def test_signs_are_fixed_by_the_largest_entry():
    vectors = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    assert torch.equal(moments.signs_fixed(vectors), torch.tensor([[-0.6, 0.8], [0.8, 0.6]]))
    assert torch.equal(moments.signs_fixed(-vectors), moments.signs_fixed(vectors))
    assert torch.equal(moments.signs_fixed(torch.zeros(2, 1)), torch.zeros(2, 1))
