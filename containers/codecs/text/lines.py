"""Text streams: cut at line ends, and converted to UTF-8."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.pieces import pieces
from wildsage.containers.contract.whole_number import shortened

UTF8_MARK = codecs.BOM_UTF8

CHARSETS = re.compile(
    r"ascii|utf-8(-sig)?|utf-(16|32)(-[bl]e)?|(iso8859|koi8|mac)-\w+|(cp|ptcp)\d+|tis-620|hp-roman8"
    r"|gb2312|gbk|gb18030|big5(hkscs)?|shift_jis\w*|euc_\w+|johab"
)
"""Names of codecs that are charsets of texts and whose cost grows with the text's length: that of punycode with its square."""


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
        codec = codecs.lookup(charset)
    except (LookupError, ValueError):
        codec = None
    if codec is None or not CHARSETS.fullmatch(codec.name):
        raise UserError(f"Charset {shortened(charset)} is not read, expected utf-8, latin-1, windows-1252 or the like.")
    return chunks if codec.name in ("utf-8", "ascii", "utf-8-sig") else _recoded(chunks, codec)


def _recoded(chunks: Iterable[bytes], codec: codecs.CodecInfo) -> Iterator[bytes]:
    decoder = codec.incrementaldecoder()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise UserError(f"The body is not in charset {codec.name}: {error}.") from None
