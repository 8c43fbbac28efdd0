"""Text streams: cut at line ends, and converted to UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.pieces import pieces

UTF8_MARK = codecs.BOM_UTF8


def blocks_of_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream into blocks of whole lines, about a megabyte each. The last line may lack its end.

    Two blocks are held, or the longest line if it is longer. A UTF-8 byte order mark at the start is dropped.
    """
    whole = b""
    held: list[bytes] = []
    for index, piece in enumerate(pieces(chunks)):
        text = bytes(piece).removeprefix(UTF8_MARK) if index == 0 else bytes(piece)
        end = text.rfind(b"\n") + 1
        if end:
            if whole:
                yield whole
            whole = b"".join((*held, text[:end]))
            held = []
        held.append(text[end:])
    last = b"".join((whole, *held))
    if last:
        yield last


def as_utf8(chunks: Iterable[bytes], charset: str) -> Iterable[bytes]:
    """Convert a stream to UTF-8. Raises UserError for an unknown charset, and for bytes that are invalid in it.

    UTF-8 passes unchanged, because its reader can name the row of a wrong byte.
    """
    try:
        "".encode(charset)  # codecs.lookup alone would also accept codecs that are not charsets
        codec = codecs.lookup(charset)
    except (LookupError, ValueError):
        raise UserError(
            f"Charset {charset!r} is unknown, expected utf-8 or another that Python's codecs name."
        ) from None
    return chunks if codec.name in ("utf-8", "ascii", "utf-8-sig") else _recoded(chunks, codec)


def _recoded(chunks: Iterable[bytes], codec: codecs.CodecInfo) -> Iterator[bytes]:
    decoder = codec.incrementaldecoder()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise UserError(f"The body is not in charset {codec.name}: {error}.") from None
