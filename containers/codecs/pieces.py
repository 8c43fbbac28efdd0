"""Streams cut into pieces of one size, so that the sizes of arriving chunks cannot change a result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

PIECE_BYTES = 1 << 20


def pieces(chunks: Iterable[bytes], size: int = PIECE_BYTES) -> Iterator[bytes | memoryview]:
    """Cut a stream into pieces of `size` bytes; the last may be shorter.

    The pieces do not depend on the sizes of the chunks. One piece is held, and a piece inside one chunk is not copied.
    """
    held = bytearray()
    for chunk in chunks:
        view = memoryview(chunk)
        while len(held) + len(view) >= size:
            cut = size - len(held)
            yield b"".join((held, view[:cut])) if held else view[:cut]
            view, held = view[cut:], bytearray()
        held += view
    if held:
        yield bytes(held)
