"""Text → numbers in one pass over its bytes. See docs/decisions/0017-loops-that-read-text.md.

This is the source of `loops.ll`, which scripts/text_loops.py writes anew after each change; jobs and endpoints use that file alone.
numba compiles these functions as it would in C: arrays come as addresses, without their sizes.

They read what is usual and give up on everything else: a whole block is then left to Arrow, which reads it or says what is wrong.
What they read is, bit by bit, what Arrow makes of it: the float32 that is nearest to the decimal.

Axes: n rows · k leading columns, such as the label · d features · z stored values
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.compiled import exact
from wildsage.algorithms.base.float32 import BEYOND

Bytes: TypeAlias = NDArray[np.uint8]
Singles: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Indices: TypeAlias = NDArray[np.int32]

TAB, LINE_END, VERTICAL_TAB, FORM_FEED, RETURN, SPACE = 9, 10, 11, 12, 13, 32
PLUS, MINUS, POINT, ZERO, COLON, EXPONENT = ord("+"), ord("-"), ord("."), ord("0"), ord(":"), ord("e")
QID = (ord("q"), ord("i"), ord("d"), COLON)
LOWER_CASE = 32
GIVEN_UP = -1

POWERS = np.array([float(f"1e{power}") for power in range(61)])
"""Powers of ten, each the nearest double."""
MAX_POWER, EXACT_POWER, BIG_POWER = 60, 12, 10_000
ROOM = np.uint64(10**18)
"""A mantissa below takes another digit. Digits after that are worth less than a 2^-59th of it, and only move the point."""
EXACT_MANTISSA = np.uint64(2**53)
HIDDEN_BITS, HALF, DOUBT = np.int64(2**29 - 1), np.int64(2**28), np.int64(8)
"""The 29 bits of a double that a float32 lacks, where they mean half, and how many of the last ones may be wrong."""
SMALLEST = 2.0**-126
"""float32 has fewer bits below."""
MAX_INDEX, MAX_INDEX_DIGITS, MAX_GROUP_DIGITS = 2**31 - 1, 10, 18


@exact
def _bits(value: float) -> np.int64:
    return np.float64(value).view(np.int64)


@exact
def _nearest(mantissa: np.uint64, power: int) -> float:
    """The float32 nearest to mantissa · 10^power, as a double; NaN where that is not certain.

    A double after three roundings and with digits left out is less than 4 units in the last place off. Unless it lies so close to
    the middle of two float32, rounding it gives the nearest. In the middle it is exact if multiplying by the power, which takes no
    more than 53 bits, gives the mantissa back [Clinger 1990, doi:10.1145/93542.93557].
    """
    if mantissa == 0:
        return 0.0
    if power < -MAX_POWER or power > MAX_POWER:
        return np.nan
    value = mantissa / POWERS[-power] if power < 0 else mantissa * POWERS[power]
    if not SMALLEST <= value < BEYOND:
        return np.nan
    if abs((_bits(value) & HIDDEN_BITS) - HALF) <= DOUBT:
        few_bits = mantissa <= EXACT_MANTISSA and -EXACT_POWER <= power <= 0
        if not few_bits or value * POWERS[-power] != mantissa:
            return np.nan
    return value


@exact
def _exponent(text: Bytes, place: int) -> tuple[int, int]:
    """The whole number after an `e`, and the place after it, or GIVEN_UP."""
    negative = text[place] == MINUS
    if negative or text[place] == PLUS:
        place += 1
    first = place
    power = 0
    digit = np.uint8(text[place] - ZERO)
    while digit < 10:
        power = min(power * 10 + int(digit), BIG_POWER)
        place += 1
        digit = np.uint8(text[place] - ZERO)
    return (-power if negative else power), (place if place > first else GIVEN_UP)


@exact
def _digits(text: Bytes, place: int, mantissa: np.uint64) -> tuple[np.uint64, int, int]:
    """The mantissa with the digits from `place` on, how many did not fit into it, and the place after them."""
    dropped = 0
    digit = np.uint8(text[place] - ZERO)
    while digit < 10:
        if mantissa < ROOM:
            mantissa = mantissa * np.uint64(10) + np.uint64(digit)
        else:
            dropped += 1
        place += 1
        digit = np.uint8(text[place] - ZERO)
    return mantissa, dropped, place


@exact
def _number(text: Bytes, place: int) -> tuple[np.float32, int]:
    """The number that starts at `place`, and the place after it, or GIVEN_UP."""
    negative = text[place] == MINUS
    if negative or text[place] == PLUS:
        place += 1
    first = place
    mantissa, power, place = _digits(text, place, np.uint64(0))
    digits = place - first
    if text[place] == POINT:
        first = place + 1
        mantissa, dropped, place = _digits(text, first, mantissa)
        digits += place - first
        power -= place - first - dropped
    if digits and text[place] | LOWER_CASE == EXPONENT:
        more, place = _exponent(text, place + 1)
        power += more
    value = _nearest(mantissa, power)
    if digits == 0 or np.isnan(value):
        return np.float32(0), GIVEN_UP
    return np.float32(-value if negative else value), place


@exact
def _after_blanks(text: Bytes, place: int, delimiter: int) -> int:
    while (text[place] == SPACE or text[place] == TAB) and text[place] != delimiter:
        place += 1
    return place


@exact
def csv(
    text: Bytes, size: int, delimiter: int, first_kn: Singles, rest_nd: Singles, leading: int, most: int, width: int
) -> int:
    """Read lines of numbers, the last with its end: k = `leading` columns to `first_kn`, the others to `rest_nd`.

    An empty field is NaN. There is room for n = `most` rows of `width` = k + d columns. Returns the number of rows without blank
    lines; or GIVEN_UP.
    """
    place, row, column = 0, 0, 0
    while place < size:
        if column == 0 and (text[place] == LINE_END or (text[place] == RETURN and text[place + 1] == LINE_END)):
            place += 1 + (text[place] == RETURN)
            continue
        value = np.float32(np.nan)
        if text[place] != delimiter and text[place] != LINE_END and text[place] != RETURN:
            value, place = _number(text, _after_blanks(text, place, delimiter))
            if place == GIVEN_UP:
                return GIVEN_UP
            place = _after_blanks(text, place, delimiter)
        if column == width:
            return GIVEN_UP
        if column < leading:
            first_kn[column * most + row] = value
        else:
            rest_nd[row * (width - leading) + column - leading] = value
        column += 1
        if text[place] == RETURN and text[place + 1] == LINE_END:
            place += 1
        if text[place] == LINE_END:
            if column != width:
                return GIVEN_UP
            row += 1
            column = 0
        elif text[place] != delimiter:
            return GIVEN_UP
        place += 1
    return row


@exact
def _is_space(byte: int) -> bool:
    return byte in (SPACE, TAB, VERTICAL_TAB, FORM_FEED, RETURN)


@exact
def _after_spaces(text: Bytes, place: int) -> int:
    while _is_space(text[place]):
        place += 1
    return place


@exact
def _whole(text: Bytes, place: int, max_digits: int) -> tuple[int, int]:
    """The digits that start at `place`, and the place after them, or GIVEN_UP."""
    number, first = 0, place
    digit = np.uint8(text[place] - ZERO)
    while digit < 10 and place - first < max_digits:
        number = number * 10 + int(digit)
        place += 1
        digit = np.uint8(text[place] - ZERO)
    return number, (place if place > first else GIVEN_UP)


@exact
def _begins_group(text: Bytes, place: int) -> bool:
    for offset in range(len(QID)):  # noqa: SIM110 - numba compiles no generator within `all`
        if text[place + offset] != QID[offset]:  # a line end comes before the end of the text
            return False
    return True


@exact
def _before_features(
    text: Bytes, place: int, row: int, labels_n: Singles, weights_n: Singles, groups_n: Integers
) -> tuple[int, bool, bool]:
    """Read `label[:weight] [qid:q]`: the place after it, or GIVEN_UP, and whether there are a weight and a group."""
    labels_n[row], place = _number(text, place)
    weighted = place != GIVEN_UP and text[place] == COLON
    if weighted:
        weights_n[row], place = _number(text, place + 1)
    if place == GIVEN_UP or not (_is_space(text[place]) or text[place] == LINE_END):
        return GIVEN_UP, False, False
    after = _after_spaces(text, place)
    grouped = _begins_group(text, after)
    if grouped:
        groups_n[row], place = _whole(text, after + len(QID), MAX_GROUP_DIGITS)
        if place == GIVEN_UP or not (_is_space(text[place]) or text[place] == LINE_END):
            return GIVEN_UP, False, False
    return place, weighted, grouped


@exact
def libsvm(
    text: Bytes,
    size: int,
    labels_n: Singles,
    weights_n: Singles,
    groups_n: Integers,
    starts_n: Integers,
    columns_z: Indices,
    values_z: Singles,
    found_3: Integers,
) -> int:
    """Read lines of LIBSVM, the last with its end, to the arrays of a CSR matrix; `starts_n` has n + 1 places.

    Returns the number of rows without blank lines, or GIVEN_UP. To `found_3` go the width d, and 1 or 0 for whether rows have
    weights and whether they have groups.
    """
    place, row, stored, width = 0, 0, 0, 0
    weights, groups = False, False
    starts_n[0] = 0
    while place < size:
        place = _after_spaces(text, place)
        if text[place] == LINE_END:
            place += 1
            continue
        place, weighted, grouped = _before_features(text, place, row, labels_n, weights_n, groups_n)
        if place == GIVEN_UP or (row and (weighted != weights or grouped != groups)):
            return GIVEN_UP
        weights, groups = weighted, grouped
        place = _after_spaces(text, place)
        while text[place] != LINE_END:
            column, place = _whole(text, place, MAX_INDEX_DIGITS)
            if place == GIVEN_UP or text[place] != COLON or column > MAX_INDEX:
                return GIVEN_UP
            values_z[stored], place = _number(text, place + 1)
            if place == GIVEN_UP or not (_is_space(text[place]) or text[place] == LINE_END):
                return GIVEN_UP
            columns_z[stored] = column
            width = max(width, column + 1)
            stored += 1
            place = _after_spaces(text, place)
        row += 1
        starts_n[row] = stored
        place += 1
    found_3[0], found_3[1], found_3[2] = width, weights, groups
    return row
