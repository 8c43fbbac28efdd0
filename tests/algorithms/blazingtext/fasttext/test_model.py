"""What a model answers, by hand."""

import numpy as np
import pytest

from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords
from wildsage.algorithms.blazingtext.fasttext.losses import (
    FastTextLoss,
    huffman_children,
    likeliest_leaves,
    probabilities,
)
from wildsage.algorithms.blazingtext.fasttext.matrices import DenseMatrix, QuantisedMatrix, Quantiser
from wildsage.algorithms.blazingtext.fasttext.model import FastTextModel

SOURCE = np.array([[1, 0], [0, 2], [3, 3]], np.float32)
TARGET = np.array([[1, -1], [0.5, 0.5], [-1, 1], [0.5, 0.5]], np.float32)
LABELS = [b"a", b"b", b"c", b"d"]


def model(loss: FastTextLoss, quantised: bool = False) -> FastTextModel:
    dictionary = Dictionary([b"cow", b"hay", b"</s>"], LABELS, [9, 8, 7, 4, 3, 2, 1], 99, Subwords())
    target = DenseMatrix(TARGET)
    if quantised:
        centroids = np.zeros((256, 2), np.float32)
        centroids[:4] = TARGET
        target = QuantisedMatrix(np.arange(4, dtype=np.uint8)[:, None], Quantiser([centroids]))
    return FastTextModel(True, loss, dictionary, DenseMatrix(SOURCE), target)


HIDDEN = (SOURCE[0] + SOURCE[2]) / 2
"""Of the line `cow`."""


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("loss", [FastTextLoss.SOFTMAX, FastTextLoss.NEGATIVE_SAMPLING, FastTextLoss.ONE_VERSUS_ALL])
@pytest.mark.parametrize("k", [1, 3, 4, 9])
def test_the_best_labels_of_the_mean_of_the_rows_come_first(loss, quantised, k):
    chances = probabilities(loss, TARGET @ HIDDEN)
    order = sorted(range(4), key=lambda label: (-chances[label], label))[:k]
    found = model(loss, quantised).predict(b"cow", k)
    assert [label for label, _ in found] == [LABELS[label] for label in order]
    assert [chance for _, chance in found] == pytest.approx(chances[order].tolist())


@pytest.mark.parametrize("quantised", [False, True])
def test_the_tree_of_labels_is_searched(quantised):
    expected = likeliest_leaves(huffman_children([4, 3, 2, 1]), (TARGET @ HIDDEN).tolist().__getitem__, 2)
    found = model(FastTextLoss.HIERARCHICAL_SOFTMAX, quantised).predict(b"cow", 2)
    assert found == [(LABELS[label], pytest.approx(chance)) for label, chance in expected]


def test_a_line_without_rows_has_no_answer():
    dictionary = Dictionary([b"cow"], LABELS, [9, 4, 3, 2, 1], 99, Subwords())
    found = FastTextModel(True, FastTextLoss.SOFTMAX, dictionary, DenseMatrix(SOURCE[:1]), DenseMatrix(TARGET))
    assert found.predict(b"moon", 2) == [] and len(found.predict(b"cow", 2)) == 2


def test_a_word_is_the_mean_of_its_rows_or_zeros():
    dictionary = Dictionary([b"cow"], [], [9], 99, Subwords(2, 4, 4))
    vectors = FastTextModel(
        False, FastTextLoss.NEGATIVE_SAMPLING, dictionary, DenseMatrix(SOURCE), DenseMatrix(TARGET[:1])
    )
    rows = dictionary.rows_of_word(b"cow")
    assert len(rows) == 3
    np.testing.assert_allclose(vectors.vector(b"cow"), SOURCE[rows].mean(0), rtol=1e-6)
    np.testing.assert_array_equal(vectors.vector(b""), np.zeros(2, np.float32))
    assert vectors.vector(b"").dtype == np.float32
