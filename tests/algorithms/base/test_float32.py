"""Where float32 ends, to the last bit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wildsage.algorithms.base.float32 import BEYOND, beyond, rounded

LARGEST = math.nextafter(BEYOND, 0)
"""The largest double that float32 can hold, rounded down."""


def test_numbers_round_to_infinity_from_the_bound_on_and_not_before():
    with np.errstate(over="ignore"):
        assert np.isinf(np.float64(BEYOND).astype(np.float32))
        assert np.float64(LARGEST).astype(np.float32) == np.finfo(np.float32).max


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([LARGEST, BEYOND, -BEYOND, -LARGEST]), [False, True, True, False]),
        (np.array([[math.inf], [-math.inf], [math.nan]]), [[True], [True], [False]]),
        (np.array([math.inf, -math.inf, math.nan, 3.4e38], np.float32), [True, True, False, False]),
    ],
)
def test_beyond_says_which_numbers_are_infinite_as_float32(values, expected):
    assert beyond(values).tolist() == expected


def test_rounding_keeps_infinity_and_nan_and_raises_for_what_becomes_infinite():
    assert np.array_equal(
        rounded(np.array([0.1, math.inf, math.nan, -LARGEST])),
        np.array([0.1, math.inf, math.nan, -LARGEST]).astype(np.float32),
        equal_nan=True,
    )
    for number in (BEYOND, -BEYOND):
        with pytest.raises(FloatingPointError):
            rounded(np.array([1.0, number]))


def test_float32_is_not_copied():
    values = np.ones(3, np.float32)
    assert rounded(values) is values
