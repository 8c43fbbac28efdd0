"""Each mode's pass over a block against the same steps in NumPy; whole jobs are in test_word_vector_whole_jobs.py."""

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.blazingtext import word_vectors
from wildsage.algorithms.blazingtext.corpus.vocabulary import table
from wildsage.algorithms.blazingtext.corpus.windows import Sentences, draw, draw_negative, sampling
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords
from wildsage.algorithms.blazingtext.word_vectors import Settings, Vectors, WordRows, means, rows_of_words

WORDS = 6
SAMPLES = sampling(np.array([9, 7, 5, 3, 2, 1]), 27, 1.0)
OWN_ROWS = WordRows(np.arange(WORDS, dtype=np.int32), np.arange(1, WORDS + 1))
SEVERAL_ROWS = WordRows(np.array([0, 1, 7, 2, 8, 9, 3, 4, 6, 5], np.int32), np.array([1, 3, 6, 7, 9, 10]))
"""Word 1 has the rows 1 and 7, word 2 the rows 2, 8 and 9, and so on."""
BLOCKS = {
    "two sentences": ([0, 1, 2, 3, 4, 5, 0, 2, 1, 3], [6, 10]),
    "words alone and none": ([4, 1, 2], [1, 1, 3]),
    "the same word again": ([3, 3, 3, 1], [4]),
    "nothing": ([], [0]),
}


@pytest.fixture(params=BLOCKS)
def sentences(request) -> Sentences:
    words, ends = BLOCKS[request.param]
    return Sentences(np.array(words, np.int32), np.array(ends, np.int64), len(words))


def sigmoid(value: np.ndarray) -> np.ndarray:
    """In the middle of its cell of 1/128."""
    return 1 / (1 + np.exp(-((np.floor(value * 128) + 0.5) / 128)))


class Plain:
    """The steps in NumPy, on matrices of float64."""

    def __init__(
        self, vectors: Vectors, rows: WordRows, settings: Settings, steps: tuple[float, float], seed: int
    ) -> None:
        self.source, self.target = vectors.source_rd.astype(float), vectors.target_vd.astype(float)
        self._rows = np.split(rows.rows, rows.ends[:-1])
        self._settings, self._steps, self.random = settings, steps, np.array([seed], np.uint64)

    def middles(self, sentences: Sentences):
        """The step, each word, and the words around it."""
        begin = 0
        for end in sentences.ends.tolist():
            step = self._steps[0] + (self._steps[1] - self._steps[0]) * begin / max(1, len(sentences.words))
            for middle in range(begin, end):
                reach = 1 + draw(self.random) % self._settings.window
                left = sentences.words[max(begin, middle - reach) : middle]
                yield (
                    step,
                    int(sentences.words[middle]),
                    [*left, *sentences.words[middle + 1 : min(end, middle + 1 + reach)]],
                )
            begin = end

    def others(self, word: int) -> list[int]:
        """The word and as many negative samples as there are to be."""
        return [word, *(int(draw_negative(self.random, SAMPLES, word)) for _ in range(self._settings.negatives))]

    def predict(self, hidden: np.ndarray, word: int, step: float) -> np.ndarray:
        """Returns the gradient of the hidden vector."""
        gradient = np.zeros_like(hidden)
        for turn, other in enumerate(self.others(word)):
            weight = step * ((turn == 0) - sigmoid(hidden @ self.target[other]))
            gradient += weight * self.target[other]
            self.target[other] += weight * hidden
        return gradient

    def cbow(self, sentences: Sentences) -> None:
        for step, word, context in self.middles(sentences):
            if context:
                rows = np.concatenate([self._rows[one] for one in context])
                np.add.at(self.source, rows, self.predict(self.source[rows].mean(0), word, step))

    def skipgram(self, sentences: Sentences) -> None:
        for step, word, context in self.middles(sentences):
            for other in context:
                rows = self._rows[word]
                np.add.at(self.source, rows, self.predict(self.source[rows].mean(0), int(other), step))

    def batch_skipgram(self, sentences: Sentences) -> None:
        for step, word, context in self.middles(sentences):
            for begin in range(0, len(context), self._settings.batch):
                batch = context[begin : begin + self._settings.batch]
                others = self.others(word)
                hidden, target = self.source[batch], self.target[others]
                weights = step * ((np.arange(len(others)) == 0) - sigmoid(hidden @ target.T))
                np.add.at(self.source, batch, weights @ target)
                np.add.at(self.target, others, weights.T @ hidden)


def assert_learns_alike(mode: str, sentences: Sentences, rows: WordRows, settings: Settings) -> None:
    rng = np.random.default_rng(5)
    vectors = Vectors(rng.normal(size=(10, 3)).astype(np.float32), rng.normal(size=(WORDS, 3)).astype(np.float32))
    for seed, steps in ((1, (0.5, 0.1)), (2, (0.1, 0.1))):
        plain, random = Plain(vectors, rows, settings, steps, seed), np.array([seed], np.uint64)
        getattr(plain, mode)(sentences)
        getattr(word_vectors, mode)(
            sentences, vectors.source_rd, vectors.target_vd, rows, SAMPLES, settings, steps, random
        )
        assert random.tolist() == plain.random.tolist()
        np.testing.assert_allclose(vectors.source_rd, plain.source, atol=1e-4)
        np.testing.assert_allclose(vectors.target_vd, plain.target, atol=1e-4)


@pytest.mark.parametrize("settings", [Settings(1, 1, 1), Settings(3, 2, 1), Settings(2, 0, 1)], ids=str)
@pytest.mark.parametrize("rows", [OWN_ROWS, SEVERAL_ROWS], ids=["own rows", "several rows"])
@pytest.mark.parametrize("mode", ["cbow", "skipgram"])
def test_a_pass_is_that_of_numpy(mode, sentences, rows, settings):
    assert_learns_alike(mode, sentences, rows, settings)


@pytest.mark.parametrize(
    "settings",
    [Settings(1, 1, 1), Settings(3, 2, 2), Settings(3, 3, 3), Settings(2, 2, 4), Settings(3, 0, 99)],
    ids=str,
)
def test_a_pass_in_batches_is_that_of_numpy(sentences, settings):
    assert_learns_alike("batch_skipgram", sentences, OWN_ROWS, settings)


def test_the_sigmoid_ends_at_eight():
    for value in (-7.999, -1, 0, 0.001, 2.5, 7.999):
        assert word_vectors._sigmoid(np.float32(value)) == pytest.approx(float(sigmoid(np.float32(value))), rel=1e-4)
    for value in (8, 9, 1e30):
        assert word_vectors._sigmoid(np.float32(value)) == 1 and word_vectors._sigmoid(np.float32(-value)) == 0
    assert word_vectors._sigmoid(np.float32(np.nan)) in (0, 1)  # and not a number beside the table


def dictionary(subwords: Subwords) -> Dictionary:
    words = [b"</s>", b"cow", b"a", "zürich".encode(), "東京".encode(), b"</sx", b"</s>s"]
    return Dictionary(words, [b"__label__x"], [1] * 8, 8, subwords)


@pytest.mark.parametrize(
    "subwords", [Subwords(), Subwords(50, 1, 1), Subwords(50, 1, 3), Subwords(50, 3, 6), Subwords(7, 2, 255)], ids=str
)
def test_a_word_has_the_rows_that_a_model_selects_for_it(subwords):
    words = dictionary(subwords)
    found = rows_of_words(table(words), subwords)
    rows = np.split(found.rows, found.ends[:-1])
    assert [one.tolist() for one in rows] == [words.rows_of_word(word) for word in words.words]


@pytest.mark.parametrize("rows", [OWN_ROWS, SEVERAL_ROWS], ids=["own rows", "several rows"])
def test_a_vector_is_the_mean_of_the_words_rows(rows):
    source = np.random.default_rng(5).normal(size=(10, 3)).astype(np.float32)
    expected = [source[one].mean(0) for one in np.split(rows.rows, rows.ends[:-1])]
    np.testing.assert_allclose(means(source, rows), expected, rtol=1e-5)


def test_vectors_begin_small_and_predictions_at_zero():
    vectors = Vectors.random(words=3, buckets=4, dimension=2, seed=0)
    assert vectors.source_rd.shape == (7, 2) and vectors.target_vd.shape == (3, 2)
    assert 0.1 < np.abs(vectors.source_rd).max() <= 0.5 and not vectors.target_vd.any()
    np.testing.assert_array_equal(vectors.source_rd, Vectors.random(3, 4, 2, 0).source_rd)
    assert (vectors.source_rd != Vectors.random(3, 4, 2, 1).source_rd).all()
    assert vectors.source_rd.dtype == vectors.target_vd.dtype == np.float32


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_in_either_matrix_is_noticed(wrong):
    assert Vectors(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32)).finite()
    for name in ("source_rd", "target_vd"):
        vectors = Vectors(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32))
        getattr(vectors, name)[1, 1] = wrong
        assert not vectors.finite()
