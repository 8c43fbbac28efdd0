"""word2vec with negative sampling: cbow, skipgram, and skipgram in batches.

Sources: Mikolov et al. 2013 (arXiv:1310.4546); with n-grams of characters Bojanowski et al. 2017 (arXiv:1607.04606).

A step brings hidden vectors and words together. In cbow the hidden vector is the mean of the context's rows, in skipgram
that of the word in the middle; in batch_skipgram each word of the context is a hidden vector, and all of them share the
negative samples, so that a step is a product of small matrices (Ji et al. 2016, arXiv:1604.04661, section 3).

Axes: r rows of the input matrix · v words · d numbers of a vector · b words of a batch · o words that are predicted
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.compiled import reordered as compiled
from wildsage.algorithms.blazingtext.corpus.texts import END_TEXT
from wildsage.algorithms.blazingtext.corpus.vocabulary import WordTable, hash_of
from wildsage.algorithms.blazingtext.corpus.windows import draw, draw_negative
from wildsage.algorithms.blazingtext.fasttext.dictionary import Subwords
from wildsage.algorithms.blazingtext.fasttext.matrices import uniform_matrix
from wildsage.algorithms.blazingtext.rows import add, divide, dot, learn_row

BEGIN, END = ord("<"), ord(">")


class Settings(NamedTuple):
    """What a step needs to know."""

    window: int
    negatives: int
    batch: int


@dataclass(frozen=True)
class Vectors:
    """The input matrix (r, d), words first, then n-grams, and the output matrix (v, d), float32; training changes both in place."""

    source_rd: NDArray
    target_vd: NDArray

    @classmethod
    def random(cls, words: int, buckets: int, dimension: int, seed: int) -> Vectors:
        """Uniform numbers of at most 1/d in the input matrix, zeros in the output matrix, as fastText begins.

        Raises UserError where memory does not hold them.
        """
        return cls(uniform_matrix(words + buckets, dimension, seed), np.zeros((words, dimension), np.float32))

    def finite(self) -> bool:
        """Whether no number is NaN or infinite."""
        return bool(np.isfinite(self.target_vd.sum()) and np.isfinite(self.source_rd.sum()))


class WordRows(NamedTuple):
    """Word i has the rows `rows[ends[i - 1] : ends[i]]` of the input matrix: its own, then those of its n-grams."""

    rows: NDArray[np.int32]
    ends: NDArray[np.int64]


def rows_of_words(words: WordTable, subwords: Subwords) -> WordRows:
    """The rows of every word of a dictionary."""
    if not subwords.buckets:
        return WordRows(np.arange(words.words, dtype=np.int32), np.arange(1, words.words + 1))
    ends = np.empty(words.words, np.int64)
    none = np.empty(0, np.int32)
    size = _fill_rows(none, ends, words, subwords.buckets, subwords.shortest, subwords.longest)
    rows = np.empty(size, np.int32)
    _fill_rows(rows, ends, words, subwords.buckets, subwords.shortest, subwords.longest)
    return WordRows(rows, ends)


@compiled
def _fill_rows(rows, ends, words, buckets, shortest, longest):  # type: ignore[no-untyped-def]
    """Write the rows of every word, or only count them where `rows` is empty; `ends` is written in both cases."""
    count = 0
    for word in range(words.words):
        if len(rows):
            rows[count] = word
        count += 1
        letters = words.letters[words.starts[word] : words.starts[word + 1]]
        if not _is_end(letters):
            text = np.empty(len(letters) + 2, np.uint8)
            text[0], text[len(text) - 1] = BEGIN, END
            text[1 : len(text) - 1] = letters
            for begin in range(len(text)):
                if _continues(text[begin]):
                    continue
                end, characters = begin, 0
                while end < len(text) and characters < longest:
                    end += 1
                    while end < len(text) and _continues(text[end]):
                        end += 1
                    characters += 1
                    alone = characters == 1 and (begin == 0 or end == len(text))
                    if characters >= shortest and not alone:
                        if len(rows):
                            rows[count] = words.words + hash_of(text, begin, end) % buckets
                        count += 1
        ends[word] = count
    return count


@compiled
def _continues(byte):  # type: ignore[no-untyped-def]
    """Whether a byte of UTF-8 continues a character."""
    return byte & 0xC0 == 0x80


@compiled
def _is_end(letters):  # type: ignore[no-untyped-def]
    if len(letters) != len(END_TEXT):
        return False
    for place in range(len(END_TEXT)):  # noqa: SIM110 - numba compiles no generator within `all`
        if letters[place] != END_TEXT[place]:
            return False
    return True


@compiled
def means(source_rd, word_rows):  # type: ignore[no-untyped-def]
    """The vector (v, d) of every word: the mean of its rows."""
    vectors_vd = np.zeros((len(word_rows.ends), source_rd.shape[1]), np.float32)
    for word in range(len(vectors_vd)):
        divide(vectors_vd[word], _add_rows(vectors_vd[word], word, source_rd, word_rows))
    return vectors_vd


SIGMOID_REACH = np.float32(8)
SIGMOID_CELLS = 2048
SIGMOID = (1 / (1 + np.exp(-(np.arange(SIGMOID_CELLS) + 0.5) * (16 / SIGMOID_CELLS) + 8))).astype(np.float32)
"""The sigmoid in the middle of each of so many cells from -8 to 8."""


@compiled
def _sigmoid(value):  # type: ignore[no-untyped-def]
    if value >= SIGMOID_REACH:
        return np.float32(1)
    if value > -SIGMOID_REACH:
        return SIGMOID[np.int32((value + SIGMOID_REACH) * np.float32(SIGMOID_CELLS / 16))]
    return np.float32(0)  # NaN too, which has no cell: a job that diverges says so after its last block


@compiled
def _add_two(target_d, scale, source_d, other_scale, other_d):  # type: ignore[no-untyped-def]
    """The same with two vectors at once, which reads and writes the target half as often."""
    for d in range(len(target_d)):
        target_d[d] += scale * source_d[d] + other_scale * other_d[d]


@compiled
def _window(begin, middle, end, settings, random):  # type: ignore[no-untyped-def]
    """The places (first, last + 1) of the context of a word: 1 to `window` words on either side, within its sentence."""
    reach = 1 + draw(random) % settings.window
    return max(begin, middle - reach), min(end, middle + reach + 1)


@compiled
def _step_at(place, sentences, steps):  # type: ignore[no-untyped-def]
    """The step size, which falls linearly from `steps[0]` to `steps[1]` within a block."""
    return np.float32(steps[0] + (steps[1] - steps[0]) * place / max(1, len(sentences.words)))


@compiled
def _predict(hidden_d, gradient_d, word, step, target_vd, negatives, samples, random):  # type: ignore[no-untyped-def]
    """Learn that the hidden vector belongs to `word` and not to random words; its own gradient is added to `gradient_d`."""
    for turn in range(negatives + 1):
        other = word if turn == 0 else draw_negative(random, samples, word)
        wanted = np.float32(1) if turn == 0 else np.float32(0)
        target_d = target_vd[other]
        weight = step * (wanted - _sigmoid(dot(hidden_d, target_d)))
        learn_row(hidden_d, gradient_d, weight, target_d)


@compiled
def _add_rows(hidden_d, word, source_rd, word_rows):  # type: ignore[no-untyped-def]
    """Add the rows of a word; returns how many they are."""
    begin = word_rows.ends[word - 1] if word > 0 else 0
    for row in word_rows.rows[begin : word_rows.ends[word]]:
        add(hidden_d, np.float32(1), source_rd[row])
    return word_rows.ends[word] - begin


@compiled
def _change_rows(gradient_d, word, source_rd, word_rows):  # type: ignore[no-untyped-def]
    begin = word_rows.ends[word - 1] if word > 0 else 0
    for row in word_rows.rows[begin : word_rows.ends[word]]:
        add(source_rd[row], np.float32(1), gradient_d)


@compiled
def cbow(sentences, source_rd, target_vd, word_rows, samples, settings, steps, random):  # type: ignore[no-untyped-def]
    """One pass over a block: each word is predicted from the mean of the words around it."""
    size = source_rd.shape[1]
    hidden_d = np.empty(size, np.float32)
    gradient_d = np.empty(size, np.float32)
    begin = 0
    for end in sentences.ends:
        step = _step_at(begin, sentences, steps)
        for middle in range(begin, end):
            first, last = _window(begin, middle, end, settings, random)
            hidden_d[:] = 0
            rows = 0
            for place in range(first, last):
                if place != middle:
                    rows += _add_rows(hidden_d, sentences.words[place], source_rd, word_rows)
            if rows == 0:
                continue
            divide(hidden_d, rows)
            gradient_d[:] = 0
            word = sentences.words[middle]
            _predict(hidden_d, gradient_d, word, step, target_vd, settings.negatives, samples, random)
            for place in range(first, last):
                if place != middle:
                    _change_rows(gradient_d, sentences.words[place], source_rd, word_rows)
        begin = end


@compiled
def skipgram(sentences, source_rd, target_vd, word_rows, samples, settings, steps, random):  # type: ignore[no-untyped-def]
    """One pass over a block: the words around each word are predicted from the mean of its rows."""
    size = source_rd.shape[1]
    hidden_d = np.empty(size, np.float32)
    gradient_d = np.empty(size, np.float32)
    begin = 0
    for end in sentences.ends:
        step = _step_at(begin, sentences, steps)
        for middle in range(begin, end):
            first, last = _window(begin, middle, end, settings, random)
            word = sentences.words[middle]
            for place in range(first, last):
                if place == middle:
                    continue
                hidden_d[:] = 0
                divide(hidden_d, _add_rows(hidden_d, word, source_rd, word_rows))
                gradient_d[:] = 0
                context = sentences.words[place]
                _predict(hidden_d, gradient_d, context, step, target_vd, settings.negatives, samples, random)
                _change_rows(gradient_d, word, source_rd, word_rows)
        begin = end


@compiled
def batch_skipgram(sentences, source_rd, target_vd, word_rows, samples, settings, steps, random):  # type: ignore[no-untyped-def]
    """One pass over a block: each word and shared negative samples are predicted from up to `batch` words around it at once."""
    size, outputs = source_rd.shape[1], settings.negatives + 1
    hidden_bd = np.empty((settings.batch, size), np.float32)
    weights_bo = np.empty((settings.batch, outputs), np.float32)
    gradient_d = np.empty(size, np.float32)
    batch_b = np.empty(settings.batch, np.int32)
    others_o = np.empty(outputs, np.int32)
    begin = 0
    for end in sentences.ends:
        step = _step_at(begin, sentences, steps)
        for middle in range(begin, end):
            first, last = _window(begin, middle, end, settings, random)
            filled = 0
            for place in range(first, last):
                if place != middle:
                    batch_b[filled] = sentences.words[place]
                    filled += 1
                if filled == 0 or (filled < settings.batch and place + 1 < last):
                    continue
                word = sentences.words[middle]
                others_o[0] = word
                for o in range(1, outputs):
                    others_o[o] = draw_negative(random, samples, word)
                _batch_step(batch_b[:filled], others_o, hidden_bd, weights_bo, gradient_d, source_rd, target_vd, step)
                filled = 0
        begin = end


@compiled
def _batch_step(batch_b, others_o, hidden_bd, weights_bo, gradient_d, source_rd, target_vd, step):  # type: ignore[no-untyped-def]
    """All words of a batch against all predicted words: every product is formed before a row changes."""
    size = len(gradient_d)
    for b in range(len(batch_b)):
        source_d, hidden_d = source_rd[batch_b[b]], hidden_bd[b]
        for d in range(size):
            hidden_d[d] = source_d[d]
        for o in range(len(others_o)):
            wanted = np.float32(1) if o == 0 else np.float32(0)
            weights_bo[b, o] = step * (wanted - _sigmoid(dot(hidden_d, target_vd[others_o[o]])))
    for b in range(len(batch_b)):
        source_d = source_rd[batch_b[b]]
        for o in range(0, len(others_o) - 1, 2):
            _add_two(
                source_d, weights_bo[b, o], target_vd[others_o[o]], weights_bo[b, o + 1], target_vd[others_o[o + 1]]
            )
        if len(others_o) % 2:
            add(source_d, weights_bo[b, len(others_o) - 1], target_vd[others_o[len(others_o) - 1]])
    for o in range(len(others_o)):
        target_d = target_vd[others_o[o]]
        for b in range(0, len(batch_b) - 1, 2):
            _add_two(target_d, weights_bo[b, o], hidden_bd[b], weights_bo[b + 1, o], hidden_bd[b + 1])
        if len(batch_b) % 2:
            add(target_d, weights_bo[len(batch_b) - 1, o], hidden_bd[len(batch_b) - 1])
