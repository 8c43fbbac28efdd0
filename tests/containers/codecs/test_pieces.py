"""Cutting a stream into pieces of one size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wildsage.containers.codecs.pieces import pieces


@given(st.lists(st.binary(max_size=20)), st.integers(1, 9))
def test_pieces_depend_on_the_bytes_alone(chunks, size):
    whole = b"".join(chunks)
    assert [bytes(piece) for piece in pieces(chunks, size)] == [whole[i : i + size] for i in range(0, len(whole), size)]
