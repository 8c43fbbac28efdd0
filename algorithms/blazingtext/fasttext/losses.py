"""What fastText's losses make of a hidden vector: the probability of each label.

Axes: d numbers of the hidden vector · k labels
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

SIGMOID_CELLS = 512
SIGMOID_REACH = 8.0
LOG_OFFSET = 1e-5
LEAST_LOG = np.float32(np.log(LOG_OFFSET))
"""Leaves of the tree of labels below it are not found."""


class FastTextLoss(IntEnum):
    """fastText's losses by the numbers that its files have."""

    HIERARCHICAL_SOFTMAX = 1
    NEGATIVE_SAMPLING = 2
    SOFTMAX = 3
    ONE_VERSUS_ALL = 4


def probabilities(loss: FastTextLoss, scores_k: NDArray, counts: Sequence[int]) -> NDArray:
    """The probability (k,) of each label as fastText gives it: up to 1e-5 too large, so that 1.00001 occurs, and 0 for labels
    that it does not find.

    `scores_k` are the products of the hidden vector with the rows of the output matrix, `counts` those of the labels.
    """
    if loss == FastTextLoss.HIERARCHICAL_SOFTMAX:
        logs_k = _leaf_logs(scores_k, counts)
        return np.where(logs_k < LEAST_LOG, 0, np.exp(logs_k))
    found_k = _softmax(scores_k) if loss == FastTextLoss.SOFTMAX else _tabulated_sigmoid(scores_k)
    return np.exp(_offset_log(found_k))


def _offset_log(values: NDArray) -> NDArray:
    return np.log(np.asarray(values, np.float64) + LOG_OFFSET).astype(np.float32)


def _softmax(scores_k: NDArray) -> NDArray:
    raised_k = np.exp(scores_k - scores_k.max())
    return raised_k / raised_k.sum()


def _tabulated_sigmoid(scores_k: NDArray) -> NDArray:
    """The sigmoid by fastText's table of 512 cells from -8 to 8."""
    cells_k = ((scores_k + SIGMOID_REACH) * (SIGMOID_CELLS / SIGMOID_REACH / 2)).clip(0, SIGMOID_CELLS).astype(np.int64)
    inside_k = 1 / (1 + np.exp(-(cells_k * 2 * SIGMOID_REACH / SIGMOID_CELLS - SIGMOID_REACH)))
    outside_k = np.where(scores_k > 0, 1.0, 0.0)
    return np.where(np.abs(scores_k) > SIGMOID_REACH, outside_k, inside_k).astype(np.float32)


def _leaf_logs(scores_k: NDArray, counts: Sequence[int]) -> NDArray:
    """The logarithm of the probability (k,) of each leaf of the tree of labels; score i belongs to inner node k + i."""
    k = len(counts)
    right_k = 1 / (1 + np.exp(-scores_k.astype(np.float64)))
    logs = np.zeros(2 * k - 1, np.float32)
    for node, (left, right) in reversed(list(enumerate(huffman_children(counts), start=k))):
        chances = np.array([1 - right_k[node - k], right_k[node - k]], np.float32)
        logs[[left, right]] = logs[node] + _offset_log(chances)
    return logs[:k]


def huffman_children(counts: Sequence[int]) -> list[tuple[int, int]]:
    """The children (left, right) of each inner node, k, k + 1, … to the root, for k leaves in descending order of `counts`."""
    k = len(counts)
    weights = [*counts, *[0] * (k - 1)]
    leaf, inner = k - 1, k
    children = []
    for node in range(k, 2 * k - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and (inner >= node or weights[leaf] < weights[inner]):
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(inner)
                inner += 1
        weights[node] = weights[pair[0]] + weights[pair[1]]
        children.append((pair[0], pair[1]))
    return children
