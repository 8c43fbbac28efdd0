"""Words counted, ranked and looked up."""

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext.corpus import vocabulary
from wildsage.algorithms.blazingtext.corpus.vocabulary import WordCounts, find, hash_of, table
from wildsage.algorithms.blazingtext.fasttext import hashing
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords

SUBWORDS = Subwords(10, 2, 3)


def counted(*blocks: bytes) -> WordCounts:
    counts = WordCounts(lambda tokens: None)
    for block in blocks:
        counts.add(block)
    return counts


def test_words_and_labels_are_ranked_by_count_and_then_by_appearance():
    counts = counted(b"b a __label__y a\n", b"c b __label__x __label__x\nd\n")
    assert counts.tokens == 12
    found = counts.dictionary(1, SUBWORDS)
    assert found.words == [b"</s>", b"b", b"a", b"c", b"d"] and found.labels == [b"__label__x", b"__label__y"]
    assert found.counts == [3, 2, 2, 1, 1, 2, 1]
    assert (found.tokens, found.subwords) == (12, SUBWORDS)


@pytest.mark.parametrize(("least", "words"), [(0, [b"a", b"b", b"</s>", b"c"]), (2, [b"a", b"b"]), (3, [b"a"])])
def test_rare_words_are_left_out_and_rare_labels_are_not(least, words):
    found = counted(b"a a a b b c __label__x\n").dictionary(least, SUBWORDS)
    assert sorted(found.words) == sorted(words) and found.labels == [b"__label__x"]


def test_an_end_of_line_in_the_text_is_the_same_word():
    assert counted(b"a </s>\nb\n").dictionary(1, SUBWORDS).counts[0] == 3
    assert counted(b"a b").dictionary(1, SUBWORDS).words == [b"a", b"b"]


@pytest.mark.parametrize(
    ("text", "least", "problem"),
    [
        (b"\n\n", 1, "Empty vocabulary: the training channel holds no words"),
        (b"__label__x\n", 0, "Empty vocabulary: the training channel holds no words"),
        (
            b"a a b __label__x __label__x __label__x\n\n\n\n",
            3,
            "of 2 different words the most frequent occurs 2 times, and min_count is 3",
        ),
    ],
)
def test_without_words_it_says_why(text, least, problem):
    with pytest.raises(UserError, match=problem):
        counted(text).dictionary(least, SUBWORDS)


def test_the_rarest_words_are_dropped_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr(vocabulary, "MOST_WORDS", 4)
    full = counted(b"a a b\n")
    assert sorted(full.dictionary(1, SUBWORDS).words) == [b"</s>", b"a", b"b"]
    full.add(b"c c\n")  # exactly full
    assert sorted(full.dictionary(1, SUBWORDS).words) == [b"</s>", b"a", b"b", b"c"]
    full.add(b"d d d e e e\n")
    found = full.dictionary(1, SUBWORDS)
    assert found.words == [b"</s>", b"d", b"e"] and full.tokens == 14
    full.add(b"b\n")
    assert b"b" in full.dictionary(1, SUBWORDS).words


def test_reading_is_reported_at_each_ten_millionth_token(monkeypatch):
    assert vocabulary.REPORT_TOKENS == 10_000_000 and vocabulary.MOST_WORDS == 22_500_000
    monkeypatch.setattr(vocabulary, "REPORT_TOKENS", 5)
    said: list[int] = []
    counts = WordCounts(said.append)
    for block in (b"a b c\n", b"d\n", b"e\n", b"\n", b"f g h i j k l m n o\n"):
        counts.add(block)
    assert said == [6, 20] and counts.tokens == 20


ENTRIES = ["cow", "hay", "é", "À", "東京", *(f"w{n}" for n in range(60))]


def words_of(entries: list[str]) -> tuple[Dictionary, vocabulary.WordTable]:
    dictionary = Dictionary(
        [word.encode() for word in entries], [b"__label__a"], [1] * (len(entries) + 1), 9, Subwords()
    )
    return dictionary, table(dictionary)


def number_of(words: vocabulary.WordTable, text: np.ndarray, begin: int, end: int, hashed: int) -> int:
    """The entry of a part of a text, as compiled code looks it up."""
    return int(find(words, text, begin, end, np.uint32(hashed)))


@pytest.mark.parametrize("entries", [ENTRIES, ENTRIES[:1], ENTRIES[:3]])
def test_each_entry_is_found_by_its_letters_and_nothing_else_is(entries):
    dictionary, words = words_of(entries)
    assert words.words == len(entries)
    for word, number in dictionary.numbers.items():
        text = np.frombuffer(b"<" + word + b">", np.uint8)
        end = len(text) - 1
        assert hash_of(text, 1, end) == hashing.fnv1a(word)
        assert number_of(words, text, 1, end, hashing.fnv1a(word)) == number
        shorter = number_of(words, text, 1, end - 1, hashing.fnv1a(word[:-1]))
        assert shorter == dictionary.numbers.get(word[:-1], -1)
        assert number_of(words, text, 0, len(text), hashing.fnv1a(text.tobytes())) == -1


def test_words_with_the_same_hash_are_told_apart_by_their_letters():
    _, words = words_of(["cow", "hay"])
    text = np.frombuffer(b"hay", np.uint8)
    assert number_of(words, text, 0, 3, hashing.fnv1a(b"cow")) == -1
    assert number_of(words, text, 0, 2, hashing.fnv1a(b"hay")) == -1
