"""Which rows a word and a line select."""

import pytest

from wildsage.algorithms.blazingtext.fasttext import hashing
from wildsage.algorithms.blazingtext.fasttext.dictionary import (
    END_OF_LINE,
    LONGEST_NGRAM,
    Dictionary,
    Subwords,
    tokens_of,
)

WORDS, LABELS = [b"</s>", b"cow", b"hay"], [b"__label__a", b"__label__b"]
BUCKETS = 1000


WHOLE_WORDS = Subwords()


def dictionary(subwords: Subwords = WHOLE_WORDS, words=WORDS, kept=None) -> Dictionary:
    return Dictionary(words, LABELS, [5, 4, 3, 2, 1][: len(words) + 2], 20, subwords, kept)


def rows(hashes, words: int = 3) -> list[int]:
    return [words + found % BUCKETS for found in hashes]


def test_words_select_their_own_rows_alone_unless_more_is_said():
    assert Subwords() == Subwords(buckets=0, shortest=0, longest=0, word_ngrams=1)
    assert LONGEST_NGRAM == 255


def test_words_come_first_and_then_labels():
    found = dictionary()
    assert found.numbers == {b"</s>": 0, b"cow": 1, b"hay": 2, b"__label__a": 3, b"__label__b": 4}
    assert found.label_counts == [2, 1]


def test_a_known_word_has_its_row_and_an_unknown_one_none():
    found = dictionary()
    assert [found.rows_of_word(word) for word in (b"cow", b"</s>", b"moon", b"__label__a")] == [[1], [0], [], []]


@pytest.mark.parametrize("subwords", [Subwords(BUCKETS, 2, 4), Subwords(BUCKETS, 2, 4, 3)])
def test_a_word_has_the_rows_of_its_ngrams_too(subwords):
    found = dictionary(subwords)
    for word, own in ((b"cow", [1]), (b"moon", [])):
        assert found.rows_of_word(word) == own + rows(hashing.character_ngrams(word, 2, 4))
    assert found.rows_of_word(END_OF_LINE) == [0]


@pytest.mark.parametrize("subwords", [Subwords(0, 2, 4), Subwords(BUCKETS, 2, 0)])
def test_without_buckets_or_a_length_there_are_no_ngrams(subwords):
    assert dictionary(subwords).rows_of_word(b"cow") == [1]


def test_a_line_selects_its_words_and_its_end_without_labels():
    found = dictionary()
    assert found.rows_of_line(b"hay __label__a cow moon __label__unknown hay") == [2, 1, 2, 0]
    assert found.rows_of_line(b"") == [0]
    assert dictionary(words=WORDS[1:]).rows_of_line(b"cow") == [0]


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_word_ngrams_are_those_of_all_words_unknown_ones_and_the_end_too(ngrams):
    found = dictionary(Subwords(BUCKETS, word_ngrams=ngrams)).rows_of_line(b"hay __label__b moon cow")
    hashes = [hashing.fnv1a(word) for word in (b"hay", b"moon", b"cow", END_OF_LINE)]
    assert found == [2, 1, 0, *rows(hashing.word_ngrams(hashes, ngrams))]
    assert len(found) == 3 + (0, 3, 5)[ngrams - 1]


def test_word_ngrams_need_buckets():
    assert dictionary(Subwords(0, word_ngrams=3)).rows_of_line(b"hay cow") == [2, 1, 0]


def test_pruned_buckets_have_new_numbers_or_are_left_out():
    whole = dictionary(Subwords(BUCKETS, 2, 4)).rows_of_word(b"cow")
    buckets = [row - 3 for row in whole[1:]]
    kept = {buckets[0]: 7, buckets[2]: 0}
    assert dictionary(Subwords(BUCKETS, 2, 4), kept=kept).rows_of_word(b"cow") == [1, 3 + 7, 3 + 0]


def test_tokens_end_at_white_space_of_ascii_and_at_nul():
    assert tokens_of(b" a\tb\0c\r\nd\x0be\x0cf\xc2\xa0g ") == [b"a", b"b", b"c", b"d", b"e", b"f\xc2\xa0g"]
    assert tokens_of(b" \0\n") == []
