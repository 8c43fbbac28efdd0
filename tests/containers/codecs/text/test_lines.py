"""Blocks of whole lines from chunks of any size, in any charset."""

from __future__ import annotations

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.pieces import PIECE_BYTES
from wildsage.containers.codecs.text.lines import as_utf8, blocks_of_lines


def test_blocks_end_at_line_ends_and_hold_every_byte():
    text = b"".join(b"%d\n" % number for number in range(400_000)) + b"last"
    blocks = list(blocks_of_lines(text[i : i + 70_000] for i in range(0, len(text), 70_000)))
    assert b"".join(blocks) == text
    assert len(blocks) > 1
    assert all(block.endswith(b"\n") and len(block) <= PIECE_BYTES + 10 for block in blocks[:-1])


def test_a_line_longer_than_a_piece_stays_whole():
    line = b"7" * (3 * PIECE_BYTES)
    assert list(blocks_of_lines([b"1\n", line, b"\n2"])) == [b"1\n", line + b"\n2"]


def test_a_byte_order_mark_is_dropped_once():
    assert list(blocks_of_lines([b"\xef\xbb\xbf1\n", b"\xef\xbb\xbf2"])) == [b"1\n\xef\xbb\xbf2"]


def test_another_charset_is_recoded_however_it_is_cut():
    encoded = "é;1\n".encode("utf-16")
    assert b"".join(as_utf8([encoded[i : i + 1] for i in range(len(encoded))], "UTF-16")) == "é;1\n".encode()


@pytest.mark.parametrize(
    "charset", ["klingon", "rot13", "base64", "punycode", "utf-7", "idna", "unicode_escape", "", "utf-8\0"]
)
def test_what_is_not_a_charset_of_texts_is_an_error(charset):
    with pytest.raises(UserError, match="is not read, expected utf-8"):
        as_utf8([b""], charset)


def test_bytes_outside_their_charset_are_rejected():
    for wrong in (b"abc", b"a\x00\x00", b"\x00\xd8"):  # the last two end within a character
        with pytest.raises(UserError, match="not in charset utf-16-le"):
            list(as_utf8([wrong], "utf-16-le"))


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "ascii", "utf-8-sig"])
def test_utf8_passes_unchanged_so_that_its_reader_can_name_a_wrong_row(charset):
    chunks = [b"1,\xff2\n"]
    assert as_utf8(chunks, charset) is chunks


@pytest.mark.parametrize("charset", ["latin-1", "windows-1252", "cp037", "gb18030", "shift_jis", "utf-32-be", "koi8-r"])
def test_other_charsets_are_recoded(charset):
    assert b"".join(as_utf8(["1,2\n".encode(charset)], charset)) == b"1,2\n"


def test_nothing_gives_no_block():
    assert list(blocks_of_lines([])) == list(blocks_of_lines([b"", b"\xef\xbb\xbf"])) == []
