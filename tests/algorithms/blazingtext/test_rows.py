"""Arithmetic on rows against NumPy."""

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.blazingtext.rows import add, divide, dot, learn_row

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [0, 1, 5])
def test_rows_are_multiplied_added_and_divided(size):
    left, right = RNG.normal(size=(2, size)).astype(np.float32)
    assert dot(left, right) == pytest.approx(float(left.astype(float) @ right), abs=1e-6)
    target = left.copy()
    add(target, np.float32(-2), right)
    np.testing.assert_allclose(target, left - 2 * right, rtol=1e-6)
    divide(target, 4)
    np.testing.assert_allclose(target, (left - 2 * right) / 4, rtol=1e-6)


def test_a_step_moves_the_target_and_adds_what_the_target_was_to_the_gradient():
    hidden, gradient, target = RNG.normal(size=(3, 6)).astype(np.float32)
    before = gradient.copy(), target.copy()
    learn_row(hidden, gradient, np.float32(0.5), target)
    np.testing.assert_allclose(gradient, before[0] + 0.5 * before[1], rtol=1e-6)
    np.testing.assert_allclose(target, before[1] + 0.5 * hidden, rtol=1e-6)
