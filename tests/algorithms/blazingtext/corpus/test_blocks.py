"""Blocks of whole lines: where they end, whatever the pieces of the stream."""

import pytest

from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.blazingtext.corpus import blocks

MEBIBYTE = 1 << 20
LIMITS = blocks.BLOCK_BYTES, blocks.LONGEST_LINE_BYTES


def test_blocks_fit_into_a_cache_and_lines_are_bounded():
    assert LIMITS == (MEBIBYTE // 4, 16 * MEBIBYTE)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Blocks of ten bytes, and lines of at most thirty."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 10)
    monkeypatch.setattr(blocks, "LONGEST_LINE_BYTES", 30)


def cut(text: bytes, cut_long_lines: bool = False, size: int = 1) -> list[bytes]:
    return list(blocks.whole_lines((text[i : i + size] for i in range(0, len(text), size)), cut_long_lines))


@pytest.mark.parametrize("size", [1, 3, 10, 100])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"ab", [b"ab\n"]),
        (b"ab\n", [b"ab\n"]),
        (b"123456789\n", [b"123456789\n"]),
        (b"12345678\n0\n", [b"12345678\n", b"0\n"]),
        (b"12345678\n0", [b"12345678\n", b"0\n"]),
        (b"1234\n6789\n1\n", [b"1234\n6789\n", b"1\n"]),
        (b"1\n2\n3\n4\n5\n6", [b"1\n2\n3\n4\n5\n", b"6\n"]),
        (b"1\n" + b"x" * 15 + b"\n2\n", [b"1\n", b"x" * 15 + b"\n", b"2\n"]),
        (b"\n" * 12, [b"\n" * 10, b"\n" * 2]),
    ],
)
def test_blocks_end_with_the_last_line_that_fits(text, expected, size):
    assert cut(text, size=size) == expected


@pytest.mark.parametrize("size", [1, 4, 100])
def test_long_lines_are_cut_between_words_where_they_may_be(size):
    assert cut(b"one two three four five\nsix\n", True, size) == [b"one two ", b"three ", b"four five\n", b"six\n"]
    assert cut(b" 123456789 b\n", True, size) == [b" ", b"123456789 ", b"b\n"]
    assert cut(b"a\none two three\n", True, size) == [b"a\n", b"one two ", b"three\n"]


def test_a_word_that_is_longer_than_a_block_is_named_by_its_line():
    with pytest.raises(BadRecord) as raised:
        cut(b"a\nb\nc d e f g h\nlongerthanten\n", True)
    assert (raised.value.row, raised.value.problem) == (
        4,
        "a word of more than 10 bytes, expected words with spaces between them.",
    )
    assert cut(b"nineletter\n"[1:], True) == [b"ineletter\n"]


def test_a_line_may_be_as_long_as_the_bound_and_no_longer(monkeypatch):
    assert cut(b"x" * 30 + b"\n") == [b"x" * 30 + b"\n"]
    monkeypatch.setattr(blocks, "LONGEST_LINE_BYTES", 1 << 20)
    with pytest.raises(BadRecord) as raised:
        cut(b"a\n\n" + b"x" * (1 << 20) + b"yz", size=1 << 16)
    assert (raised.value.row, raised.value.problem) == (
        3,
        "longer than 1 MiB, expected one labelled text in each line.",
    )
