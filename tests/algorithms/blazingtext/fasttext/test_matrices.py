"""Matrices of a model, dense and quantised, and the numbers that training begins with."""

import numpy as np
import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext.fasttext.matrices import DenseMatrix, QuantisedMatrix, Quantiser, uniform_matrix

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("width", [1, 4, 100])
def test_training_begins_with_uniform_numbers_up_to_one_by_the_width(width):
    values = uniform_matrix(20_000 // width, width, 3)
    assert values.dtype == np.float32 and values.shape == (20_000 // width, width)
    assert np.abs(values).max() <= 1 / width
    assert values.mean() * width == pytest.approx(0, abs=0.03)
    assert (values * width).var() == pytest.approx(1 / 3, abs=0.01)
    np.testing.assert_array_equal(values, uniform_matrix(20_000 // width, width, 3))
    assert (values != uniform_matrix(20_000 // width, width, 4)).any()


def test_a_matrix_that_memory_does_not_hold_says_how_large_it_is():
    with pytest.raises(
        UserError, match=r"1073741824 rows of 1048576 numbers are 4194304\.0 GiB\. Set a smaller vector_dim"
    ):
        uniform_matrix(1 << 30, 1 << 20, 0)


def test_rows_of_a_dense_matrix_are_taken_by_their_numbers():
    values = RNG.normal(size=(5, 3)).astype(np.float32)
    found = DenseMatrix(values)
    assert found.shape == (5, 3)
    np.testing.assert_array_equal(found.rows([4, 0, 4]), values[[4, 0, 4]])
    assert found.rows([]).shape == (0, 3)


PARTS = [RNG.normal(size=(256, 2)).astype(np.float32), RNG.normal(size=(256, 1)).astype(np.float32)]
CODES = np.array([[0, 255], [7, 3]], np.uint8)


def test_a_code_stands_for_a_centroid_of_its_part():
    found = QuantisedMatrix(CODES, Quantiser(PARTS))
    assert found.shape == (2, 3)
    expected = np.array([[*PARTS[0][7], *PARTS[1][3]], [*PARTS[0][0], *PARTS[1][255]]])
    np.testing.assert_array_equal(found.rows([1, 0]), expected)


def test_norms_multiply_their_rows():
    norms = Quantiser([np.arange(256, dtype=np.float32)[:, None]])
    found = QuantisedMatrix(CODES, Quantiser(PARTS), np.array([2, 5], np.uint8), norms)
    plain = QuantisedMatrix(CODES, Quantiser(PARTS))
    np.testing.assert_allclose(found.rows([0, 1, 1]), plain.rows([0, 1, 1]) * [[2], [5], [5]], rtol=1e-6)
