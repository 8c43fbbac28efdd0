"""Rows that cannot be used are named."""

import math

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.float32 import BEYOND
from wildsage.containers.input import row_checks
from wildsage.containers.input.row_checks import check

WIDTH = 1 << 40
"""Too wide to be made dense."""


def sparse(*rows: dict[int, float]) -> Batch:
    starts = torch.tensor([0, *[len(row) for row in rows]]).cumsum(0)
    columns = torch.tensor([key for row in rows for key in row], dtype=torch.int64)
    return Batch(SparseRows(starts, columns, torch.tensor([value for row in rows for value in row.values()]), WIDTH))


def doubles(values: list[float]) -> Batch:
    """A float64 number in column 4 of each row."""
    columns = torch.full((len(values),), 3)
    rows = SparseRows(torch.arange(len(values) + 1), columns, torch.tensor(values, dtype=torch.float64), WIDTH)
    return Batch(rows)


def keyed(*keys: list[int]) -> Batch:
    starts = torch.tensor([0, *map(len, keys)]).cumsum(0)
    columns = torch.tensor([key for row in keys for key in row])
    return Batch(SparseRows(starts, columns, torch.ones(len(columns)), WIDTH))


@pytest.mark.parametrize(
    "rows",
    [
        sparse({3: 1.0}, {}, {3: 1.0, 9: 2.0}),
        keyed([5, 2, 9], [9, 2], [2]),
        keyed([]),
        keyed([], [9, 2], [], [1], []),
        keyed([7], [7], []),
        sparse({1: 3e38, 2: 3e38}),  # finite, though their sum is not
        doubles([math.nextafter(BEYOND, 0), -math.nextafter(BEYOND, 0)]),
    ],
)
def test_good_rows_pass_in_any_order_of_their_keys(rows):
    check(rows, 1, WIDTH)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (keyed([1, 2], [7, 4, 7], [1]), "row 11: key 7 occurs twice, expected once per row"),
        (keyed([7], [7, 7]), "row 11: key 7 occurs twice"),
        (keyed([3, 7, 7], [9]), "row 10: key 7 occurs twice"),
        (keyed([7, 7, 8], [9]), "row 10: key 7 occurs twice"),
        (sparse({1: math.nan}, {2: 1.0, 3: math.inf}), "row 10: column 2: got nan"),
        (sparse({0: 1.0}, {}, {5: 2.0, 6: float("nan")}), "row 12: column 7: got nan, expected a finite number"),
        (Batch(torch.tensor([[1.0, float("inf")]])), "row 10: 2 columns, expected 1099511627776"),
        (keyed([], [7, 7], []), "row 11: key 7 occurs twice"),
        (keyed([3, 2], [], [8, 7, 9, 7], [6, 6]), "row 12: key 7 occurs twice"),
        (doubles([1.0, -BEYOND]), "row 11: column 4: got -3.4.*, expected a number that float32 can hold"),
        (doubles([1.0, 1e39, 1.0]), "row 11: column 4: got 1e\\+39, expected a number that float32 can hold"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(rows, problem):
    with pytest.raises(BadRecord, match=problem):
        check(rows, 10, WIDTH)


def test_a_dense_number_that_is_not_finite_is_named():
    with pytest.raises(BadRecord, match="row 2: column 1: got -inf"):
        check(Batch(torch.tensor([[1.0, 2.0], [-float("inf"), math.nan], [math.nan, 0.0]])), 1, 2)
    with pytest.raises(BadRecord, match="row 7: column 2: got 1e\\+39, expected a number that float32"):
        check(Batch(torch.tensor([[1.0, 2.0], [0.0, 1e39]], dtype=torch.float64)), 6, 2)


@pytest.mark.parametrize(
    ("rows", "ascending"),
    [
        (keyed([1, 2], [], [0, 5, 6], [2]), True),
        (keyed([7], [7], []), True),
        (keyed([1, 2], [2, 1], [9]), False),
        (keyed([2, 1], [5]), False),
        (keyed([], [3, 3]), False),
    ],
)
def test_columns_ascend_within_rows_whatever_the_next_row_begins_with(rows, ascending):
    """Such rows need no sorting."""
    assert row_checks._ascending(rows.features) == ascending


def test_a_hint_follows_what_is_said_of_the_width():
    with pytest.raises(BadRecord, match=r"row 3: 1 columns, expected 2 \(feature_dim\); is it a label\?\.$"):
        check(Batch(torch.ones(4, 1)), 3, 2, "; is it a label?")
