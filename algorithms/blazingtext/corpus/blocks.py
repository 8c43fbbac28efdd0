"""A channel's bytes in blocks of whole lines. Where a block ends depends on the text alone, not on how its bytes arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wildsage.algorithms.base.errors import BadRecord

BLOCK_BYTES = 1 << 18
LONGEST_LINE_BYTES = 1 << 24


def whole_lines(chunks: Iterable[bytes], cut_long_lines: bool) -> Iterator[bytes]:
    """Blocks of about `BLOCK_BYTES` that end with a line, the last one always with a line end.

    A longer line is cut between two words if `cut_long_lines`; else it is a block of its own. Raises BadRecord for a line or
    a word that is too long.
    """
    lines = 0
    text = b""
    for chunk in chunks:
        text += chunk
        while (size := _block_size(text, cut_long_lines, lines)) is not None:
            yield text[:size]
            lines += text.count(b"\n", 0, size)
            text = text[size:]
    if text:
        yield text if text.endswith(b"\n") else text + b"\n"


def _block_size(text: bytes, cut_long_lines: bool, lines_before: int) -> int | None:
    """The size of the first block; None while more text is needed to tell."""
    if len(text) < BLOCK_BYTES:
        return None
    if end := text.rfind(b"\n", 0, BLOCK_BYTES) + 1:
        return end
    if cut_long_lines:
        if end := text.rfind(b" ", 0, BLOCK_BYTES) + 1:
            return end
        raise BadRecord(
            lines_before + 1, f"a word of more than {BLOCK_BYTES} bytes, expected words with spaces between them."
        )
    if end := text.find(b"\n", BLOCK_BYTES) + 1:
        return end
    if len(text) > LONGEST_LINE_BYTES:
        raise BadRecord(
            lines_before + 1, f"longer than {LONGEST_LINE_BYTES >> 20} MiB, expected one labelled text in each line."
        )
    return None
