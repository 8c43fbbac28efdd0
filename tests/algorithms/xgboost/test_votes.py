"""The answer of several models."""

import numpy as np
import pytest

from wildsage.algorithms.xgboost.votes import majority


@pytest.mark.parametrize(
    ("votes", "chosen"),
    [
        ([[3, 0]], [3, 0]),
        ([[1, 5], [0, 5], [1, 0]], [1, 5]),
        ([[2, 7], [1, 0]], [1, 0]),
        ([[0.5, -1], [0.5, 2.5], [-1, 2.5]], [0.5, 2.5]),
        ([[True, False], [True, True], [False, False]], [True, False]),
    ],
)
def test_most_models_decide_and_the_smallest_value_where_several_have_as_many(votes, chosen):
    found = majority(np.array(votes))
    assert found.tolist() == chosen and found.dtype == np.array(votes).dtype
