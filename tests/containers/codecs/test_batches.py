"""Flat rows become batches of the same numbers, in the same memory."""

import numpy as np
import torch

from wildsage.algorithms.base.batch import SparseRows
from wildsage.containers.codecs.batches import to_batch
from wildsage.containers.codecs.rows import FlatRows


def test_dense_rows_become_a_tensor_without_a_copy():
    values, labels = np.arange(6, dtype=np.float64), np.array([[1.0], [2.0]], np.float32)
    batch = to_batch(FlatRows(np.array([3, 3]), values, None, 3, labels))
    assert batch.features.tolist() == [[0, 1, 2], [3, 4, 5]] and batch.labels_nl.tolist() == [[1], [2]]
    values[0], labels[0] = 9, 8
    assert batch.features[0, 0] == 9 and batch.labels_nl[0, 0] == 8
    assert (batch.features.dtype, batch.labels_nl.dtype) == (torch.float64, torch.float32)


def test_sparse_rows_stay_sparse_and_may_be_empty():
    rows = FlatRows(np.array([1, 0, 2]), np.array([5.0, 6.0, 7.0]), np.array([2, 0, 3]), 4)
    batch = to_batch(rows)
    assert isinstance(batch.features, SparseRows) and batch.features.starts_n1.tolist() == [0, 1, 1, 3]
    assert batch.dense().tolist() == [[0, 0, 5, 0], [0, 0, 0, 0], [6, 0, 0, 7]]
    assert batch.labels_nl is None


def test_whole_numbers_become_float32():
    batch = to_batch(FlatRows(np.array([1]), np.array([3], np.int32), None, 1, np.array([[7]], np.int32)))
    assert (batch.features.dtype, batch.labels_nl.dtype) == (torch.float32, torch.float32)
    assert (batch.features.tolist(), batch.labels_nl.tolist()) == ([[3.0]], [[7.0]])
