"""A stream in blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def whole_lines(chunks: Iterable[bytes], block_bytes: int) -> Iterator[bytes]:
    """The stream in blocks of whole lines, each about `block_bytes` long."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= block_bytes and b"\n" in chunk:
            text = b"".join(held)
            end = text.rfind(b"\n") + 1
            yield text[:end]
            held, size = [text[end:]], len(text) - end
    if rest := b"".join(held):
        yield rest
