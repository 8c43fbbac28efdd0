"""Blocks of labelled lines as arrays: which rows of the input matrix each selects, and which labels it has."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.compiled import reordered as compiled
from wildsage.algorithms.blazingtext.corpus.vocabulary import WordTable, find, hash_of
from wildsage.algorithms.blazingtext.fasttext.dictionary import END_OF_LINE, LABEL

WORD_NGRAM_FACTOR = np.uint64(116049371)
NEW_LINE, SPACE = 10, 32
END_TEXT = np.frombuffer(END_OF_LINE, np.uint8)
LABEL_TEXT = np.frombuffer(LABEL, np.uint8)


class Texts(NamedTuple):
    """Line i selects `rows[row_ends[i - 1] : row_ends[i]]`, has the labels `labels[label_ends[i - 1] : label_ends[i]]`.

    `tokens[i]` counts all its tokens, unknown ones, labels and the end of the line too.
    """

    rows: NDArray[np.int32]
    row_ends: NDArray[np.int64]
    labels: NDArray[np.int32]
    label_ends: NDArray[np.int64]
    tokens: NDArray[np.int32]


@compiled
def is_space(byte):  # type: ignore[no-untyped-def]
    """Whether fastText ends a token at this byte: a space, a tab, the control characters beside it, or NUL."""
    return byte == SPACE or (byte <= 13 and (byte >= 9 or byte == 0))


@compiled
def _size(block):  # type: ignore[no-untyped-def]
    """Lines and tokens of a block."""
    lines, tokens, inside = 0, 0, False
    for place in range(len(block)):
        byte = block[place]
        lines += byte == NEW_LINE
        space = is_space(byte)
        tokens += inside and space
        inside = not space
    return lines, tokens + lines + 1


@compiled
def _is_label(block, begin, end):  # type: ignore[no-untyped-def]
    if end - begin < len(LABEL_TEXT):
        return False
    for place in range(len(LABEL_TEXT)):  # noqa: SIM110 - numba compiles no generator within `all`
        if block[begin + place] != LABEL_TEXT[place]:
            return False
    return True


@compiled
def _add_ngrams(rows, count, hashes, known, words, buckets, longest):  # type: ignore[no-untyped-def]
    """Append the rows of all n-grams of 2 to `longest` words; returns how many rows there are then."""
    for first in range(known):
        mixed = np.uint64(np.int64(np.int32(hashes[first])))
        for following in range(first + 1, min(known, first + longest)):
            mixed = mixed * WORD_NGRAM_FACTOR + np.uint64(np.int64(np.int32(hashes[following])))
            rows[count] = words + np.int64(mixed % np.uint64(buckets))
            count += 1
    return count


@compiled
def parse(block, words: WordTable, buckets, longest) -> Texts:  # type: ignore[no-untyped-def]
    """The lines of a block, uint8, which ends with a line end."""
    line_count, token_count = _size(block)
    rows = np.empty(token_count * longest, np.int32)
    hashes = np.empty(token_count, np.uint32)
    row_ends = np.empty(line_count, np.int64)
    labels = np.empty(token_count, np.int32)
    label_ends = np.empty(line_count, np.int64)
    tokens = np.empty(line_count, np.int32)
    end_hash = hash_of(END_TEXT, 0, len(END_TEXT))
    end_entry = find(words, END_TEXT, 0, len(END_TEXT), end_hash)
    line, row, label, hashed, seen, begin = 0, 0, 0, 0, 0, 0
    for place in range(len(block)):
        if not is_space(block[place]):
            continue
        if place > begin:
            found = hash_of(block, begin, place)
            entry = find(words, block, begin, place, found)
            seen += 1
            if entry >= words.words:
                labels[label] = entry - words.words
                label += 1
            elif entry >= 0 or not _is_label(block, begin, place):
                hashes[hashed] = found
                hashed += 1
                if entry >= 0:
                    rows[row] = entry
                    row += 1
        begin = place + 1
        if block[place] == NEW_LINE:
            hashes[hashed] = end_hash
            if end_entry >= 0:
                rows[row] = end_entry
                row += 1
            row = _add_ngrams(rows, row, hashes, hashed + 1, words.words, buckets, longest)
            row_ends[line], label_ends[line], tokens[line] = row, label, seen + 1
            line, hashed, seen = line + 1, 0, 0
    return Texts(rows[:row], row_ends, labels[:label], label_ends, tokens)
