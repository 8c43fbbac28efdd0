"""Whole numbers in text from outside: headers, queries, sizes of chunks, parameters of media types."""

from __future__ import annotations

LARGEST = 2**63 - 1
"""The largest number that is read: no size, count or position of a client is larger."""

MOST_DIGITS = 19
DIGITS = {10: frozenset("0123456789"), 16: frozenset("0123456789abcdefABCDEF")}


def whole_number(text: str, *, most: int = LARGEST, base: int = 10) -> int:
    """Read 1 to 19 ASCII digits as a number from 0 to `most`. `base` is 10 or 16.

    `int` takes more: signs, blanks, underscores, prefixes, digits of other scripts, and texts of any length, whose cost grows
    with the square of their length. Raises ValueError for all of these and for a number above `most`.

    >>> whole_number("12"), whole_number("ff", base=16)
    (12, 255)
    >>> whole_number("-5", base=16)
    Traceback (most recent call last):
        ...
    ValueError: got '-5', expected a whole number from 0 to 9223372036854775807
    """
    if 0 < len(text) <= MOST_DIGITS and DIGITS[base].issuperset(text) and (number := int(text, base)) <= most:
        return number
    raise ValueError(f"got {shortened(text)}, expected a whole number from 0 to {most}")


def shortened(text: str, most: int = 40) -> str:
    """A text from outside as a message shows it: quoted, without control characters, its length limited."""
    return repr(text) if len(text) <= most else f"{text[:most]!r} and {len(text) - most} characters more"
