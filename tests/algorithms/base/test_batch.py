"""Batches: dense and sparse rows hold the same numbers, whether sliced, joined or cut again."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows, concatenate, rebatch

X = torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0], [0.0, 0.0, 0.0], [4.0, 5.0, 6.0]])


def test_sparse_rows_become_the_same_dense_rows():
    assert torch.equal(SparseRows.from_dense(X).dense(), X)


def test_sparse_entries_that_name_a_column_twice_are_added():
    twice = SparseRows(torch.tensor([0, 2]), torch.tensor([1, 1]), torch.tensor([2.0, 3.0]), 2)
    assert torch.equal(twice.dense(), torch.tensor([[0.0, 5.0]]))


@pytest.mark.parametrize("rows", [slice(0, 2), slice(1, 4), slice(2, 2), slice(3, 9)])
def test_a_slice_of_sparse_rows_is_the_slice_of_dense_rows(rows):
    assert torch.equal(SparseRows.from_dense(X)[rows].dense(), X[rows])


def test_dense_and_sparse_batches_join():
    joined = concatenate([Batch(X[:1]), Batch(SparseRows.from_dense(X[1:]))])
    assert torch.equal(joined.dense(), X)


def test_a_batch_has_the_width_of_its_rows():
    sparse = Batch(SparseRows.from_dense(X))
    assert Batch(X).width == sparse.width == concatenate([sparse, sparse]).width == 3


def test_labels_are_joined_where_every_batch_has_some():
    labelled, bare = Batch(X, X[:, :1]), Batch(X)
    assert torch.equal(concatenate([labelled, labelled]).labels_nl, torch.cat([X[:, :1]] * 2))
    assert concatenate([labelled, bare]).labels_nl is None


def test_sparse_batches_stay_sparse():
    joined = concatenate([Batch(SparseRows.from_dense(X[:1])), Batch(SparseRows.from_dense(X[1:]))])
    assert isinstance(joined.features, SparseRows) and torch.equal(joined.dense(), X)


@given(st.lists(st.integers(0, 7), max_size=12), st.integers(1, 9))
def test_rebatch_keeps_every_row_in_order_whatever_the_pieces(sizes, rows):
    x_nd = torch.arange(sum(sizes), dtype=torch.float32)[:, None]
    batches = list(rebatch((Batch(piece_nd, piece_nd) for piece_nd in x_nd.split(sizes)), rows))
    assert [len(b) for b in batches[:-1]] == [rows] * (len(batches) - 1)
    if sum(sizes):
        assert torch.equal(torch.cat([b.dense() for b in batches]), x_nd)
        assert torch.equal(torch.cat([b.labels_nl for b in batches]), x_nd)


def test_a_memory_stream_can_be_read_again():
    stream = MemoryStream(Batch(X))
    assert [[len(b) for b in stream.batches(3)] for _ in range(2)] == [[3, 1], [3, 1]]
