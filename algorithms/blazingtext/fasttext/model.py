"""A model of fastText: the labels of a text, the vector of a word (Joulin et al. 2016; Bojanowski et al. 2017).

Axes: n rows that a text selects · d numbers of a vector · k labels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary
from wildsage.algorithms.blazingtext.fasttext.losses import FastTextLoss, probabilities
from wildsage.algorithms.blazingtext.fasttext.matrices import DenseMatrix, Matrix


@dataclass(frozen=True)
class FastTextModel:
    """`source` is the input matrix, `target` the output matrix; a supervised model answers labels, another one vectors."""

    supervised: bool
    loss: FastTextLoss
    dictionary: Dictionary
    source: Matrix
    target: Matrix

    def predict(self, text: bytes, k: int) -> list[tuple[bytes, float]]:
        """The `k` most probable labels of a line and their probabilities, best first; empty where no token is known."""
        rows = self.dictionary.rows_of_line(text)
        if not rows:
            return []
        chances_k = probabilities(self.loss, self._scores(rows), self.dictionary.counts[len(self.dictionary.words) :])
        best = np.argsort(-chances_k, kind="stable")[:k].tolist()
        return [(self.dictionary.labels[label], float(chances_k[label])) for label in best if chances_k[label] > 0]

    def vector(self, word: bytes) -> NDArray:
        """The vector (d,) of a word: the mean of its row and those of its n-grams; zeros where it has neither."""
        return self._mean(self.dictionary.rows_of_word(word))

    def _scores(self, rows: Sequence[int]) -> NDArray:
        hidden_d = self._mean(rows)
        if isinstance(self.target, DenseMatrix):
            return np.asarray(self.target.values_rd @ hidden_d, np.float32)
        return self.target.rows(range(self.target.shape[0])) @ hidden_d

    def _mean(self, rows: Sequence[int]) -> NDArray:
        if not rows:
            return np.zeros(self.source.shape[1], np.float32)
        return self.source.rows(rows).sum(axis=0) * np.float32(1 / len(rows))
