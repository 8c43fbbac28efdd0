"""Flat rows: their order, their joining, and the places of their numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.containers.codecs.rows import FlatRows, as_matrix, floating, spread, stack

LABELS = np.array([[1.0], [2.0], [3.0]], np.float32)
DENSE = FlatRows(np.array([2, 2, 2]), np.arange(6, dtype=np.float32), None, 2, LABELS)
SPARSE = FlatRows(np.array([2, 0, 1]), np.array([5.0, 6.0, 7.0]), np.array([0, 3, 1]), 4)


def by_row(rows: FlatRows) -> list[dict[int, float]]:
    """Each row as column → value."""
    stops = np.cumsum(rows.counts_n)
    pairs = list(zip(rows.sparse_keys().tolist(), rows.values_z.tolist(), strict=True))
    return [dict(pairs[stop - count : stop]) for stop, count in zip(stops, rows.counts_n, strict=True)]


def test_every_value_has_a_column():
    assert by_row(DENSE) == [{0: 0, 1: 1}, {0: 2, 1: 3}, {0: 4, 1: 5}]
    assert by_row(SPARSE) == [{0: 5, 3: 6}, {}, {1: 7}]
    assert (len(DENSE), len(SPARSE)) == (3, 3)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1], [2, 2]])
@pytest.mark.parametrize("rows", [DENSE, SPARSE], ids=["dense", "sparse"])
def test_rows_can_be_had_in_another_order(rows, order):
    ordered = rows.ordered(np.array(order))
    assert by_row(ordered) == [by_row(rows)[row] for row in order] and ordered.width == rows.width
    assert (ordered.keys_z is None) == (rows.keys_z is None)
    if rows.labels_nl is None:
        assert ordered.labels_nl is None
    else:
        assert ordered.labels_nl.tolist() == rows.labels_nl[order].tolist()


def test_one_part_is_not_copied():
    assert stack([DENSE]) is DENSE


def test_dense_parts_stay_dense_and_with_sparse_ones_become_sparse():
    whole = stack([DENSE, DENSE])
    assert whole.keys_z is None and by_row(whole) == 2 * by_row(DENSE)
    assert whole.labels_nl.tolist() == 2 * LABELS.tolist() and whole.width == 2
    wide = FlatRows(np.array([4]), np.arange(4, dtype=np.int32), None, 4)
    mixed = stack([SPARSE, wide])
    assert by_row(mixed) == [*by_row(SPARSE), {0: 0, 1: 1, 2: 2, 3: 3}]
    assert (mixed.width, mixed.labels_nl, mixed.values_z.dtype) == (4, None, np.float64)


def test_labels_of_two_types_are_joined():
    doubles = FlatRows(DENSE.counts_n, DENSE.values_z, None, 2, LABELS.astype(np.float64))
    integers = FlatRows(DENSE.counts_n, DENSE.values_z, None, 2, LABELS.astype(np.int32))
    assert stack([DENSE, integers]).labels_nl.dtype == np.float32
    assert stack([DENSE, doubles]).labels_nl.dtype == np.float64


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1), st.integers(1, 8))
def test_places_of_each_row_are_as_many_from_its_start_as_it_has(rows, step):
    starts, counts = np.array(rows).T
    expected = [start + step * number for start, count in rows for number in range(count)]
    assert spread(starts, counts, step).tolist() == expected
    if step == 1:
        assert spread(starts, counts).tolist() == expected


def test_a_number_a_row_is_a_column_even_where_there_are_no_rows():
    assert [as_matrix(np.empty(shape)).shape for shape in ((3,), (0,), (3, 2), (0, 2))] == [
        (3, 1),
        (0, 1),
        (3, 2),
        (0, 2),
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_not_copied(dtype):
    values = np.ones(2, dtype)
    assert floating(values) is values


def test_other_numbers_become_float32():
    assert floating(np.array([1, 2])).dtype == np.float32 and floating(np.ones(1, np.float16)).dtype == np.float32
