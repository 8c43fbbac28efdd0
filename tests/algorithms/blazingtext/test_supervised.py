"""The classifier's steps by their formulas, and what counts as learned; whole jobs are in test_supervised_whole_jobs.py."""

from itertools import chain

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.blazingtext.corpus.texts import Texts
from wildsage.algorithms.blazingtext.corpus.vocabulary import table
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords
from wildsage.algorithms.blazingtext.output_layer import tree_for
from wildsage.algorithms.blazingtext.supervised import Classifier, TextParser, lines_without_label

RNG = np.random.default_rng(2)


def texts_of(*lines: tuple[list[int], list[int], int]) -> Texts:
    """Lines of (rows, labels, tokens)."""
    rows, labels, tokens = zip(*lines, strict=True)
    return Texts(
        np.array([*chain(*rows)], np.int32),
        np.cumsum([len(one) for one in rows]),
        np.array([*chain(*labels)], np.int32),
        np.cumsum([len(one) for one in labels]),
        np.array(tokens, np.int32),
    )


def classifier(rows: int = 5, labels: int = 3) -> Classifier:
    """Random matrices of width 4."""
    source, target = (RNG.normal(size=(count, 4)).astype(np.float32) for count in (rows, labels))
    return Classifier(source, target, tree_for([1] * labels))


def state(seed: int = 1) -> np.ndarray:
    return np.array([seed], np.uint64)


def expected_step(one: Classifier, rows: list[int], label: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Both matrices after a step of gradient descent on softmax's loss."""
    source, target = one.source_rd.astype(float), one.target_kd.astype(float)
    hidden = source[rows].mean(0)
    chances = np.exp(target @ hidden) / np.exp(target @ hidden).sum()
    weights = rate * ((np.arange(len(target)) == label) - chances)
    gradient = weights @ target
    for row in rows:  # a row that is there twice moves twice
        source[row] += gradient / len(rows)
    return source, target + weights[:, None] * hidden


def assert_is(one: Classifier, expected: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_allclose(one.source_rd, expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.target_kd, expected[1], rtol=1e-4, atol=1e-6)


def test_it_begins_with_small_random_numbers_and_zeros():
    one = Classifier.random(6, [3, 2], 4, seed=0)
    assert one.source_rd.shape == (6, 4) and one.source_rd.dtype == np.float32 and one.tree.is_flat
    assert 0.1 < np.abs(one.source_rd).max() <= 0.25 and one.source_rd.min() < 0
    assert one.target_kd.shape == (2, 4) and one.target_kd.dtype == np.float32 and not one.target_kd.any()
    np.testing.assert_array_equal(Classifier.random(6, [3, 2], 4, seed=0).source_rd, one.source_rd)
    assert (Classifier.random(6, [3, 2], 4, seed=1).source_rd != one.source_rd).any()
    assert not Classifier.random(1, [1] * 1000, 1, seed=0).tree.is_flat


def test_a_copy_does_not_move_and_gives_its_numbers_back():
    one = classifier()
    copy, before = one.copy(), (one.source_rd.copy(), one.target_kd.copy())
    one.learn(texts_of(([0, 1], [2], 3)), 0.5, 0, 3, state())
    assert (one.source_rd != before[0]).any() and (one.target_kd != before[1]).any()
    assert_is(copy, before)
    one.restore(copy)
    assert_is(one, before)
    assert one.source_rd is not copy.source_rd and one.target_kd is not copy.target_kd


@pytest.mark.parametrize("rows", [[3], [0, 4], [1, 1, 2]], ids=str)
def test_a_text_moves_the_mean_of_its_rows(rows):
    one = classifier()
    expected = expected_step(one, rows, 1, 0.5)
    assert one.learn(texts_of((rows, [1], 7)), 0.5, 10, 10**12, state()) == 17
    assert_is(one, expected)


def test_texts_are_learned_one_after_the_other_with_a_falling_step():
    one = classifier()
    lines = (([0, 1], [2], 4), ([1, 3, 4], [0], 6), ([2], [1], 5))
    other, done = one.copy(), 5
    for rows, labels, tokens in lines:
        source, target = expected_step(other, rows, labels[0], 0.8 * (1 - done / 20))
        other = Classifier(source, target, other.tree)
        done += tokens
    assert one.learn(texts_of(*lines), 0.8, 5, 20, state()) == done == 20
    assert_is(one, (other.source_rd, other.target_kd))


def test_beyond_the_last_token_nothing_moves():
    one = classifier()
    before = one.copy()
    assert one.learn(texts_of(([0], [1], 3)), 0.5, 30, 20, state()) == 33
    assert_is(one, (before.source_rd, before.target_kd))


def test_texts_without_rows_or_labels_count_and_are_not_learned():
    one = classifier()
    expected = expected_step(one, [2, 3], 1, 0.5)
    lines = (([], [1], 2), ([0, 1], [], 3), ([2, 3], [1], 4), ([], [], 1))
    assert one.learn(texts_of(*lines), 0.5, 0, 10**12, state()) == 10
    assert_is(one, expected)


def test_one_of_several_labels_is_learned_by_chance():
    """Each comes about equally often."""
    learned, random = [], state()
    for _ in range(300):
        one = classifier()
        before = one.target_kd.copy()
        one.learn(texts_of(([0], [0, 2], 2)), 0.01, 0, 10**12, random)
        towards = ((one.target_kd - before) @ one.source_rd[0].astype(float)) > 0
        learned.append(int(np.flatnonzero(towards)[0]))
    assert set(learned) == {0, 2} and 0.4 < np.mean(np.array(learned) == 0) < 0.6


def test_the_state_of_chance_moves_by_a_linear_congruential_generator_where_there_is_a_choice():
    random = state(3)
    classifier().learn(texts_of(([0], [1], 2)), 0.1, 0, 9, random)
    assert random.tolist() == [3]
    expected = 3
    for _ in range(2):
        classifier().learn(texts_of(([0], [0, 1, 2], 2)), 0.1, 0, 9, random)
        expected = (expected * 6364136223846793005 + 1) % 2**64
        assert random.tolist() == [expected]


def test_the_label_that_chance_takes_is_that_of_the_high_bits():
    for seed in range(1, 6):
        one = classifier()
        label = ((seed * 6364136223846793005 + 1) % 2**64 >> 33) % 3
        expected = expected_step(one, [0], [2, 0, 1][label], 0.5)
        one.learn(texts_of(([0], [2, 0, 1], 2)), 0.5, 0, 10**12, state(seed))
        assert_is(one, expected)


def test_a_text_is_right_if_its_best_label_is_one_of_its_labels():
    source, target = np.eye(3, 4, dtype=np.float32), np.zeros((3, 4), np.float32)
    target[1, 0] = target[2, 1] = target[0, 2] = 1  # row 0 answers label 1, row 1 label 2, row 2 label 0
    one = Classifier(source, target, tree_for([1] * 3))
    right, wrong = ([0], [1], 2), ([0], [2], 2)
    assert one.accuracy([texts_of(right, wrong, right)]) == (2 / 3, 3)
    assert one.accuracy([texts_of(right), texts_of(([1], [0, 2], 3), wrong)]) == (2 / 3, 3)
    assert one.accuracy([texts_of(right, ([], [1], 2), ([0], [], 2), ([1], [2], 2))]) == (1, 2)
    assert one.accuracy([texts_of(([], [1], 2))]) == one.accuracy([]) == (0, 0)


def test_lines_with_words_and_without_labels_are_counted():
    assert lines_without_label(texts_of(([0], [], 2))) == 1
    assert (
        lines_without_label(texts_of(([], [], 1), ([0], [0, 1], 3), ([], [], 2), ([0], [1], 2), ([0, 0], [], 3))) == 2
    )
    assert lines_without_label(texts_of(([], [], 1), ([], [0], 2))) == 0


@pytest.mark.parametrize("longest", [1, 2])
def test_blocks_are_parsed_in_their_order(longest):
    dictionary = Dictionary(
        [b"</s>", b"cow", b"hay"], [b"__label__a"], [3, 2, 1, 1], 9, Subwords(7, word_ngrams=longest)
    )
    blocks = [b"cow hay\n", b"__label__a moon\nhay\n"]
    found = list(TextParser(table(dictionary), 7, longest).texts(blocks))
    assert [one.tokens.tolist() for one in found] == [[3], [3, 2]] and [one.labels.tolist() for one in found] == [
        [],
        [0],
    ]
    own = Dictionary(
        dictionary.words, dictionary.labels, dictionary.counts, 9, Subwords(7 * (longest > 1), word_ngrams=longest)
    )
    assert found[0].rows.tolist() == own.rows_of_line(b"cow hay")
