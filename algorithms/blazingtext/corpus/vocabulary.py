"""The words of a corpus, counted and pruned as fastText does it, and the same as arrays in which compiled code looks words up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.compiled import reordered as compiled
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext.fasttext.dictionary import END_OF_LINE, LABEL, Dictionary, Subwords, tokens_of

MOST_WORDS = 22_500_000
"""Where so many different words were counted, the rarest are dropped: fastText's bound, three quarters of 30 million."""
REPORT_TOKENS = 10_000_000
FNV_BASIS = np.uint32(2166136261)
FNV_PRIME = np.uint32(16777619)
SIGN_BITS = np.uint32(0xFFFFFF00)


class WordCounts:
    """Counts tokens block by block."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._counts: Counter[bytes] = Counter({END_OF_LINE: 0})
        self._report = report
        self._least = 0
        self.tokens = 0

    def add(self, block: bytes) -> None:
        """Count the tokens of a block of whole lines."""
        before = self.tokens
        found = tokens_of(block)
        lines = block.count(b"\n")
        self._counts.update(found)
        self._counts[END_OF_LINE] += lines
        self.tokens += len(found) + lines
        if self.tokens // REPORT_TOKENS > before // REPORT_TOKENS:
            self._report(self.tokens)
        while len(self._counts) > MOST_WORDS:
            self._least += 1
            self._counts = Counter({word: count for word, count in self._counts.items() if count >= self._least})

    def dictionary(self, min_count: int, subwords: Subwords) -> Dictionary:
        """Words that occur `min_count` times or more, and all labels, in descending frequency; ties in order of appearance.

        Raises UserError if no word is left.
        """
        ranked = sorted(((word, count) for word, count in self._counts.items() if count), key=lambda pair: -pair[1])
        labels = [pair for pair in ranked if pair[0].startswith(LABEL)]
        words = [pair for pair in ranked if not pair[0].startswith(LABEL) and pair[1] >= min_count]
        if not any(word != END_OF_LINE for word, _ in words):
            raise UserError(self._empty(min_count))
        entries = [*words, *labels]
        return Dictionary(
            [word for word, _ in words],
            [label for label, _ in labels],
            [count for _, count in entries],
            self.tokens,
            subwords,
        )

    def _empty(self, min_count: int) -> str:
        counts = [count for word, count in self._counts.items() if not word.startswith(LABEL) and word != END_OF_LINE]
        if not counts:
            return "Empty vocabulary: the training channel holds no words, expected lines of words with spaces between them."
        return (
            f"Empty vocabulary. Try a smaller min_count value: of {len(counts)} different words the most frequent occurs "
            f"{max(counts)} times, and min_count is {min_count}."
        )


class WordTable(NamedTuple):
    """Words and labels for compiled code: an open hash table of `slots` (-1: empty) over the letters of all entries.

    Entry i has the letters `starts[i]` to `starts[i + 1]` and the hash `hashes[i]`; the first `words` are words, the rest labels.
    """

    slots: NDArray[np.int32]
    hashes: NDArray[np.uint32]
    starts: NDArray[np.int64]
    letters: NDArray[np.uint8]
    words: int


def table(dictionary: Dictionary) -> WordTable:
    """The entries of a dictionary as arrays."""
    entries = [*dictionary.words, *dictionary.labels]
    starts = np.zeros(len(entries) + 1, np.int64)
    np.cumsum([len(entry) for entry in entries], out=starts[1:])
    letters = np.frombuffer(b"".join(entries), np.uint8)
    slots = np.full(1 << (2 * len(entries)).bit_length(), -1, np.int32)
    hashes = np.empty(len(entries), np.uint32)
    _fill(slots, hashes, starts, letters)
    return WordTable(slots, hashes, starts, letters, len(dictionary.words))


@compiled
def hash_of(text, begin, end):  # type: ignore[no-untyped-def]
    """fastText's hash of the bytes `begin` to `end`."""
    found = FNV_BASIS
    for place in range(begin, end):
        byte = np.uint32(text[place])
        found = np.uint32(np.uint32(found ^ (byte if byte < 128 else byte | SIGN_BITS)) * FNV_PRIME)
    return found


@compiled
def _fill(slots, hashes, starts, letters):  # type: ignore[no-untyped-def]
    mask = np.uint32(len(slots) - 1)
    for entry in range(len(hashes)):
        hashes[entry] = hash_of(letters, starts[entry], starts[entry + 1])
        slot = hashes[entry] & mask
        while slots[slot] >= 0:
            slot = np.uint32(slot + 1) & mask
        slots[slot] = entry


@compiled
def find(words, text, begin, end, hashed):  # type: ignore[no-untyped-def]
    """The number of the entry that the bytes `begin` to `end` of `text` spell, -1 if none does."""
    mask = np.uint32(len(words.slots) - 1)
    slot = hashed & mask
    while words.slots[slot] >= 0:
        entry = words.slots[slot]
        start = words.starts[entry]
        if words.hashes[entry] == hashed and words.starts[entry + 1] - start == end - begin:
            same = True
            for offset in range(end - begin):
                if words.letters[start + offset] != text[begin + offset]:
                    same = False
                    break
            if same:
                return entry
        slot = np.uint32(slot + 1) & mask
    return np.int32(-1)
