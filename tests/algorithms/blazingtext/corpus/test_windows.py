"""Thinned sentences and negative samples, against the probabilities of the paper."""

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.blazingtext.corpus import windows
from wildsage.algorithms.blazingtext.corpus.vocabulary import table
from wildsage.algorithms.blazingtext.corpus.windows import Sampling, draw, draw_negative, read_sentences, sampling
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords

WORDS = [b"</s>", b"cow", b"hay", b"moon"]
TABLE = table(Dictionary(WORDS, [b"__label__x"], [4, 3, 2, 1, 1], 11, Subwords()))


def keeping(*chances: float) -> Sampling:
    return Sampling(np.array(chances), np.arange(4, dtype=np.int32), np.ones(4))


ALL = keeping(2, 2, 2, 2)


def sentences(text: bytes, samples: Sampling = ALL, seed: int = 1):
    found = read_sentences(np.frombuffer(text, np.uint8), TABLE, samples, np.array([seed], np.uint64))
    return [part.tolist() for part in np.split(found.words, found.ends[:-1])], found.tokens


def test_lines_are_sentences_of_known_words_and_their_ends():
    assert sentences(b"cow hay unknown\n\n__label__x moon\n") == ([[1, 2, 0], [0], [3, 0], []], 6)
    assert sentences(b"hay\tcow moon ") == ([[2, 1, 3]], 3)
    assert sentences(b"\n") == ([[0], []], 1)


def test_a_sentence_ends_after_so_many_words(monkeypatch):
    assert windows.LONGEST_SENTENCE == 1024
    found = read_sentences(np.frombuffer(b"cow " * 2500, np.uint8), TABLE, ALL, np.array([1], np.uint64))
    assert found.ends.tolist() == [1024, 2048, 2500] and found.tokens == 2500
    thinned = read_sentences(
        np.frombuffer(b"cow " * 2500, np.uint8), TABLE, keeping(0, 0, 0, 0), np.array([1], np.uint64)
    )
    assert thinned.ends.tolist() == [0, 0, 0] and thinned.tokens == 2500


def test_words_stay_with_their_chance():
    found = read_sentences(
        np.frombuffer(b"cow hay moon\n" * 20_000, np.uint8), TABLE, keeping(0, 0.25, 0.75, 1), np.array([1], np.uint64)
    )
    shares = np.bincount(found.words, minlength=4) / 20_000
    # five standard deviations of a share of 20,000 draws are at most 0.018
    np.testing.assert_allclose(shares, [0, 0.25, 0.75, 1], atol=0.018)
    assert shares[0] == 0 and shares[3] == 1


@pytest.mark.parametrize("threshold", [1e-4, 0.1, 1])
def test_chances_are_those_of_the_paper(threshold):
    counts = np.array([700, 200, 90, 10])
    found = sampling(counts, 1000, threshold)
    shares = counts / 1000
    np.testing.assert_allclose(found.keep_v, (np.sqrt(shares / threshold) + 1) * threshold / shares)
    drawn = np.zeros(4)
    for place in range(4):  # each place is drawn equally often
        drawn[place] += found.chance_v[place] / 4
        drawn[found.alias_v[place]] += (1 - found.chance_v[place]) / 4
    np.testing.assert_allclose(drawn, counts**0.75 / (counts**0.75).sum())


@pytest.mark.parametrize("counts", [[1], [5, 5, 5], [1000, 1, 1, 1, 1, 1], list(range(1, 60))])
def test_the_tables_of_walker_give_each_word_its_share(counts):
    found = sampling(np.array(counts), sum(counts), 1e-4)
    drawn = np.zeros(len(counts))
    np.add.at(drawn, np.arange(len(counts)), found.chance_v / len(counts))
    np.add.at(drawn, found.alias_v, (1 - found.chance_v) / len(counts))
    np.testing.assert_allclose(drawn, np.array(counts) ** 0.75 / (np.array(counts) ** 0.75).sum())
    assert (found.chance_v >= 0).all() and (found.chance_v <= 1).all()


def test_a_draw_is_the_high_bits_of_a_linear_congruential_generator():
    state, expected = np.array([3], np.uint64), 3
    for _ in range(5):
        expected = (expected * 6364136223846793005 + 1442695040888963407) % 2**64
        assert draw(state) == expected >> 33 and int(state[0]) == expected


def test_a_negative_sample_is_another_word_if_there_is_one():
    state = np.array([3], np.uint64)
    even = Sampling(np.ones(3), np.arange(3, dtype=np.int32), np.ones(3))
    drawn = [draw_negative(state, even, 1) for _ in range(3000)]
    assert set(drawn) == {0, 2} and np.mean(np.array(drawn) == 0) == pytest.approx(0.5, abs=0.05)
    alone = Sampling(np.ones(1), np.zeros(1, np.int32), np.ones(1))
    assert draw_negative(state, alone, 0) == 0


def test_a_place_gives_way_to_its_alias():
    state = np.array([3], np.uint64)
    samples = Sampling(np.ones(2), np.array([1, 1], np.int32), np.array([0.25, 1.0]))
    drawn = np.array([draw_negative(state, samples, -1) for _ in range(8000)])
    assert np.mean(drawn == 0) == pytest.approx(0.125, abs=0.02)
