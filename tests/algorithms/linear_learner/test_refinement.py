"""Steps of Newton's method against closed forms; whole jobs are in test_refined_jobs.py."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.linear_learner import refinement
from wildsage.algorithms.linear_learner.refinement import STEP_SIZES, NewtonRefinement

EPOCHS, BATCH_ROWS = 15, 200
RNG = torch.Generator().manual_seed(6)
CPU = torch.device("cpu")


def test_a_checkpoint_of_another_version_is_rejected_with_what_to_do():
    arrays = NewtonRefinement.start(5, 32, EPOCHS).arrays()
    arrays["refinement"] = torch.cat([arrays["refinement"], torch.zeros(1, dtype=torch.float64)])
    with pytest.raises(
        UserError, match=r"another version of Wildsage.* 10 numbers .* expected 9 .* Empty the checkpoint"
    ):
        NewtonRefinement.from_arrays(arrays, torch.device("cpu"))


def test_sampled_rows_have_the_curvature_of_all_on_average():
    """2,000 of 50,000 rows with 5 columns, some of them long: a standard error of a few percent."""
    rng = torch.Generator().manual_seed(0)
    x_nd = torch.randn(50_000, 5, generator=rng) * torch.where(torch.rand(50_000, 1, generator=rng) < 0.001, 30, 1)
    margins_n = x_nd[:, 0] * 2
    labels_n = (torch.rand(50_000, generator=rng) < margins_n.sigmoid()).float()
    probability_n = margins_n.sigmoid()
    refinement = NewtonRefinement.start(5, 32, EPOCHS)
    refinement.passes, refinement.share = refinement.begins, 0.04
    rows = []
    for part in x_nd.split(10_000):
        first = 10_000 * len(rows)
        for start in range(first, first + 10_000, BATCH_ROWS):
            at = slice(start, start + BATCH_ROWS)
            both = margins_n[at, None], (probability_n - labels_n)[at, None]
            refinement.read(x_nd[at], *(each_n1.expand(-1, 32) for each_n1 in both))
        refinement.fold(lambda chosen_r, part=part: rows.append(part[chosen_r]) or rows[-1])
    size_n = margins_n.abs().double()
    wrong_n = (margins_n > 0) != (labels_n > 0.5)
    curvature_n = torch.where(
        wrong_n, torch.tanh(size_n / 2) / (2 * size_n), (probability_n * (1 - probability_n)).double()
    )
    ones_na = torch.cat([x_nd, torch.ones(len(x_nd), 1)], 1).double()
    whole_aa = (ones_na * curvature_n[:, None]).T @ ones_na
    assert [len(part) for part in rows] == 5 * [400]
    scale_a = whole_aa.diag().sqrt()
    error_aa = (refinement.sampled_aa.double() - whole_aa).triu() / torch.outer(scale_a, scale_a)
    assert float(error_aa.abs().max()) < 0.1
    assert refinement.curvature == pytest.approx(float(curvature_n.sum()), rel=1e-4)


def same(tensor: torch.Tensor) -> torch.Tensor:
    """The sum over one host."""
    return tensor


def positive(size: int) -> torch.Tensor:
    """A random curvature, far from singular."""
    root = torch.randn(size, size, generator=RNG)
    return root @ root.T + size * torch.eye(size)


def refined(size: int = 4, passes: int | None = None, epochs: int = EPOCHS) -> NewtonRefinement:
    """One that has begun, or is at that pass."""
    found = NewtonRefinement.start(size - 1, 6, epochs)
    found.passes = found.begins if passes is None else passes
    found.squares_a = torch.ones(size)
    return found


@pytest.mark.parametrize(("epochs", "begins"), [(1, 1), (2, 1), (3, 1), (4, 2), (15, 7)])
def test_the_second_half_of_the_passes_refines(epochs, begins):
    found = NewtonRefinement.start(3, 6, epochs)
    assert (found.begins, found.ends, found.passes) == (begins, epochs, 0)
    assert found.sampled_aa.shape == found.hessian_aa.shape == (4, 4) and found.slopes_ao.shape == (4, 6)
    assert found.moves_pa.shape == found.bends_pa.shape == (0, 4)
    states = []
    for found.passes in range(epochs):
        states.append((found._surveys, found.just_began, found.active))
    assert states == [(number == begins - 1, number == begins, number >= begins) for number in range(epochs)]


def test_rows_are_sampled_in_every_second_pass_but_the_last_ones():
    found = NewtonRefinement.start(3, 6, 15)
    sampled = []
    for found.passes in range(15):
        sampled += [found.passes] if found._samples else []
    assert sampled == [7, 9, 11]


def test_the_pass_before_measures_the_columns():
    found = refined(passes=6)
    x_nd = torch.randn(5, 3, generator=RNG)
    found.squares_a = torch.zeros(4)
    for part in (x_nd[:2], x_nd[2:]):
        found.read(part, torch.zeros(len(part), 6), torch.zeros(len(part), 6))
    assert torch.allclose(found.squares_a, torch.cat([x_nd.square().sum(0), torch.tensor([5.0])]))
    assert found._read == []


def test_slopes_are_added_up_by_rows_while_models_stand_still():
    slope_do, slope_1o = torch.randn(3, 6, generator=RNG), torch.randn(1, 6, generator=RNG)
    found = refined()
    found.add_slopes(slope_do, slope_1o, 10)
    found.add_slopes(slope_do, slope_1o, 5)
    assert found.rows == 15 and torch.allclose(found.slopes_ao, 15 * torch.cat([slope_do, slope_1o]))
    before = refined(passes=6)
    before.add_slopes(slope_do, slope_1o, 10)
    assert before.rows == 10 and not bool(before.slopes_ao.any())


def begun(rows: int, squares: list[float], hosts: int = 1) -> tuple[NewtonRefinement, torch.Tensor]:
    found = refined(passes=6)
    found.rows, found.squares_a = rows, torch.tensor(squares) * rows / hosts
    weights_as = torch.zeros(4, 4)
    found.end_pass(weights_as, torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.ones(4), lambda each: each * hosts)
    return found, weights_as


@pytest.mark.parametrize("hosts", [1, 2])
def test_it_begins_at_the_best_model_without_columns_that_were_almost_constant(hosts):
    found, weights_as = begun(64, [1.0, 2.25, 2.3, 1.0], hosts)
    assert torch.equal(weights_as, torch.tensor([1.0, 2.0, 0.0, 4.0])[:, None].repeat(1, 4))
    assert found.squares_a.tolist() == pytest.approx([1.0, 2.25, 2.3, 1.0]) and found.share == pytest.approx(
        2.5 * 4 / 64
    )
    assert (found.passes, found.rows, found.begins) == (7, 0, 7)


def test_with_fewer_than_sixteen_rows_a_column_it_never_begins():
    found, weights_as = begun(63, [1.0] * 4)
    assert found.begins == EPOCHS + 1 and not bool(weights_as.any())
    for found.passes in range(EPOCHS):
        assert not found.active and not found._samples


HESSIAN, OPTIMUM = positive(4), torch.randn(4, generator=RNG)


def first_step(hosts: int = 1) -> tuple[NewtonRefinement, torch.Tensor, torch.Tensor]:
    """After the first pass on a quadratic whose whole curvature was sampled: the point, and the models."""
    found, point_a = refined(), torch.randn(4, generator=RNG)
    found.rows, found.curvature = 100, 0.0
    found.sampled_aa = (HESSIAN.triu() + torch.tril(torch.full((4, 4), 9.0), -1)) * 100 / hosts
    found.slopes_ao[:, -4:] = (HESSIAN @ (point_a - OPTIMUM))[:, None] * 100
    weights_as = point_a[:, None].repeat(1, 4)
    found.end_pass(weights_as, point_a, torch.ones(4), lambda each: each * hosts)
    return found, point_a, weights_as


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_whole_step_comes_to_the_optimum_of_a_quadratic(hosts):
    found, point_a, weights_as = first_step(hosts)
    for at, size in enumerate((0.25, 0.5, 1.0, 2.0)):
        assert torch.allclose(weights_as[:, at], point_a + size * (OPTIMUM - point_a), atol=1e-4)
    assert torch.allclose(found.hessian_aa, HESSIAN, rtol=1e-5)
    assert found.least == 1 and not bool(found.sampled_aa.any()) and not bool(found.slopes_ao.any())
    assert (found.passes, found.rows, found.curvature) == (8, 0, 0.0)


def test_columns_have_a_ridge_by_the_mean_curvature_and_their_squares():
    found, point_a = refined(), torch.zeros(4)
    squares_a = torch.tensor([1.0, 0.0, 4.0, 1.0])
    found.rows, found.curvature, found.squares_a = 100, 20.0, squares_a
    slope_a = torch.ones(4)
    found.slopes_ao[:, -4:] = slope_a[:, None] * 100
    weights_as = torch.zeros(4, 4)
    found.end_pass(weights_as, point_a, torch.ones(4), same)
    assert torch.allclose(weights_as[:, 2], -slope_a / (0.05 * 0.2 * squares_a + 1e-7), rtol=1e-4)


def test_the_best_model_is_the_new_point_and_the_change_is_remembered():
    found, point_a, weights_as = first_step()
    before_a = found.slope_a.clone()
    tried_as = weights_as.clone()
    found.rows = 50
    slopes = torch.randn(4, 4, generator=RNG)
    found.slopes_ao[:, -4:] = slopes * 50
    found.end_pass(weights_as, point_a, torch.tensor([0.9, 0.5, torch.nan, 0.7]), same)
    assert torch.equal(found.point_a, tried_as[:, 1]) and found.least == 0.5 and found.scale == 1
    assert torch.allclose(found.slope_a, slopes[:, 1])
    assert torch.allclose(found.moves_pa, (tried_as[:, 1] - point_a)[None])
    assert torch.allclose(found.bends_pa, (slopes[:, 1] - before_a)[None], atol=1e-5)


@pytest.mark.parametrize("losses", [[1.0, 1.5, 2.0, 3.0], [torch.nan] * 4])
def test_where_no_model_is_better_the_steps_are_shorter_and_later_longer_again(losses):
    found, point_a, weights_as = first_step()
    found.rows = 50
    found.end_pass(weights_as, point_a, torch.tensor(losses), same)
    assert torch.equal(found.point_a, point_a) and found.scale == 0.25 and len(found.moves_pa) == 0
    for at, size in enumerate(STEP_SIZES):
        assert torch.allclose(weights_as[:, at], point_a + 0.25 * size * (OPTIMUM - point_a), atol=1e-4)
    scales = []
    for better in (0.9, 0.8, 0.7):
        found.rows, found.passes = 50, 8
        found.end_pass(weights_as, point_a, torch.tensor([better] * 4), same)
        scales.append(found.scale)
    assert scales == [0.5, 1.0, 1.0]


def test_the_last_three_changes_are_remembered():
    found, point_a, weights_as = first_step()
    for better in (0.9, 0.8, 0.7, 0.6):
        found.rows, found.passes = 50, 8
        found.end_pass(weights_as, point_a, torch.tensor([better] * 4), same)
    assert len(found.moves_pa) == len(found.bends_pa) == 3


def test_the_last_pass_moves_nothing():
    found, point_a, weights_as = first_step()
    found.passes, found.rows, tried_as = EPOCHS - 1, 50, weights_as.clone()
    found.end_pass(weights_as, point_a, torch.tensor([0.1] * 4), same)
    assert torch.equal(weights_as, tried_as) and found.least == 1 and found.passes == EPOCHS


def test_a_later_sample_changes_the_curvature_by_three_fifths():
    found, point_a, weights_as = first_step()
    other = positive(4)
    found.passes, found.rows, found.sampled_aa = found.begins + 2, 50, other * 50
    found.end_pass(weights_as, point_a, torch.ones(4), same)
    assert torch.allclose(found.hessian_aa, 0.4 * HESSIAN + 0.6 * other, rtol=1e-4)
    kept = found.hessian_aa.clone()
    found.passes, found.rows, found.sampled_aa = found.begins + 3, 50, other * 50
    found.end_pass(weights_as, point_a, torch.ones(4), same)
    assert torch.equal(found.hessian_aa, kept)


def test_the_direction_has_the_curvature_of_the_remembered_changes():
    """The inverse that L-BFGS stands for maps the last change of slope to the last change of point [Nocedal & Wright, 6.6]."""
    found = refined()
    factor_aa = torch.linalg.cholesky(positive(4))
    found.moves_pa = torch.randn(3, 4, generator=RNG)
    found.bends_pa = found.moves_pa @ positive(4)
    found.slope_a = found.bends_pa[-1]
    assert torch.allclose(found._direction(factor_aa), found.moves_pa[-1], atol=1e-3)
    found.slope_a = torch.randn(4, generator=RNG)
    assert torch.allclose(found._direction(factor_aa), inverse(found, factor_aa) @ found.slope_a, atol=1e-3)


def inverse(found: NewtonRefinement, factor_aa: torch.Tensor) -> torch.Tensor:
    """The same by its recursion over whole matrices [Nocedal & Wright, 7.16]."""
    inverse_aa = torch.cholesky_inverse(factor_aa)
    for move_a, bend_a in zip(found.moves_pa, found.bends_pa, strict=True):
        rho = 1 / (move_a @ bend_a)
        turn_aa = torch.eye(4) - rho * torch.outer(bend_a, move_a)
        inverse_aa = turn_aa.T @ inverse_aa @ turn_aa + rho * torch.outer(move_a, move_a)
    return inverse_aa


def test_changes_that_curve_the_wrong_way_are_left_out():
    found, factor_aa = refined(), torch.linalg.cholesky(positive(4))
    found.slope_a = torch.randn(4, generator=RNG)
    plain = found._direction(factor_aa)
    assert torch.allclose(plain, torch.cholesky_inverse(factor_aa) @ found.slope_a, atol=1e-4)
    found.moves_pa, found.bends_pa = torch.eye(4)[:2], torch.stack([-torch.eye(4)[0], torch.eye(4)[2]])
    assert torch.equal(found._direction(factor_aa), plain)


def test_a_curvature_that_is_not_positive_moves_nothing():
    found, weights_as = refined(), torch.ones(4, 4)
    found.hessian_aa, found.slope_a = -torch.eye(4), torch.ones(4)
    found._move(weights_as)
    assert torch.equal(weights_as, torch.ones(4, 4))


def test_curvature_is_that_of_the_cross_entropy_or_its_bound():
    margins_n = torch.tensor([0.0, 0.5, 3.0, 3.0, 20.0])
    errors_n = torch.tensor([0.5, 0.25, 0.047, 0.9526, 1.0])
    expected = [0.25, 0.25 * 0.75, 0.047 * 0.953, torch.tanh(torch.tensor(1.5)).item() / 6, 0.5 / 20]
    assert refinement._curvature(margins_n, errors_n).tolist() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_probabilities_are_proportional_up_to_1_and_add_up(rows):
    size_n = torch.tensor([8.0, 1.0, 1.0, 4.0, 2.0, 0.5, 0.5, 3.0], dtype=torch.float64)
    found = refinement._probabilities(size_n, rows)
    assert float(found.sum()) == pytest.approx(rows) and float(found.max()) <= 1
    others = found < 1
    if bool(others.any()):
        assert bool(torch.isclose(found[others] / size_n[others], (found[others] / size_n[others])[0]).all())
        assert float(size_n[~others].min() if bool((~others).any()) else torch.inf) >= float(size_n[others].max())


def test_sizes_of_nothing_have_no_probability():
    assert refinement._probabilities(torch.zeros(3, dtype=torch.float64), 1).tolist() == [0, 0, 0]


def test_the_product_of_many_columns_is_taken_in_blocks(monkeypatch):
    monkeypatch.setattr(refinement, "BLOCK_COLUMNS", 2)
    found, rows_ra = refined(5), torch.randn(7, 5, generator=RNG)
    found._add_curvature(rows_ra)
    found._add_curvature(rows_ra)
    assert torch.allclose(found.sampled_aa.triu(), 2 * (rows_ra.T @ rows_ra).triu(), atol=1e-4)


def test_arrays_are_the_whole_refinement():
    found, *_ = first_step()
    found.rows, found.curvature = 17, 2.5
    again = NewtonRefinement.from_arrays(found.arrays(), CPU)
    for name in refinement.NUMBERS:
        assert getattr(again, name) == getattr(found, name) and type(getattr(again, name)) is type(getattr(found, name))
    for name in refinement.TENSORS:
        assert torch.equal(getattr(again, name), getattr(found, name))
    assert NewtonRefinement.from_arrays({}, CPU) is None
    missing = {name: array for name, array in found.arrays().items() if name != "refinement_point_a"}
    with pytest.raises(UserError, match="its refinement has 9 numbers and 7 arrays, expected 9 and 8"):
        NewtonRefinement.from_arrays(missing, CPU)


def test_rows_of_nothing_are_not_folded():
    found = refined()
    found.fold(lambda chosen_r: pytest.fail("no rows were read"))
    assert found.curvature == 0
