"""How bytes arrive must not matter: streams are cut again before anything reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

PIECE_BYTES = 1 << 20


def pieces(chunks: Iterable[bytes], size: int = PIECE_BYTES) -> Iterator[bytes | memoryview]:
    """Cut a stream into pieces of `size` bytes (the last may be shorter), whatever the sizes of its chunks.

    Holds one piece, and copies none that lies within a chunk. What a reader makes of the pieces is therefore the same
    for every way the bytes may arrive.
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
