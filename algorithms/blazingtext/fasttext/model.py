"""A model of fastText: the labels of a text, the vector of a word (Joulin et al. 2016; Bojanowski et al. 2017).

Axes: n rows that a text selects · d numbers of a vector · k labels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary
from wildsage.algorithms.blazingtext.fasttext.losses import (
    FastTextLoss,
    huffman_children,
    likeliest_leaves,
    probabilities,
)
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
        """The `k` most probable labels of a line and their probabilities, best first; empty where no token is known.

        Raises UserError where the answer would come from NaN or infinity.
        """
        rows = self.dictionary.rows_of_line(text)
        if not rows:
            return []
        found = self._likeliest(self._mean(rows), k)
        return [(self.dictionary.labels[label], chance) for label, chance in found]

    def vector(self, word: bytes) -> NDArray:
        """The vector (d,) of a word: the mean of its row and those of its n-grams; zeros where it has neither.

        Raises UserError where it holds NaN or infinity.
        """
        return self._mean(self.dictionary.rows_of_word(word))

    def _likeliest(self, hidden_d: NDArray, k: int) -> list[tuple[int, float]]:
        """The numbers of the `k` most probable labels and their probabilities, best first."""
        if self.loss == FastTextLoss.HIERARCHICAL_SOFTMAX:
            return likeliest_leaves(self._tree, lambda row: float(_finite(self.target.rows([row])[0] @ hidden_d)), k)
        chances_k = probabilities(self.loss, _finite(self._scores(hidden_d)))
        best = np.argsort(-chances_k, kind="stable")[:k]
        return list(zip(best.tolist(), chances_k[best].tolist(), strict=True))

    def _scores(self, hidden_d: NDArray) -> NDArray:
        if isinstance(self.target, DenseMatrix):
            return np.asarray(self.target.values_rd @ hidden_d, np.float32)
        return self.target.rows(range(self.target.shape[0])) @ hidden_d

    @cached_property
    def _tree(self) -> list[tuple[int, int]]:
        return huffman_children(self.dictionary.label_counts)

    def _mean(self, rows: Sequence[int]) -> NDArray:
        if not rows:
            return np.zeros(self.source.shape[1], np.float32)
        return _finite(self.source.rows(rows).sum(axis=0) * np.float32(1 / len(rows)))


def _finite(values: NDArray) -> NDArray:
    """The same numbers. Raises UserError for NaN or infinity among them."""
    if not np.isfinite(values).all():
        raise UserError(
            "The model holds NaN or infinity, expected finite numbers. Train it again, with a smaller learning_rate."
        )
    return values
