"""Text from outside, made safe for a terminal and a log."""

from __future__ import annotations

import re

CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
COLOUR = re.compile(r"(\x1b\[[0-9;]{0,20}m)")


def printable(text: str, *, colours: bool = False) -> str:
    """The text on one line, with control characters as `\\x1b`: ends of lines, terminal codes, changes of writing direction.

    Terminal codes could move the cursor, set a title or write over lines above. Halves of surrogate pairs, as names of files may
    have, cannot be encoded. Tabs stay; so do codes that only set colours
    if `colours` is true.

    >>> printable("GET /a\\nGET /b")
    'GET /a\\\\x0aGET /b'
    """
    if colours:
        return "".join(part if COLOUR.fullmatch(part) else printable(part) for part in COLOUR.split(text))
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if found[0].isascii() else ascii(found[0])[1:-1], text)


def printable_lines(text: str) -> str:
    """As `printable`, for text of several lines: their ends stay.

    >>> printable_lines("k: missing\\nsize: \\x1b[2J")
    'k: missing\\nsize: \\\\x1b[2J'
    """
    return "\n".join(printable(line) for line in text.split("\n"))
