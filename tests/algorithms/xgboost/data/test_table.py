"""Tables of rows, side by side and one after the other."""

import re

import numpy as np
import pytest
from scipy.sparse import csr_matrix

pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.data.table import Table, alike, labelled, side_by_side, stacked

X = np.array([[1, np.nan, 3], [0, 5, 6]], np.float32)
SPARSE = csr_matrix(np.array([[1, 0, 3], [0, 5, 0]], np.float32))
ONES = np.ones(2, np.float32)


def test_a_table_knows_its_size():
    assert (len(Table(X)), Table(X).width, Table(X).values) == (2, 3, 6)
    assert (len(Table(SPARSE)), Table(SPARSE).width, Table(SPARSE).values) == (2, 3, 3)
    assert Table(SPARSE).sparse is SPARSE


@pytest.mark.parametrize(("features", "stored"), [(X, 5), (SPARSE, 3)])
def test_a_matrix_has_all_that_the_table_has(features, stored):
    weights = np.array([2, 3], np.float32)
    found = Table(features, np.array([1, 0], np.float32), weights).matrix(1)
    assert (found.num_row(), found.num_col(), found.num_nonmissing()) == (2, 3, stored)
    assert found.get_label().tolist() == [1, 0] and found.get_weight().tolist() == [2, 3]
    grouped = Table(features, ONES, None, np.array([7, 9])).matrix()
    assert grouped.get_uint_info("group_ptr").tolist() == [0, 1, 2]


def test_columns_stand_side_by_side():
    assert side_by_side([np.array([1, 2]), np.array([3, 4])]).tolist() == [[1, 3], [2, 4]]
    assert side_by_side([np.array([1, 2])]).dtype == np.float32
    assert side_by_side([]).shape == (0, 0)


def test_the_first_columns_are_label_and_weight():
    columns = [np.array([number, number + 0.5]) for number in range(4)]
    plain = labelled(columns, weights=False)
    assert (
        plain.labels.tolist() == [0, 0.5]
        and plain.weights is None
        and plain.features.tolist() == [[1, 2, 3], [1.5, 2.5, 3.5]]
    )
    weighted = labelled(columns, weights=True)
    assert weighted.weights.tolist() == [1, 1.5] and weighted.features.tolist() == [[2, 3], [2.5, 3.5]]
    assert weighted.labels.dtype == weighted.weights.dtype == np.float32


@pytest.mark.parametrize("parts", [(X, X), (SPARSE, SPARSE), (X, SPARSE), (SPARSE[:, :2], X)])
def test_tables_follow_each_other(parts):
    groups = np.array([1, 1])
    found = stacked([Table(features, ONES * number, ONES * 2, groups) for number, features in enumerate(parts)])
    expected = np.zeros((4, 3), np.float32)
    for number, features in enumerate(parts):
        dense = features if isinstance(features, np.ndarray) else features.toarray()
        expected[2 * number : 2 * number + 2, : dense.shape[1]] = dense
    values = found.features if isinstance(found.features, np.ndarray) else found.features.toarray()
    np.testing.assert_array_equal(values, expected)
    assert isinstance(found.features, np.ndarray) == all(isinstance(part, np.ndarray) for part in parts)
    assert (
        found.labels.tolist() == [0, 0, 1, 1] and found.weights.tolist() == [2] * 4 and found.groups.tolist() == [1] * 4
    )


def test_one_table_stays_as_it_is():
    table = Table(X)
    assert stacked([table]) is table
    both = stacked([table, table])
    assert both.labels is both.weights is both.groups is None


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ([Table(X, ONES), Table(X)], "Some rows have a label and others do not; expected one in each row, or in none."),
        ([Table(X, ONES, ONES), Table(X, ONES)], "Some rows have a weight and others do not"),
        ([Table(X, groups=np.array([1, 2])), Table(SPARSE)], "Some rows have a qid and others do not"),
        (
            [Table(X), Table(X[:, :1]), Table(X[:, :2])],
            "Some rows have 1 features and others 3; expected as many in each row.",
        ),
    ],
)
def test_tables_that_are_not_alike_are_rejected(tables, problem):
    with pytest.raises(UserError, match=re.escape(problem)):
        alike(tables)


def test_sparse_tables_become_as_wide_as_the_widest():
    found = alike([Table(SPARSE[:, :2], ONES), Table(SPARSE, ONES), Table(X[:, :1], ONES)])
    assert [table.width for table in found] == [3, 3, 3] and all(
        isinstance(table.features, csr_matrix) for table in found
    )
    np.testing.assert_array_equal(found[0].sparse.toarray(), [[1, 0, 0], [0, 5, 0]])
