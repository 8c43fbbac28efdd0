"""Columns of an answer as Python values."""

import pytest
import torch

from wildsage.containers.codecs.text.predictions import predictions


def test_a_row_has_the_columns_in_their_order_as_numbers_or_lists():
    columns = {"score": torch.tensor([0.5, 2.0]), "all": torch.tensor([[1, 2], [3, 4]]), "a": torch.tensor([7, 8])}
    rows = predictions(columns)
    assert rows == [{"score": 0.5, "all": [1, 2], "a": 7}, {"score": 2.0, "all": [3, 4], "a": 8}]
    assert list(rows[0]) == ["score", "all", "a"] and isinstance(rows[0]["a"], int)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_floats_have_the_precision_of_float32_and_whole_numbers_all_their_digits(dtype):
    columns = {"x": torch.tensor([0.1], dtype=dtype), "n": torch.tensor([(1 << 53) + 1])}
    assert predictions(columns) == [{"x": 0.10000000149011612, "n": 9007199254740993}]


def test_no_rows_give_no_predictions():
    assert predictions({"score": torch.empty(0)}) == []
