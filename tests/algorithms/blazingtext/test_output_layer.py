"""What is learned of a hidden vector and a label, by the formulas of softmax and of the tree of labels; which label is answered."""

import hashlib

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.blazingtext import output_layer
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords
from wildsage.algorithms.blazingtext.fasttext.losses import huffman_children
from wildsage.algorithms.blazingtext.output_layer import LabelTree, arranged, best_label, learn, tree_for

RNG = np.random.default_rng(3)
COUNTS = [9, 7, 4, 4, 2, 1, 1]


@pytest.fixture
def many(monkeypatch):
    """Three labels are many."""
    monkeypatch.setattr(output_layer, "MANY_LABELS", 3)


def dictionary(counts: list[int]) -> Dictionary:
    """Two words, and labels with these counts."""
    labels = [b"__label__%d" % number for number in range(len(counts))]
    return Dictionary([b"cow", b"hay"], labels, [20, 10, *counts], 99, Subwords())


def sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value.astype(float)))


def path_to(tree: LabelTree, label: int) -> list[tuple[int, int]]:
    """The inner nodes on the path of a label and their turns, as the tree holds them."""
    begin = int(tree.ends_k[label - 1]) if label else 0
    end = int(tree.ends_k[label])
    turns = tree.rights_p[begin:end].astype(int).tolist()
    return list(zip(tree.nodes_p[begin:end].tolist(), turns, strict=True))


def chances(tree: LabelTree, hidden: np.ndarray, target: np.ndarray) -> list[float]:
    """The probability of every label: the product of the turns of its path."""
    found = []
    for label in range(len(tree.ends_k)):
        rights = {node: float(sigmoid(hidden @ target[node])) for node, _ in path_to(tree, label)}
        turns = [rights[node] if right else 1 - rights[node] for node, right in path_to(tree, label)]
        found.append(float(np.prod(turns)))
    return found


def test_from_a_thousand_labels_on_there_is_a_tree():
    assert output_layer.MANY_LABELS == 1000
    assert tree_for([1] * 999).is_flat and not tree_for([1] * 1000).is_flat


def test_a_tree_begins_with_many_labels(many):
    flat = tree_for([2, 1])
    assert flat.is_flat and [len(array) for array in flat] == [0, 0, 0, 0]
    assert [len(array) for array in tree_for([3, 2, 1])] == [3, 5, 5, 2]


def test_the_turns_of_a_path_lead_from_the_root_to_its_label(many):
    tree = tree_for(COUNTS)
    assert tree.children_i2.tolist() == [list(pair) for pair in huffman_children(COUNTS)]
    for label in range(len(COUNTS)):
        place = 2 * len(COUNTS) - 2
        for node, right in reversed(path_to(tree, label)):
            assert node == place - len(COUNTS)
            place = int(tree.children_i2[node, right])
        assert place == label


def test_few_labels_stay_in_their_order(many):
    few = dictionary([1, 5])
    assert arranged(few) is few


def test_many_labels_are_ranked_by_count_and_equal_ones_by_their_digest(many):
    found = arranged(dictionary([2, 9, 2, 2, 2, 3]))
    equal = [b"__label__%d" % number for number in (0, 2, 3, 4)]
    equal.sort(key=lambda label: hashlib.sha256(label).digest())
    assert found.labels == [b"__label__1", b"__label__5", *equal] and equal != sorted(equal)
    assert found.counts == [20, 10, 9, 3, 2, 2, 2, 2] and found.words == [b"cow", b"hay"]
    assert len(arranged(dictionary([3, 2, 1])).labels) == 3


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_softmax_learns_by_its_gradient(wanted):
    hidden, target = RNG.normal(size=4).astype(np.float32), RNG.normal(size=(3, 4)).astype(np.float32)
    before, gradient, scores = target.copy(), np.ones(4, np.float32), np.empty(3, np.float32)
    learn(tree_for([1] * 3), hidden, gradient, scores, wanted, np.float32(0.5), target)
    products = before.astype(float) @ hidden
    softmax = np.exp(products) / np.exp(products).sum()
    weights = 0.5 * ((np.arange(3) == wanted) - softmax)
    np.testing.assert_allclose(scores, softmax, rtol=1e-5)
    np.testing.assert_allclose(gradient, weights @ before, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(target, before + weights[:, None] * hidden, rtol=1e-4, atol=1e-6)


def test_softmax_of_large_scores_is_finite():
    hidden, target = np.array([100], np.float32), np.array([[8], [9], [-9]], np.float32)
    gradient, scores = np.empty(1, np.float32), np.empty(3, np.float32)
    learn(tree_for([1] * 3), hidden, gradient, scores, 0, np.float32(1), target)
    np.testing.assert_allclose(scores, [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(target, [[108], [-91], [-9]])
    np.testing.assert_allclose(gradient, [-1])


@pytest.mark.parametrize("wanted", range(len(COUNTS)))
def test_the_tree_learns_at_the_nodes_of_a_path_alone(many, wanted):
    tree = tree_for(COUNTS)
    hidden, target = RNG.normal(size=4).astype(np.float32), RNG.normal(size=(7, 4)).astype(np.float32)
    before, gradient = target.copy(), np.ones(4, np.float32)
    learn(tree, hidden, gradient, np.empty(7, np.float32), wanted, np.float32(0.5), target)
    weights = np.zeros(7)
    for node, right in path_to(tree, wanted):
        weights[node] = 0.5 * (right - float(sigmoid(hidden @ before[node])))
    np.testing.assert_allclose(gradient, weights @ before, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(target, before + weights[:, None] * hidden, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("scores", "best"), [([1, 3, 2], 1), ([3, 3, 1], 0), ([1, 3, 3], 1), ([-2], 0), ([-1, -9, 0], 2)]
)
def test_the_first_of_the_labels_with_the_best_score_is_answered(scores, best):
    target = np.array(scores, np.float32)[:, None]
    found = best_label(tree_for([1] * len(scores)), np.ones(1, np.float32), np.empty(len(scores), np.float32), target)
    assert found == best


@pytest.mark.parametrize("counts", [[3, 2, 1], COUNTS, [1] * 16, list(range(30, 0, -1))], ids=len)
def test_the_most_probable_label_of_a_tree_is_answered(many, counts):
    tree = tree_for(counts)
    answered = set()
    for _ in range(20):
        hidden, target = RNG.normal(size=4).astype(np.float32), RNG.normal(size=(len(counts), 4)).astype(np.float32)
        found = best_label(tree, hidden, np.empty(len(counts), np.float32), target)
        assert found == int(np.argmax(chances(tree, hidden, target)))
        answered.add(int(found))
    assert len(answered) > 2


def test_of_equally_probable_labels_of_a_tree_the_leftmost_is_answered(many):
    tree = tree_for([1] * 4)
    place = 6
    while place >= 4:
        place = int(tree.children_i2[place - 4, 0])
    assert best_label(tree, np.ones(2, np.float32), np.empty(4, np.float32), np.zeros((4, 2), np.float32)) == place
