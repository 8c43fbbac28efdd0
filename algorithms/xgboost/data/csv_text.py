"""CSV without a header: the label first, then perhaps a weight. Arrow parses it, block by block.

The delimiter is guessed from the first line [contract: xgboost, Channels and content types].
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.float32 import BEYOND, EXPECTED, beyond
from wildsage.algorithms.xgboost.data.table import GrowingRows

BLOCK_BYTES = 1 << 22
SNIFFED_CHARACTERS = 512
SHOWN_CHARACTERS = 50
MISSING = ("", "nan", "NaN", "NAN", "-nan", "NA", "na", "null", "None")


class InfiniteField(UserError):
    """Infinity, or a number that float32 cannot hold. `row` counts lines that are not blank; rows and columns count from 1."""

    def __init__(self, row: int, column: int, shown: str = "infinity") -> None:
        super().__init__(f"row {row}: column {column}: got {shown}, {EXPECTED}.")
        self.row = row
        self.column = column

    def shown_from(self, path: Path, delimiter: str) -> InfiniteField:
        """The same with the field's text, which the parser has not kept."""
        with path.open(newline="", errors="replace") as stream:
            rows = (fields for fields in csv.reader(stream, delimiter=delimiter) if fields)
            fields = next(islice(rows, self.row - 1, None))
        return InfiniteField(self.row, self.column, repr(fields[self.column - 1].strip()[:SHOWN_CHARACTERS]))


def delimiter_of(line: str) -> str:
    """The delimiter of a line, as Python's sniffer sees it. Raises UserError in the original's words where it sees none."""
    try:
        found = csv.Sniffer().sniff(line[:SNIFFED_CHARACTERS]).delimiter
    except csv.Error as error:
        if line.strip() and "," not in line:
            found = ","  # a single column
        else:
            raise UserError(f"Could not determine delimiter on line {line[:SHOWN_CHARACTERS]}:\n{error}") from None
    return "," if found.isalnum() or found in ".-+" else found


def first_line(stream: BinaryIO) -> str:
    """The text to the first line end, from which the delimiter is guessed. Bytes that are not UTF-8 are left out."""
    return stream.readline().decode(errors="ignore")


def read_into(rows: GrowingRows | None, stream: BinaryIO, delimiter: str, width: int | None) -> GrowingRows | None:
    """Add the rows of a stream. Without `rows`, its first line says how wide all must be; None comes of an empty stream.

    Raises UserError for text that is not numbers, and for a row of another width; InfiniteField is one.
    """
    try:
        reader = arrow.open_csv(
            stream,
            read_options=arrow.ReadOptions(autogenerate_column_names=True, block_size=BLOCK_BYTES),
            parse_options=arrow.ParseOptions(delimiter=delimiter),
            convert_options=_all_numbers(width) if width else None,
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return rows
        raise _not_numbers(error) from None
    read = 0
    try:
        for batch in reader:
            columns = [_column(column) for column in batch.columns]
            _check_finite(columns, read)
            rows = rows or GrowingRows(batch.num_columns)
            rows.add(columns, batch.num_rows)
            read += batch.num_rows
    except pa.ArrowInvalid as error:
        raise _not_numbers(error) from None
    return rows


def _all_numbers(width: int) -> arrow.ConvertOptions:
    return arrow.ConvertOptions(
        column_types={f"f{number}": pa.float32() for number in range(width)}, null_values=list(MISSING)
    )


def _column(column: pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False)


def _check_finite(columns: Sequence[np.ndarray], rows_before: int) -> None:
    for number, column in enumerate(columns, start=1):
        if column.dtype.kind == "f" and (infinite := beyond(column)).any():
            raise InfiniteField(rows_before + int(infinite.argmax()) + 1, number)


def _not_numbers(error: Exception) -> UserError:
    return UserError(f"Failed to load csv data with exception:\n{error}.")


def header_advice(error: UserError, line: str, delimiter: str) -> str:
    """What to do about an error in the first `line`, which is likely a header."""
    if "Row #1: CSV conversion error" not in str(error):
        return ""
    if line.startswith(delimiter):
        return " Is it DataFrame.to_csv() with its index and header? Write to_csv(index=False, header=False)."
    return " Is it a header row? CSV channels have none."


def parse_request(body: bytes) -> np.ndarray:
    """Rows of a request (n, d) float32, NaN where a field is empty. Raises ValueError for what is not a number."""
    text = body.decode("utf-8").strip()
    lines = text.split("\n")
    delimiter = _request_delimiter(lines[0][:SNIFFED_CHARACTERS])
    if len(lines) > 1:
        return _many(body, delimiter, lines[0])
    return _one(lines[0].split(delimiter))


def _request_delimiter(line: str) -> str:
    if "," in line:
        return ","
    try:
        found = csv.Sniffer().sniff(line).delimiter
    except csv.Error:
        return ","
    return "," if found.isalnum() or found in ".-+" else found


def _one(fields: Sequence[str]) -> np.ndarray:
    row = [float(field) if field.strip() else np.nan for field in fields]
    for number, (value, field) in enumerate(zip(row, fields, strict=True), start=1):
        if abs(value) >= BEYOND:
            raise InfiniteField(1, number, repr(field.strip()[:SHOWN_CHARACTERS]))
    return np.array([row], np.float32)


def _many(body: bytes, delimiter: str, line: str) -> np.ndarray:
    try:
        rows = read_into(None, pa.BufferReader(body.strip()), delimiter, line.count(delimiter) + 1)
    except UserError as error:
        raise UserError(f"{error}{header_advice(error, line, delimiter)}") from None
    assert rows is not None
    return rows.take()
