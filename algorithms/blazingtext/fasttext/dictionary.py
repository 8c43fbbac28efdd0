"""fastText's dictionary: words and labels with their counts, and the rows of the input matrix that a text selects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from wildsage.algorithms.blazingtext.fasttext import hashing

END_OF_LINE = b"</s>"
LABEL = b"__label__"
LONGEST_NGRAM = 255
"""Characters or words. A word, or a line, of n takes n times as many hashes; fastText's own default for characters is 6."""


@dataclass(frozen=True)
class Subwords:
    """How words and word n-grams select rows beyond those of the words: `buckets` rows share all n-grams."""

    buckets: int = 0
    shortest: int = 0
    longest: int = 0
    word_ngrams: int = 1


@dataclass(frozen=True)
class Dictionary:
    """Words, then labels, each in descending frequency. Word i selects row i, bucket b row `len(words) + b`.

    `tokens`: how many were counted, rare ones too. `kept`: in a model whose buckets were pruned, the new number of each
    that is left; None for a model with all.
    """

    words: Sequence[bytes]
    labels: Sequence[bytes]
    counts: Sequence[int]
    tokens: int
    subwords: Subwords
    kept: Mapping[int, int] | None = None

    @cached_property
    def numbers(self) -> dict[bytes, int]:
        """The number of each word and, after them, of each label."""
        return {word: number for number, word in enumerate([*self.words, *self.labels])}

    @property
    def label_counts(self) -> Sequence[int]:
        """How often each label occurs."""
        return self.counts[len(self.words) :]

    def rows_of_line(self, text: bytes) -> list[int]:
        """The rows that a line selects: its words, the end of the line, character n-grams and word n-grams; labels are left out."""
        rows: list[int] = []
        hashes = []
        for token in [*tokens_of(text), END_OF_LINE]:
            if not self._is_label(token):
                rows += self.rows_of_word(token)
                hashes.append(hashing.fnv1a(token))
        if self.subwords.buckets:
            rows += self._bucket_rows(hashing.word_ngrams(hashes, self.subwords.word_ngrams))
        return rows

    def rows_of_word(self, word: bytes) -> list[int]:
        """The rows that a word selects: its own if it is known, then its character n-grams."""
        number = self.numbers.get(word, len(self.words))
        rows = [number] if number < len(self.words) else []
        if word == END_OF_LINE or not self.subwords.longest or not self.subwords.buckets:
            return rows
        ngrams = hashing.character_ngrams(word, self.subwords.shortest, self.subwords.longest)
        return rows + self._bucket_rows(ngrams)

    def _is_label(self, token: bytes) -> bool:
        number = self.numbers.get(token)
        return token.startswith(LABEL) if number is None else number >= len(self.words)

    def _bucket_rows(self, hashes: Iterable[int]) -> list[int]:
        buckets = (found % self.subwords.buckets for found in hashes)
        if self.kept is not None:
            buckets = (self.kept[bucket] for bucket in buckets if bucket in self.kept)
        return [len(self.words) + bucket for bucket in buckets]


def tokens_of(text: bytes) -> list[bytes]:
    """The tokens between white space, which is ASCII's, and NUL."""
    return text.replace(b"\0", b" ").split()
