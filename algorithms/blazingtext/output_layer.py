"""What a classifier learns of a hidden vector and a label, and which label it answers.

Softmax compares all labels. With many of them this is almost all of the work, and hierarchical softmax takes its place:
labels are the leaves of a binary tree, and a label's probability is the product of the turns on the path to it (Joulin et al.
2016, arXiv:1607.01759, section 2.1). In a Huffman tree the paths of frequent labels are short.

Axes: d numbers of a vector · k labels · i inner nodes of the tree, one fewer than labels · p nodes of all paths
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.compiled import reordered as compiled
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary
from wildsage.algorithms.blazingtext.fasttext.losses import LOG_OFFSET, huffman_children
from wildsage.algorithms.blazingtext.rows import dot, learn_row

MANY_LABELS = 1_000
"""From so many labels on hierarchical softmax is learned (docs/decisions/0011)."""
HALF, LOWEST = np.float32(0.5), np.float32(-1e30)


class LabelTree(NamedTuple):
    """The tree of labels; without nodes for softmax. Row i of the output matrix belongs to inner node i.

    The path of label k from its leaf to the root is `nodes_p[ends_k[k - 1] : ends_k[k]]`, and `rights_p` is 1 where it turns
    right, else 0. `children_i2` (left, right) are labels below k, and from there on inner nodes; the last is the root.
    """

    ends_k: NDArray[np.int64]
    nodes_p: NDArray[np.int32]
    rights_p: NDArray[np.float32]
    children_i2: NDArray[np.int32]

    @property
    def is_flat(self) -> bool:
        """Whether there is no tree: all labels are compared."""
        return len(self.children_i2) == 0


def arranged(dictionary: Dictionary) -> Dictionary:
    """The dictionary with its labels in the order in which they become leaves. Few labels stay as they are.

    Equally frequent labels are neighbours in the tree. In order of appearance, as they come, they would be neighbours in the
    text too, so that each inner node saw long runs of the same turn, from which it learns badly. Their digests scatter them.
    """
    if len(dictionary.labels) < MANY_LABELS:
        return dictionary
    words = len(dictionary.words)
    pairs = zip(dictionary.label_counts, dictionary.labels, strict=True)
    ranked = sorted(pairs, key=lambda pair: (-pair[0], hashlib.sha256(pair[1]).digest()))
    counts = [*dictionary.counts[:words], *(count for count, _ in ranked)]
    return replace(dictionary, labels=[label for _, label in ranked], counts=counts)


def tree_for(counts: Sequence[int]) -> LabelTree:
    """The tree for labels with these counts, in descending order; a flat one below `MANY_LABELS`."""
    if len(counts) < MANY_LABELS:
        return LabelTree(
            np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32), np.empty((0, 2), np.int32)
        )
    labels = len(counts)
    children = huffman_children(counts)
    above = {child: (node, turn) for node, pair in enumerate(children) for turn, child in enumerate(pair)}
    paths = [_path(label, labels, above) for label in range(labels)]
    steps = [step for path in paths for step in path]
    return LabelTree(
        np.cumsum([len(path) for path in paths]),
        np.array([node for node, _ in steps], np.int32),
        np.array([turn for _, turn in steps], np.float32),
        np.array(children, np.int32),
    )


def _path(label: int, labels: int, above: dict[int, tuple[int, int]]) -> list[tuple[int, int]]:
    """The inner nodes above a label, and the turn that each takes."""
    path = []
    place = label
    while place in above:
        path.append(above[place])
        place = labels + above[place][0]
    return path


@compiled
def learn(tree, hidden_d, gradient_d, chances_k, wanted, step, target_kd):  # type: ignore[no-untyped-def]
    """Learn that the hidden vector belongs to label `wanted`: changes the output matrix, fills `gradient_d`."""
    gradient_d[:] = 0
    if len(tree.children_i2) == 0:
        _scores(chances_k, hidden_d, target_kd)
        _softmax(chances_k)
        for k in range(len(chances_k)):
            weight = step * ((np.float32(1) if k == wanted else np.float32(0)) - chances_k[k])
            learn_row(hidden_d, gradient_d, weight, target_kd[k])
        return
    begin = tree.ends_k[wanted - 1] if wanted > 0 else 0
    for place in range(begin, tree.ends_k[wanted]):
        target_d = target_kd[tree.nodes_p[place]]
        weight = step * (tree.rights_p[place] - _sigmoid(dot(hidden_d, target_d)))
        learn_row(hidden_d, gradient_d, weight, target_d)


@compiled
def best_label(tree, hidden_d, scores_k, target_kd):  # type: ignore[no-untyped-def]
    """The most probable label; the first of several."""
    if len(tree.children_i2) > 0:
        return _best_leaf(tree, hidden_d, target_kd)
    _scores(scores_k, hidden_d, target_kd)
    best = 0
    for k in range(1, len(scores_k)):
        if scores_k[k] > scores_k[best]:
            best = k
    return best


@compiled
def _best_leaf(tree, hidden_d, target_kd):  # type: ignore[no-untyped-def]
    """Depth first, the more probable child first. What cannot be better than the best leaf so far is left out."""
    labels = len(tree.ends_k)
    places = np.empty(labels, np.int32)
    logs = np.empty(labels, np.float32)
    places[0], logs[0] = 2 * labels - 2, 0
    waiting, best, best_log = 1, 0, LOWEST
    while waiting:
        waiting -= 1
        place, log = places[waiting], logs[waiting]
        if log <= best_log:
            continue
        if place < labels:
            best, best_log = place, log
            continue
        right = _sigmoid(dot(hidden_d, target_kd[place - labels]))
        for turn in (0, 1) if right > HALF else (1, 0):
            places[waiting] = tree.children_i2[place - labels, turn]
            logs[waiting] = log + np.log((right if turn else 1 - right) + LOG_OFFSET)
            waiting += 1
    return best


@compiled
def _scores(scores_k, hidden_d, target_kd):  # type: ignore[no-untyped-def]
    for k in range(len(scores_k)):
        scores_k[k] = dot(hidden_d, target_kd[k])


@compiled
def _softmax(scores_k):  # type: ignore[no-untyped-def]
    largest = scores_k.max()
    total = np.float32(0)
    for k in range(len(scores_k)):
        scores_k[k] = np.exp(scores_k[k] - largest)
        total += scores_k[k]
    for k in range(len(scores_k)):
        scores_k[k] /= total


@compiled
def _sigmoid(value):  # type: ignore[no-untyped-def]
    return np.float32(1) / (np.float32(1) + np.exp(-value))
