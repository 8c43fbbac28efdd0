"""fastText's hashes: of words, of their character n-grams, and of word n-grams (Bojanowski et al. 2017, section 3.2).

FNV-1a with 32 bits, in which bytes count as signed: those above 127 change the upper 24 bits too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

FNV_BASIS = 2166136261
FNV_PRIME = 16777619
WORD_NGRAM_FACTOR = 116049371
SIGN_BITS = 0xFFFFFF00
MASK32 = 0xFFFFFFFF
MASK64 = 0xFFFFFFFFFFFFFFFF
BEGIN, END = b"<", b">"


def fnv1a(text: bytes, start: int = FNV_BASIS) -> int:
    """The hash of `text`, continued from `start`.

    >>> fnv1a(b"a"), fnv1a("é".encode())
    (3826002220, 1023043777)
    """
    found = start
    for byte in text:
        found = ((found ^ (byte if byte < 128 else byte | SIGN_BITS)) * FNV_PRIME) & MASK32
    return found


def character_ngrams(word: bytes, shortest: int, longest: int) -> Iterator[int]:
    """Hashes of the n-grams of `<word>` that have `shortest` to `longest` characters of UTF-8, in fastText's order.

    `<` and `>` by themselves are left out.
    """
    characters = _characters(BEGIN + word + END)
    for begin in range(len(characters)):
        found = FNV_BASIS
        for end in range(begin + 1, min(begin + longest, len(characters)) + 1):
            found = fnv1a(characters[end - 1], found)
            alone = end - begin == 1 and (begin == 0 or end == len(characters))
            if end - begin >= shortest and not alone:
                yield found


def _characters(text: bytes) -> list[bytes]:
    starts = [place for place, byte in enumerate(text) if byte & 0xC0 != 0x80]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def word_ngrams(hashes: Sequence[int], longest: int) -> Iterator[int]:
    """Hashes, 64 bits each, of the n-grams of 2 to `longest` words whose own hashes are given, in fastText's order."""
    signed = [found - (1 << 32) if found >> 31 else found for found in hashes]
    for begin, first in enumerate(signed):
        found = first & MASK64
        for following in signed[begin + 1 : begin + longest]:
            found = (found * WORD_NGRAM_FACTOR + following) & MASK64
            yield found
