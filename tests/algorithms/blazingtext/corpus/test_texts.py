"""Lines as rows and labels, against the plain dictionary of fastText's models."""

import random

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.blazingtext.corpus.texts import is_space, parse
from wildsage.algorithms.blazingtext.corpus.vocabulary import table
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords, tokens_of

WORDS, LABELS = [b"</s>", b"cow", b"hay", "é".encode()], [b"__label__a", b"__label__"]
TOKENS = [*WORDS, *LABELS, b"moon", b"moonlight", b"moonlights", b"__label__unknown", b"__label", b"_"]


def lines_of(text: bytes, words: list[bytes], buckets: int, longest: int, labels: list[bytes] = LABELS) -> None:
    """Compare every line with what a model selects for it."""
    counts = [1] * (len(words) + len(labels))
    dictionary = Dictionary(words, labels, counts, 9, Subwords(buckets if longest > 1 else 0, word_ngrams=longest))
    found = parse(np.frombuffer(text, np.uint8), table(dictionary), buckets, longest)
    rows = np.split(found.rows, found.row_ends[:-1])
    of_lines = np.split(found.labels, found.label_ends[:-1])
    lines = text.split(b"\n")[:-1]
    assert len(found.tokens) == len(found.row_ends) == len(lines)
    for number, line in enumerate(lines):
        assert rows[number].tolist() == dictionary.rows_of_line(line), line
        assert of_lines[number].tolist() == [labels.index(token) for token in tokens_of(line) if token in labels]
        assert found.tokens[number] == len(tokens_of(line)) + 1


@pytest.mark.parametrize("longest", [1, 2, 3, 5])
@pytest.mark.parametrize("words", [WORDS, WORDS[1:]], ids=["with the end of the line", "without"])
def test_lines_select_what_a_model_selects(words, longest):
    rng = random.Random(longest)
    spaces = [b" ", b"\t", b"\0", b"\r", b"\x0b", b"\x0c", b"  "]
    text = b"".join(
        b"".join(rng.choice(TOKENS) + rng.choice(spaces) for _ in range(rng.randrange(7)))
        + rng.choice([b"", b"cow"])
        + b"\n"
        for _ in range(60)
    )
    lines_of(text, words, 1000, longest)


@pytest.mark.parametrize("text", [b"\n", b"\n\n", b"cow\n", b" cow \n", b"__label__a\n", b"cow hay cow hay cow\n"])
def test_short_blocks_are_read(text):
    lines_of(text, WORDS, 7, 3)


def test_an_unknown_label_is_not_a_word_even_without_a_name():
    lines_of(b"cow __label__ hay __label__b moon\n", WORDS, 1000, 3, LABELS[:1])


def test_spaces_are_those_of_fasttext():
    assert [byte for byte in range(256) if is_space(byte)] == [0, 9, 10, 11, 12, 13, 32]
