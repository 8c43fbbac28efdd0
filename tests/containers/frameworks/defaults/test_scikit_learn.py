"""What scikit-learn's image does where a script lacks a hook."""

from __future__ import annotations

import numpy as np
import pytest

from tests.containers.frameworks.endpoints import npy
from wildsage.containers.frameworks.defaults.scikit_learn import ScikitLearnHooks


@pytest.mark.parametrize(
    ("body", "content_type", "rows", "dtype"),
    [
        ("1,2", "text/csv", [[1, 2]], np.float32),
        ("1,2\n3,4", "text/csv; a=b", [[1, 2], [3, 4]], np.float32),
        ("[1, 2]", "application/json", [[1, 2]], np.float32),
        ("[[[1], [2]]]", None, [[[1], [2]]], np.float32),
        (npy(np.array([1, 2], np.int16)), "application/x-npy", [[1, 2]], np.int16),
        (npy(np.array([[1], [2]])), "application/x-npy", [[1], [2]], np.int64),
    ],
)
def test_rows_are_a_table_and_numbers_of_text_are_float32(body, content_type, rows, dtype):
    found = ScikitLearnHooks().input_fn(body, content_type)
    assert (found.tolist(), found.dtype) == (rows, dtype)
