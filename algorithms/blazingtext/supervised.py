"""fastText's classifier: the mean of a text's rows, a linear layer, softmax (Joulin et al. 2016, arXiv:1607.01759, section 2).

One text after the other changes the matrices, in the order of the channel, so that a job gives the same bytes on any number of
cores. The other cores turn text into numbers.

Axes: r rows of the input matrix · d numbers of a vector · k labels
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.blocks import in_parallel
from wildsage.algorithms.base.compiled import reordered as compiled
from wildsage.algorithms.blazingtext.corpus.texts import Texts, parse
from wildsage.algorithms.blazingtext.corpus.vocabulary import WordTable
from wildsage.algorithms.blazingtext.fasttext.matrices import uniform_matrix

RANDOM_FACTOR = np.uint64(6364136223846793005)
RANDOM_SHIFT = np.uint64(33)


@dataclass(frozen=True)
class TextParser:
    """Turns blocks of lines into rows and labels. `longest` words make an n-gram, which selects one of `buckets` rows."""

    words: WordTable
    buckets: int
    longest: int

    def texts(self, blocks: Iterable[bytes]) -> Iterator[Texts]:
        """The lines of all blocks, parsed on all cores."""
        return in_parallel(partial(_parse, self), blocks)


def _parse(parser: TextParser, block: bytes) -> Texts:
    return parse(np.frombuffer(block, np.uint8), parser.words, parser.buckets, parser.longest)


@dataclass(frozen=True)
class Classifier:
    """The input matrix (r, d) and the output matrix (k, d), float32; training changes both in place."""

    source_rd: NDArray
    target_kd: NDArray

    @classmethod
    def random(cls, rows: int, labels: int, dimension: int, seed: int) -> Classifier:
        """Uniform numbers of at most 1/d in the input matrix, zeros in the output matrix, as fastText begins.

        Raises UserError where memory does not hold them.
        """
        return cls(uniform_matrix(rows, dimension, seed), np.zeros((labels, dimension), np.float32))

    def copy(self) -> Classifier:
        """Both matrices once more."""
        return Classifier(self.source_rd.copy(), self.target_kd.copy())

    def restore(self, other: Classifier) -> None:
        """Take over the numbers of a copy."""
        self.source_rd[:] = other.source_rd
        self.target_kd[:] = other.target_kd

    def accuracy(self, texts: Iterable[Texts]) -> tuple[float, int]:
        """The share of texts whose most probable label is one of theirs, and how many texts have labels and known words."""
        right, counted = 0, 0
        for each in texts:
            found = count_right(each, self.source_rd, self.target_kd)
            right, counted = right + found[0], counted + found[1]
        return right / max(counted, 1), counted


def lines_without_label(texts: Texts) -> int:
    """How many lines have words but no label."""
    return int(((np.diff(texts.label_ends, prepend=0) == 0) & (texts.tokens > 1)).sum())


@compiled
def _hidden(hidden_d, rows, source_rd):  # type: ignore[no-untyped-def]
    hidden_d[:] = 0
    for row in rows:
        row_d = source_rd[row]
        for d in range(len(hidden_d)):
            hidden_d[d] += row_d[d]
    scale = np.float32(1) / np.float32(len(rows))
    for d in range(len(hidden_d)):
        hidden_d[d] *= scale


@compiled
def _scores(scores_k, hidden_d, target_kd):  # type: ignore[no-untyped-def]
    for k in range(len(scores_k)):
        target_d = target_kd[k]
        total = np.float32(0)
        for d in range(len(hidden_d)):
            total += target_d[d] * hidden_d[d]
        scores_k[k] = total


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
def train(texts, source_rd, target_kd, rate, done, total, random):  # type: ignore[no-untyped-def]
    """A step of stochastic gradient descent for each text that has a label and known words; returns the tokens done.

    `rate` falls linearly to 0 with the tokens `done` of `total`. A text with several labels learns one of them, chosen by the
    state `random`, uint64 of length 1.
    """
    size = source_rd.shape[1]
    hidden_d = np.empty(size, np.float32)
    gradient_d = np.empty(size, np.float32)
    chances_k = np.empty(len(target_kd), np.float32)
    row_begin, label_begin = 0, 0
    for line in range(len(texts.tokens)):
        row_end, label_end = texts.row_ends[line], texts.label_ends[line]
        step = np.float32(rate * max(0.0, 1.0 - done / total))
        done += texts.tokens[line]
        rows = texts.rows[row_begin:row_end]
        labels = texts.labels[label_begin:label_end]
        row_begin, label_begin = row_end, label_end
        if len(rows) == 0 or len(labels) == 0:
            continue
        wanted = labels[0]
        if len(labels) > 1:
            random[0] = random[0] * RANDOM_FACTOR + np.uint64(1)
            wanted = labels[np.int64((random[0] >> RANDOM_SHIFT) % np.uint64(len(labels)))]
        _hidden(hidden_d, rows, source_rd)
        _scores(chances_k, hidden_d, target_kd)
        _softmax(chances_k)
        gradient_d[:] = 0
        for k in range(len(chances_k)):
            weight = step * ((np.float32(1) if k == wanted else np.float32(0)) - chances_k[k])
            target_d = target_kd[k]
            for d in range(size):
                gradient_d[d] += weight * target_d[d]
                target_d[d] += weight * hidden_d[d]
        scale = np.float32(1) / np.float32(len(rows))
        for d in range(size):
            gradient_d[d] *= scale
        for row in rows:
            row_d = source_rd[row]
            for d in range(size):
                row_d[d] += gradient_d[d]
    return done


@compiled
def count_right(texts, source_rd, target_kd):  # type: ignore[no-untyped-def]
    """How many texts have their best score for one of their labels, and how many have labels and known words."""
    hidden_d = np.empty(source_rd.shape[1], np.float32)
    scores_k = np.empty(len(target_kd), np.float32)
    right, counted, row_begin, label_begin = 0, 0, 0, 0
    for line in range(len(texts.tokens)):
        rows = texts.rows[row_begin : texts.row_ends[line]]
        labels = texts.labels[label_begin : texts.label_ends[line]]
        row_begin, label_begin = texts.row_ends[line], texts.label_ends[line]
        if len(rows) == 0 or len(labels) == 0:
            continue
        _hidden(hidden_d, rows, source_rd)
        _scores(scores_k, hidden_d, target_kd)
        counted += 1
        best = np.argmax(scores_k)
        for label in labels:
            right += label == best
    return right, counted
