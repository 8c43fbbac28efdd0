"""The predicted label, from the labels of k neighbours.

Axes: n queries · k neighbours
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def majority(labels_nk: NDArray) -> NDArray:
    """The most frequent label of each query (n,); the smallest of equally frequent ones, as in scikit-learn."""
    sorted_nk = np.sort(labels_nk, 1)
    place_k = np.arange(labels_nk.shape[1])
    begins_nk = np.zeros(labels_nk.shape, np.int64)
    begins_nk[:, 1:] = np.where(sorted_nk[:, 1:] != sorted_nk[:, :-1], place_k[1:], 0)
    fullest_n = (place_k - np.maximum.accumulate(begins_nk, 1)).argmax(1)  # the first of equal ones
    return np.take_along_axis(sorted_nk, fullest_n[:, None], 1)[:, 0]


def mean(labels_nk: NDArray) -> NDArray:
    """The mean label of each query (n,)."""
    return labels_nk.mean(1, dtype=np.float64).astype(labels_nk.dtype)
