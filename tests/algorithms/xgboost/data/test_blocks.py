"""Blocks of whole lines, whatever the pieces of the stream."""

import pytest

from wildsage.algorithms.xgboost.data.blocks import whole_lines


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("text", [b"", b"a", b"a\n", b"ab\ncd\n\nefg", b"\n\n\n", b"long line without end" * 3])
def test_blocks_are_the_text_cut_behind_line_ends(text, size):
    blocks = list(whole_lines((text[i : i + size] for i in range(0, len(text), size)), 4))
    assert b"".join(blocks) == text and all(blocks)
    assert all(block.endswith(b"\n") for block in blocks[:-1])


@pytest.mark.parametrize(
    ("pieces", "blocks"),
    [
        ([b"a\n", b"b\n", b"c\n"], [b"a\nb\n", b"c\n"]),
        ([b"abc\n", b"d\n"], [b"abc\n", b"d\n"]),
        ([b"abcd", b"ef\ngh", b"i\nj"], [b"abcdef\n", b"ghi\n", b"j"]),
        ([b"a\nb", b"c", b"d\ne"], [b"a\nbcd\n", b"e"]),
        ([b"abc", b"\n"], [b"abc\n"]),
    ],
)
def test_a_block_ends_with_the_piece_that_fills_it(pieces, blocks):
    """Each takes four bytes or more; what follows the last line end belongs to the next."""
    assert list(whole_lines(pieces, 4)) == blocks


def test_what_is_left_of_a_block_counts_for_the_next():
    assert list(whole_lines([b"aaaa\nb", b"c\n", b"dd\n", b"e\n"], 6)) == [b"aaaa\n", b"bc\ndd\n", b"e\n"]
