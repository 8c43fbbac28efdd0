"""Votes of neighbours, beside Python's own counting."""

from collections import Counter

import numpy as np
import pytest

from wildsage.algorithms.knn import vote


@pytest.mark.parametrize(
    ("labels", "winner"),
    [([3, 3, 1], 3), ([2, 1], 1), ([2, 2, 1, 1], 1), ([5], 5), ([9, 0, 9, 0, 4], 0), ([-1.5, 7, 7], 7), ([4, 4, 4], 4)],
)
def test_the_most_frequent_label_wins_and_the_smallest_of_equals(labels, winner):
    assert vote.majority(np.array([labels], np.float32)).tolist() == [winner]


def test_as_python_counts():
    labels_nk = np.random.default_rng(0).integers(0, 5, (500, 9)).astype(np.float32)
    expected = [min(counts := Counter(row), key=lambda label: (-counts[label], label)) for row in labels_nk.tolist()]
    assert vote.majority(labels_nk).tolist() == expected


def test_the_mean_is_summed_in_double():
    labels_nk = np.array([[2.0**24, 1.0, 1.0, -(2.0**24)]], np.float32)
    assert vote.mean(labels_nk).tolist() == [0.5]
