"""Hashes against fastText's own library, and n-grams against the definition."""

import pytest

from wildsage.algorithms.blazingtext.fasttext import hashing

WORDS = ["a", "where", "é", "東京", "zürich", "</s>"]


def as_signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def by_the_book(text: bytes) -> int:
    """FNV-1a of 32 bits (Fowler, Noll and Vo), whose bytes are signed as those of C's char are."""
    found = 2166136261
    for byte in text:
        found = (found ^ (as_signed(byte) % 2**32)) * 16777619 % 2**32
    return found


@pytest.mark.parametrize("word", ["", *WORDS, "\x7f", "\x80"])
def test_a_hash_is_fnv_1a_of_signed_bytes(word):
    assert hashing.fnv1a(word.encode()) == by_the_book(word.encode())


def test_a_hash_is_continued():
    assert hashing.fnv1a(b"ere", hashing.fnv1a(b"wh")) == hashing.fnv1a(b"where")


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("shortest", "longest"), [(1, 1), (1, 3), (3, 6), (2, 2), (5, 3), (1, 99)])
def test_character_ngrams_are_all_parts_of_the_word_between_its_marks(word, shortest, longest):
    marked = f"<{word}>"
    expected = [
        by_the_book(marked[begin:end].encode())
        for begin in range(len(marked))
        for end in range(begin + 1, len(marked) + 1)
        if shortest <= end - begin <= longest and (begin, end) not in ((0, 1), (len(marked) - 1, len(marked)))
    ]
    assert list(hashing.character_ngrams(word.encode(), shortest, longest)) == expected


def test_the_librarys_ngrams_are_the_same(tmp_path):
    fasttext = pytest.importorskip("fasttext", reason="pip install 'wildsage[test]'")
    (tmp_path / "text").write_text(" ".join(WORDS) + "\n")
    library = fasttext.train_unsupervised(
        str(tmp_path / "text"), dim=2, minCount=1, bucket=97, minn=2, maxn=4, epoch=1, thread=1, verbose=0
    )
    words = len(library.get_words())
    for word in ("where", "東京", "zürich"):
        own = [words + found % 97 for found in hashing.character_ngrams(word.encode(), 2, 4)]
        assert library.get_subwords(word)[1].tolist()[1:] == own


@pytest.mark.parametrize("longest", [1, 2, 3, 9])
def test_word_ngrams_mix_the_signed_hashes_that_follow_each_other(longest):
    hashes = [5, 2**31 - 1, 2**31, 2**32 - 1]
    expected = []
    for begin in range(4):
        found = (hashes[begin] - 2**32 if hashes[begin] >= 2**31 else hashes[begin]) % 2**64
        for following in hashes[begin + 1 : begin + longest]:
            signed = following - 2**32 if following >= 2**31 else following
            found = (found * 116049371 + signed) % 2**64
            expected.append(found)
    assert list(hashing.word_ngrams(hashes, longest)) == expected
    assert len(expected) == sum(max(0, 4 - size + 1) for size in range(2, longest + 1))
