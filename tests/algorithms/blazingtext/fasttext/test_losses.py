"""Probabilities by their formulas, and the tree of labels against Huffman's theorem and against all leaves."""

import heapq
import itertools
import math

import numpy as np
import pytest

from wildsage.algorithms.blazingtext.fasttext import losses
from wildsage.algorithms.blazingtext.fasttext.losses import (
    FastTextLoss,
    huffman_children,
    likeliest_leaves,
    probabilities,
)

SCORES = np.array([-9.0, -8.0, -1.0, 0.0, 0.5, 7.9, 8.0, 8.5], np.float32)


def test_softmax_is_that_of_scipy_and_one_hundred_thousandth_more():
    special = pytest.importorskip("scipy.special")
    for scores in (SCORES, SCORES + 1000, SCORES[:1]):
        found = probabilities(FastTextLoss.SOFTMAX, scores)
        np.testing.assert_allclose(found, special.softmax(scores.astype(float)) + 1e-5, rtol=1e-5)


@pytest.mark.parametrize("loss", [FastTextLoss.NEGATIVE_SAMPLING, FastTextLoss.ONE_VERSUS_ALL])
def test_the_sigmoid_is_that_of_the_lower_end_of_a_cell_of_a_32nd(loss):
    found = probabilities(loss, SCORES)
    ends = np.floor(SCORES.astype(float) * 32) / 32
    expected = np.where(SCORES > 8, 1, np.where(SCORES < -8, 0, 1 / (1 + np.exp(-ends))))
    np.testing.assert_allclose(found, expected + 1e-5, rtol=1e-5)


COUNTS = [
    sorted(counts, reverse=True) for counts in ([1], [2, 1], [9, 5, 3, 2, 1], [1] * 7, [100, 1, 1, 1], range(1, 40))
]


def depths(children: list[tuple[int, int]], leaves: int) -> list[int]:
    """How many turns lead to each leaf."""
    found = {2 * leaves - 2: 0}
    for node in range(2 * leaves - 2, leaves - 1, -1):
        for child in children[node - leaves]:
            found[child] = found[node] + 1
    return [found[leaf] for leaf in range(leaves)]


@pytest.mark.parametrize("counts", COUNTS, ids=len)
def test_the_tree_is_one_of_the_shortest(counts):
    """Huffman 1952: joining the two smallest weights again and again costs the least turns in all."""
    children = huffman_children(counts)
    assert len(children) == len(counts) - 1
    assert sorted(itertools.chain(*children)) == list(range(2 * len(counts) - 2))
    heap, least = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        least += (joined := heapq.heappop(heap) + heapq.heappop(heap))
        heapq.heappush(heap, joined)
    assert sum(count * depth for count, depth in zip(counts, depths(children, len(counts)), strict=True)) == least


def test_leaves_come_before_inner_nodes_of_the_same_weight_where_fasttext_has_them():
    assert huffman_children([3, 2, 1]) == [(2, 1), (3, 0)]
    assert huffman_children([1, 1, 1, 1]) == [(3, 2), (1, 0), (4, 5)]
    assert huffman_children([4, 2, 2, 1]) == [(3, 2), (1, 4), (0, 5)]


def every_leaf(children, scores) -> dict[int, float]:
    """The chance of each leaf: the product of its turns, each with the offset of fastText's logarithm."""
    leaves = len(children) + 1
    found = {2 * leaves - 2: 1.0}
    for node in range(2 * leaves - 2, leaves - 1, -1):
        right = 1 / (1 + math.exp(-scores[node - leaves]))
        for chance, child in zip((1 - right, right), children[node - leaves], strict=True):
            found[child] = found[node] * (chance + 1e-5)
    return {leaf: found[leaf] for leaf in range(leaves)}


@pytest.mark.parametrize("count", [1, 2, 5, 39, 99])
def test_the_likeliest_leaves_are_the_best_of_all(count):
    children = huffman_children(COUNTS[-1])
    scores = np.random.default_rng(1).normal(0, 1.5, 38).tolist()
    everything = sorted(every_leaf(children, scores).items(), key=lambda pair: -pair[1])
    expected = [pair for pair in everything if pair[1] >= 1e-5][:count]
    found = likeliest_leaves(children, scores.__getitem__, count)
    assert [label for label, _ in found] == [label for label, _ in expected]
    np.testing.assert_allclose([chance for _, chance in found], [chance for _, chance in expected], rtol=1e-5)


def test_what_cannot_be_among_the_best_is_not_looked_at():
    children = huffman_children([1] * 64)
    asked: list[int] = []

    def score(node: int) -> float:
        asked.append(node)
        return 4.0

    likeliest_leaves(children, score, 1)
    assert len(asked) < 12  # a path has six turns


def test_leaves_below_one_hundred_thousandth_are_left_out():
    children = huffman_children([1] * 8)
    found = likeliest_leaves(children, lambda node: 20.0, 8)
    expected = every_leaf(children, [20.0] * 7)
    assert {label for label, _ in found} == {label for label, chance in expected.items() if chance > 0.9e-5}
    assert len(found) == 4  # the likeliest, and those that one turn leads away from it


def test_the_first_of_equally_likely_labels_comes_first():
    found = likeliest_leaves(huffman_children([1, 1]), lambda node: 0.0, 2)
    assert [label for label, _ in found] == [0, 1]
    assert [chance for _, chance in found] == pytest.approx([0.50001, 0.50001])


def test_numbers_are_those_of_the_files():
    assert [loss.value for loss in FastTextLoss] == [1, 2, 3, 4]
    assert math.log(1e-5) == losses.LEAST_LOG
