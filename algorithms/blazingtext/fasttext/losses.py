"""What fastText's losses make of a hidden vector: labels and their probabilities.

Axes: d numbers of the hidden vector · k labels
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

SIGMOID_CELLS = 512
SIGMOID_REACH = 8.0
LOG_OFFSET = 1e-5
LEAST_LOG = math.log(LOG_OFFSET)
"""Leaves of the tree of labels below it are not found."""


class FastTextLoss(IntEnum):
    """fastText's losses by the numbers that its files have."""

    HIERARCHICAL_SOFTMAX = 1
    NEGATIVE_SAMPLING = 2
    SOFTMAX = 3
    ONE_VERSUS_ALL = 4


def probabilities(loss: FastTextLoss, scores_k: NDArray) -> NDArray:
    """The probability (k,) of each label, of a loss without a tree, as fastText gives it: up to 1e-5 too large, so that 1.00001
    occurs.

    `scores_k` are the products of the hidden vector with the rows of the output matrix.
    """
    found_k = _softmax(scores_k) if loss == FastTextLoss.SOFTMAX else _tabulated_sigmoid(scores_k)
    return np.exp(np.log(np.asarray(found_k, np.float64) + LOG_OFFSET).astype(np.float32))


def _softmax(scores_k: NDArray) -> NDArray:
    raised_k = np.exp(scores_k - scores_k.max())
    return raised_k / raised_k.sum()


def _tabulated_sigmoid(scores_k: NDArray) -> NDArray:
    """The sigmoid by fastText's table of 512 cells from -8 to 8."""
    cells_k = ((scores_k + SIGMOID_REACH) * (SIGMOID_CELLS / SIGMOID_REACH / 2)).clip(0, SIGMOID_CELLS).astype(np.int64)
    inside_k = 1 / (1 + np.exp(-(cells_k * 2 * SIGMOID_REACH / SIGMOID_CELLS - SIGMOID_REACH)))
    outside_k = np.where(scores_k > 0, 1.0, 0.0)
    return np.where(np.abs(scores_k) > SIGMOID_REACH, outside_k, inside_k).astype(np.float32)


def likeliest_leaves(
    children: Sequence[tuple[int, int]], score: Callable[[int], float], count: int
) -> list[tuple[int, float]]:
    """The `count` most probable labels of hierarchical softmax and their probabilities, best first; fewer where the others are
    below 1e-5.

    `children` are those of `huffman_children`; `score(i)` is the product of the hidden vector with row i of the output matrix.
    The search goes depth first, to the more probable child first, and leaves out what cannot be among the best.
    """
    labels = len(children) + 1
    best: list[tuple[float, int]] = []
    waiting = [(0.0, 2 * labels - 2)]
    while waiting:
        log, node = waiting.pop()
        if log < LEAST_LOG or (len(best) == count and log < best[0][0]):
            continue
        if node >= labels:
            chances = _turns(score(node - labels))
            below = zip(chances, children[node - labels], strict=True)
            waiting += sorted((log + math.log(chance + LOG_OFFSET), child) for chance, child in below)
        elif len(best) < count:
            heapq.heappush(best, (log, -node))
        else:
            heapq.heappushpop(best, (log, -node))
    return [(-label, math.exp(log)) for log, label in sorted(best, reverse=True)]


def _turns(score: float) -> tuple[float, float]:
    """The chances to turn left and right at an inner node, with the digits that fastText has."""
    right = float(np.float32(0.5 + 0.5 * math.tanh(score / 2)))
    return 1 - right, right


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
