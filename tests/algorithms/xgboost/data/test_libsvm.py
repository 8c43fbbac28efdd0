"""LIBSVM at its edges: empty texts, blank lines, long words, and columns that are counted from 1. Most rows are in test_readers.py."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.xgboost.data import libsvm
from wildsage.algorithms.xgboost.data.table import Table


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("text", [b"", b"\n", b" \t\r\n\n", b"# only a comment\n"])
def test_a_text_without_rows_is_an_empty_table(text):
    table = libsvm.parse(text)
    assert (table.features.shape, table.labels.shape) == ((0, 0), (0,))
    assert table.weights is None and table.groups is None


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("text", [b"1\n2\n", b"\n1\n\n2", b"1 # 0:1\n2 #"])
def test_rows_may_have_no_values(text):
    table = libsvm.parse(text)
    assert (table.features.shape, table.labels.tolist()) == ((2, 0), [1, 2])


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("size", [30, 31, 32, 33, 34, 70])
def test_words_and_spaces_of_any_length_are_read(size):
    digits = b"0" * (size - 1)
    text = b" " * size + digits + b"1:" + digits + b"2 qid:" + digits[:15] + b"3" + b"\t" * size + b"4:5\n6:7 qid:8\n"
    table = libsvm.parse(text)
    assert (table.labels.tolist(), table.weights.tolist(), table.groups.tolist()) == ([1, 6], [2, 7], [3, 8])
    assert table.features.toarray().tolist() == [[0, 0, 0, 0, 5], [0] * 5]


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize(
    ("text", "row", "problem"),
    [
        (b"1:2 0:1\n1 0:1\n1 0:1\n", 2, "it has no weight, but other rows have one; expected one in each."),
        (b"1 0:1\n1 qid:2 0:1\n", 1, "it has no qid, but other rows have one; expected one in each."),
        (b"1:1e39 0:1\n", 1, "weight '1e39', expected a number that float32 can hold, of at most 3.4e38."),
        (b"1 0:1\n1 0:2 3:-1e39 4:1e39\n", 2, "value '-1e39', expected a number that float32 can hold, of at most 3.4e38."),
        (b"1\n\n1 5:1 -3:2 -4:1\n", 2, "index -3, expected 0 or more."),
        (b"1 0:1 1:" + b"x" * 50 + b"\n", 1, f"value '{'x' * 40}' is not a number."),
        (b"1 0:1\n" + b"y" * 50 + b" 0:1\n", 2, f"label '{'y' * 40}' is not a number."),
        (b"1 qid:9223372036854775808 0:1\n", 1, "qid '9223372036854775808' is not a whole number."),
        (b"1 0:1\n1 2147483648:1\n", 2, "index '2147483648' is not a whole number below 2147483648."),
        (b"1 0:1 :5\n", 1, "got ':5', expected index:value."),
    ],
)  # fmt: skip
def test_the_first_thing_that_is_wrong_is_named_with_its_row(text, row, problem):
    with pytest.raises(BadRecord) as raised:
        libsvm.parse(text)
    assert (raised.value.row, raised.value.problem) == (row, problem)


@pytest.mark.usefixtures("both_readers")
def test_blocks_follow_each_other(monkeypatch):
    monkeypatch.setattr(libsvm, "BLOCK_BYTES", 6)
    tables = list(libsvm.read([b"1 0:1\n", b"2 0:1\n3 0:1\n"]))
    assert [table.labels.tolist() for table in tables] == [[1], [2, 3]]


def table(*rows: list[float]) -> Table:
    features = csr_matrix(np.array(rows, np.float32))
    return Table(features, np.zeros(len(rows), np.float32), np.ones(len(rows), np.float32))


def test_columns_are_moved_where_none_is_0():
    moved = libsvm.shifted([table([0, 0, 5]), table([0, 7, 0])])
    assert [one.features.toarray().tolist() for one in moved] == [[[0, 5]], [[7, 0]]]
    assert all(one.weights.tolist() == [1] and one.labels.tolist() == [0] for one in moved)
    kept = libsvm.shifted([table([0, 0, 5]), table([7, 0, 0])])
    assert [one.features.shape for one in kept] == [(1, 3), (1, 3)]


def test_tables_without_values_are_moved_with_the_others():
    empty = Table(csr_matrix((1, 0), dtype=np.float32), np.zeros(1, np.float32))
    assert [one.features.shape for one in libsvm.shifted([empty, table([0, 3])])] == [(1, 0), (1, 1)]
    assert [one.features.shape for one in libsvm.shifted([empty])] == [(1, 0)]
    assert libsvm.shifted([]) == []
