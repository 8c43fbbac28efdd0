"""Blocks of text → sentences for word2vec, thinned at random; random words as negative samples.

Sources: Mikolov et al. 2013 (arXiv:1310.4546), sections 2.2 and 2.3.

Axes: v words
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.compiled import reordered as compiled
from wildsage.algorithms.blazingtext.corpus.texts import END_TEXT, NEW_LINE, is_space
from wildsage.algorithms.blazingtext.corpus.vocabulary import WordTable, find, hash_of

LONGEST_SENTENCE = 1024
NEGATIVE_POWER = 0.75
RANDOM_FACTOR = np.uint64(6364136223846793005)
RANDOM_STEP = np.uint64(1442695040888963407)
HIGH_BITS = np.uint64(33)
HIGHEST = np.float64(1 << 31)


class Sampling(NamedTuple):
    """`keep_v`: the chance that an occurrence of a word stays. `alias_v` and `chance_v` draw negative samples (Walker's method)."""

    keep_v: NDArray[np.float64]
    alias_v: NDArray[np.int32]
    chance_v: NDArray[np.float64]


class Sentences(NamedTuple):
    """The words of a block that stayed: sentence i is `words[ends[i - 1] : ends[i]]`; `tokens` were known before thinning."""

    words: NDArray[np.int32]
    ends: NDArray[np.int64]
    tokens: int


def sampling(counts: NDArray, tokens: int, threshold: float) -> Sampling:
    """The chances for words with these counts (v,): t/f + sqrt(t/f) to stay, proportional to f^0.75 as negative sample."""
    share_v = counts / tokens
    keep_v = np.sqrt(threshold / share_v) + threshold / share_v
    return Sampling(keep_v, *_alias(counts.astype(np.float64) ** NEGATIVE_POWER))


def _alias(weights_v: NDArray) -> tuple[NDArray, NDArray]:
    """Walker's tables: draw a place evenly; keep it with its chance, else take its alias."""
    scaled = weights_v * (len(weights_v) / weights_v.sum())
    alias = np.arange(len(scaled), dtype=np.int32)
    small = [place for place in range(len(scaled)) if scaled[place] < 1]
    large = [place for place in range(len(scaled)) if scaled[place] >= 1]
    while small and large:
        place, other = small.pop(), large[-1]
        alias[place] = other
        scaled[other] -= 1 - scaled[place]
        if scaled[other] < 1:
            small.append(large.pop())
    return alias, np.minimum(scaled, 1.0)


@compiled
def draw(random):  # type: ignore[no-untyped-def]
    """31 random bits; changes the state `random`, uint64 of length 1."""
    random[0] = random[0] * RANDOM_FACTOR + RANDOM_STEP
    return np.int64(random[0] >> HIGH_BITS)


@compiled
def draw_negative(random, samples, unwanted):  # type: ignore[no-untyped-def]
    """A random word other than `unwanted`, if there is another."""
    found = unwanted
    for _ in range(100):
        place = draw(random) % len(samples.alias_v)
        found = place if draw(random) / HIGHEST < samples.chance_v[place] else samples.alias_v[place]
        if found != unwanted:
            break
    return found


@compiled
def read_sentences(block, words: WordTable, samples: Sampling, random) -> Sentences:  # type: ignore[no-untyped-def]
    """The words of a block, uint8, without unknown ones, thinned at random; a line end is a word too."""
    end_of_line = np.int64(find(words, END_TEXT, 0, len(END_TEXT), hash_of(END_TEXT, 0, len(END_TEXT))))
    kept = np.empty(2 * len(block) + 1, np.int32)
    ends = np.empty(len(block) + 1, np.int64)
    count, sentences, tokens, length, begin = 0, 0, 0, 0, 0
    for place in range(len(block)):
        if not is_space(block[place]):
            continue
        entry = np.int64(-1)
        if place > begin:
            entry = np.int64(find(words, block, begin, place, hash_of(block, begin, place)))
        begin = place + 1
        ended = block[place] == NEW_LINE
        for turn in range(2):
            found = entry if turn == 0 else (end_of_line if ended else np.int64(-1))
            if found < 0 or found >= words.words:
                continue
            tokens += 1
            length += 1
            if draw(random) / HIGHEST < samples.keep_v[found]:
                kept[count] = found
                count += 1
        if ended or length >= LONGEST_SENTENCE:
            ends[sentences] = count
            sentences += 1
            length = 0
    ends[sentences] = count
    return Sentences(kept[:count], ends[: sentences + 1], tokens)
