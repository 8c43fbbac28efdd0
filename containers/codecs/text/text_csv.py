"""text/csv: numbers between commas, one row per line, no header (contract: formats, sections 3 and 6).

Axes: n rows · c columns of a line, labels first
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import orjson
import torch
from numpy.typing import NDArray

from wildsage.algorithms.base.algorithm import Columns
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.float32 import BEYOND, EXPECTED, rounded
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.text.lines import blocks_of_lines
from wildsage.containers.codecs.text.predictions import predictions

WHOLE = b"0123456789,\n"
PLAIN = b"+-.eE\r "
EXACT_DIGITS = 15  # a double holds every whole number of so many digits
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def decode(chunks: Iterable[bytes], *, label_size: int) -> Iterator[Batch]:
    """Read rows from UTF-8 text in chunks of any size, about a megabyte of lines at a time.

    The first `label_size` columns are labels. Numbers are read as doubles and rounded to float32. Blank lines, CRLF,
    a byte order mark, quoted numbers and a missing last line end are accepted. Raises BadRecord for a field that is empty,
    not a number (as in a header) or beyond float32, and for a row of another length; its row counts lines that are not
    blank.
    """
    first_row, width = 1, None
    for block in blocks_of_lines(chunks):
        table_nc = _plain_numbers(block)
        if table_nc is None:
            table_nc = _careful_numbers(block, first_row, width)
        if not len(table_nc):
            continue
        width = width or _checked_width(table_nc.shape[1], label_size)
        if table_nc.shape[1] != width:
            raise _ragged(first_row, table_nc.shape[1], width)
        try:
            table = rounded(table_nc)
        except FloatingPointError:
            _careful_numbers(block, first_row, width)  # raises, and shows the field as it stands there
            raise  # mutants: equivalent: the line above has raised
        yield _batch(table, label_size)
        first_row += len(table_nc)


def _batch(table_nc: NDArray[np.float32], label_size: int) -> Batch:
    table = torch.from_numpy(table_nc)
    return Batch(table[:, label_size:], table[:, :label_size] if label_size else None)


def _plain_numbers(block: bytes) -> NDArray[np.float64] | None:
    """Read lines of plain numbers, all fields at once. The result is exact, except that `-0` becomes 0.

    Return None for lines with anything else, valid or not; `_careful_numbers` then reads them.
    """
    unusual = block.translate(None, WHOLE)
    lines = (block.replace(b"\r\n", b"\n") if b"\r" in unusual else block).strip(b"\n")
    if unusual.translate(None, PLAIN) or b"\r" in lines:
        return None
    if b"\n" not in lines and unusual.translate(None, b"\r"):
        row_c = _decimals(lines)
        return None if row_c is None or not len(row_c) else row_c[None]
    text = np.frombuffer(lines + b"\n", np.uint8)
    ends_z = np.flatnonzero((text == ord(",")) | (text == ord("\n")))
    widths = np.diff(np.flatnonzero(text[ends_z] == ord("\n")), prepend=-1)
    if (widths != widths[0]).any():
        return None
    flat = _decimals(lines) if unusual.translate(None, b"\r") else _whole_numbers(text, ends_z)
    return None if flat is None else flat.reshape(len(widths), widths[0])


def _whole_numbers(text: NDArray[np.uint8], ends_z: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Read fields of digits alone, such as pixels: one digit of every field at a time, the last first."""
    digits_z = np.diff(ends_z, prepend=-1) - 1
    if digits_z.min() < 1 or digits_z.max() > EXACT_DIGITS:
        return None
    numbers_z = (text[ends_z - 1] - ord("0")).astype(np.float64)
    for place in range(1, int(digits_z.max())):
        longer = np.flatnonzero(digits_z > place)
        numbers_z[longer] += (text[ends_z[longer] - 1 - place] - ord("0")) * 10.0**place
    return numbers_z


def _decimals(lines: bytes) -> NDArray[np.float64] | None:
    """Read any other fields as one JSON array, because orjson is several times faster than NumPy on text."""
    try:
        numbers = orjson.loads(b"[" + lines.replace(b"\n", b",") + b"]")
        return np.fromiter(numbers, np.float64, len(numbers))
    except orjson.JSONDecodeError:
        return None


def _careful_numbers(block: bytes, first_row: int, width: int | None) -> NDArray[np.float64]:
    """Read field by field: quotes, words such as `nan`, and blank lines. Raises BadRecord that says what is wrong."""
    rows: list[list[float]] = []
    for line in block.split(b"\n"):
        row = first_row + len(rows)
        text = _text(line.removesuffix(b"\r"), row)
        if not text.strip():
            continue
        fields = _fields(text, row)
        numbers = [_number(field, row, column, fields) for column, field in enumerate(fields, start=1)]
        width = width or len(numbers)
        if len(numbers) != width:
            raise _ragged(row, len(numbers), width)
        rows.append(numbers)
    return np.array(rows, np.float64).reshape(len(rows), width or 0)


def _fields(text: str, row: int) -> list[str]:
    try:
        return next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
    except csv.Error as error:
        raise BadRecord(row, f"quotes do not match up ({error}).") from None


def _text(line: bytes, row: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        problem = f"byte 0x{line[error.start]:02x} at position {error.start + 1} is not UTF-8"
        raise BadRecord(row, f"{problem}; name another encoding as in text/csv; charset=latin-1.") from None


def _number(field: str, row: int, column: int, fields: Sequence[str]) -> float:
    """Read a number as Python does, but reject underscores, digits beyond ASCII and numbers that float32 cannot hold."""
    try:
        number = float(field) if field.isascii() and "_" not in field else None
    except ValueError:
        number = None
    shown = field.strip()[:40]
    if number is None:
        got = f"got {shown!r}" if shown else "empty"
        raise BadRecord(row, f"column {column}: {got}, expected a number{_advice(field, row, fields)}.")
    if abs(number) >= BEYOND and any(character.isdigit() for character in shown):  # `inf` is left to the row checks
        raise BadRecord(row, f"column {column}: got {shown!r}, {EXPECTED}.")
    return number


def _advice(field: str, row: int, fields: Sequence[str]) -> str:
    """The likeliest cause of a field that is not a number."""
    if delimiter := _delimiter(field.strip()):
        return f"; columns are separated by {delimiter} here, expected commas"
    if row > 1 or not any(each.strip() for each in fields):
        return ""
    if not fields[0].strip():
        return "; is this DataFrame.to_csv() with its index and header? Write to_csv(index=False, header=False)"
    return "; is this a header row? CSV channels have none"


def _delimiter(field: str) -> str | None:
    """What separates columns within a field, if anything does. Spaces do where numbers stand between them."""
    named = next((name for delimiter, name in DELIMITERS.items() if delimiter in field), None)
    parts = field.split()
    return named or ("spaces" if len(parts) > 1 and all(map(_is_number, parts)) else None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _ragged(row: int, got: int, expected: int) -> BadRecord:
    return BadRecord(row, f"{got} columns, expected {expected} as in the rows before.")


def _checked_width(width: int, label_size: int) -> int:
    if width > label_size:
        return width
    columns = "1 column" if width == 1 else f"{width} columns"
    raise BadRecord(1, f"{columns}, of which label_size={label_size} leaves no features; is it text/csv; label_size=0?")


def encode(columns: Columns, response: Response) -> bytes:
    """Return one line per row: columns in their order, the values of a column side by side, as in `1.0,3.0`."""
    return "".join(_line(record.values()) for record in predictions(columns)).encode()


def _line(values: Iterable[float | list[float]]) -> str:
    fields = (repr(number) for value in values for number in (value if isinstance(value, list) else [value]))
    return ",".join(fields) + "\n"
