"""Cutting a stream into pieces of one size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wildsage.containers.codecs.pieces import PIECE_BYTES, pieces


@given(st.lists(st.binary(max_size=20)), st.integers(1, 9))
def test_pieces_depend_on_the_bytes_alone(chunks, size):
    whole = b"".join(chunks)
    assert [bytes(piece) for piece in pieces(chunks, size)] == [whole[i : i + size] for i in range(0, len(whole), size)]


def test_a_piece_is_a_megabyte_unless_said_otherwise():
    assert PIECE_BYTES == 1 << 20
    assert [len(piece) for piece in pieces([bytes(PIECE_BYTES), b"1"])] == [PIECE_BYTES, 1]


def test_a_piece_inside_one_chunk_is_not_copied():
    chunk = bytearray(b"abcdef")
    first, second = pieces([chunk], 3)
    chunk[0] = chunk[3] = ord("x")
    assert (bytes(first), bytes(second)) == (b"xbc", b"xef")
