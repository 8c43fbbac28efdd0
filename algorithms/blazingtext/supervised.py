"""fastText's classifier: the mean of a text's rows, then a linear layer (Joulin et al. 2016, arXiv:1607.01759, section 2).

One text after the other changes the matrices, in the order of the channel, so that a job gives the same bytes on any number of
cores. The other cores turn text into numbers.

Axes: r rows of the input matrix · d numbers of a vector · k labels
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.blocks import in_parallel
from wildsage.algorithms.base.compiled import reordered as compiled
from wildsage.algorithms.blazingtext.corpus.texts import Texts, parse
from wildsage.algorithms.blazingtext.corpus.vocabulary import WordTable
from wildsage.algorithms.blazingtext.fasttext.matrices import uniform_matrix
from wildsage.algorithms.blazingtext.output_layer import LabelTree, best_label, learn, tree_for
from wildsage.algorithms.blazingtext.rows import add, divide

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
    tree: LabelTree

    @classmethod
    def random(cls, rows: int, counts: Sequence[int], dimension: int, seed: int) -> Classifier:
        """Uniform numbers of at most 1/d in the input matrix, zeros in the output matrix, as fastText begins.

        `counts`: how often each label occurs. Raises UserError where memory does not hold the matrices.
        """
        target_kd = np.zeros((len(counts), dimension), np.float32)
        return cls(uniform_matrix(rows, dimension, seed), target_kd, tree_for(counts))

    def copy(self) -> Classifier:
        """Both matrices once more."""
        return replace(self, source_rd=self.source_rd.copy(), target_kd=self.target_kd.copy())

    def restore(self, other: Classifier) -> None:
        """Take over the numbers of a copy."""
        self.source_rd[:] = other.source_rd
        self.target_kd[:] = other.target_kd

    def learn(self, texts: Texts, rate: float, done: int, total: int, random: NDArray) -> int:
        """A step of stochastic gradient descent for each text that has a label and known words; returns the tokens done.

        `rate` falls linearly to 0 with the tokens `done` of `total`. A text with several labels learns one of them, chosen by
        the state `random`, uint64 of length 1.
        """
        return _train(texts, self.source_rd, self.target_kd, self.tree, rate, done, total, random)

    def accuracy(self, texts: Iterable[Texts]) -> tuple[float, int]:
        """The share of texts whose most probable label is one of theirs, and how many texts have labels and known words."""
        right, counted = 0, 0
        for each in texts:
            found = _count_right(each, self.source_rd, self.target_kd, self.tree)
            right, counted = right + found[0], counted + found[1]
        return right / max(counted, 1), counted


def lines_without_label(texts: Texts) -> int:
    """How many lines have words but no label."""
    return int(((np.diff(texts.label_ends, prepend=0) == 0) & (texts.tokens > 1)).sum())


@compiled
def _mean(hidden_d, rows, source_rd):  # type: ignore[no-untyped-def]
    hidden_d[:] = 0
    for row in rows:
        add(hidden_d, np.float32(1), source_rd[row])
    divide(hidden_d, len(rows))


@compiled
def _one_of(labels, random):  # type: ignore[no-untyped-def]
    if len(labels) == 1:
        return labels[0]
    random[0] = random[0] * RANDOM_FACTOR + np.uint64(1)
    return labels[np.int64((random[0] >> RANDOM_SHIFT) % np.uint64(len(labels)))]


@compiled
def _train(texts, source_rd, target_kd, tree, rate, done, total, random):  # type: ignore[no-untyped-def]
    size = source_rd.shape[1]
    hidden_d = np.empty(size, np.float32)
    gradient_d = np.empty(size, np.float32)
    chances_k = np.empty(len(target_kd), np.float32)
    row_begin, label_begin = 0, 0
    for line in range(len(texts.tokens)):
        step = np.float32(rate * max(0.0, 1.0 - done / total))
        done += texts.tokens[line]
        rows = texts.rows[row_begin : texts.row_ends[line]]
        labels = texts.labels[label_begin : texts.label_ends[line]]
        row_begin, label_begin = texts.row_ends[line], texts.label_ends[line]
        if len(rows) == 0 or len(labels) == 0:
            continue
        _mean(hidden_d, rows, source_rd)
        learn(tree, hidden_d, gradient_d, chances_k, _one_of(labels, random), step, target_kd)
        divide(gradient_d, len(rows))
        for row in rows:
            add(source_rd[row], np.float32(1), gradient_d)
    return done


@compiled
def _count_right(texts, source_rd, target_kd, tree):  # type: ignore[no-untyped-def]
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
        _mean(hidden_d, rows, source_rd)
        counted += 1
        best = best_label(tree, hidden_d, scores_k, target_kd)
        for label in labels:
            right += label == best
    return right, counted
