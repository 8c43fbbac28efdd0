import torch

from algorithms.base.rows import pieces


def test_rows_are_copied_whole_and_in_place():
    table, rows = torch.arange(24.0).reshape(2, 4, 3), -torch.ones(2, 2, 3)
    expected = table.clone()
    expected[:, [3, 1]] = rows
    pieces(table)[:, [3, 1]] = pieces(rows)
    assert torch.equal(table, expected)


def test_a_row_of_any_dtype_is_one_piece():
    assert pieces(torch.zeros(5, 7, dtype=torch.float64)).shape == (5, 1)
