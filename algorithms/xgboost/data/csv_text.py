"""CSV without a header: the label first, then perhaps a weight. Arrow parses it, block by block.

The delimiter is guessed from the first line [contract: xgboost, Channels and content types].
"""

from __future__ import annotations

import csv
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.data.table import GrowingRows

BLOCK_BYTES = 1 << 22
SNIFFED_CHARACTERS = 512
SHOWN_CHARACTERS = 50
MISSING = ("", "nan", "NaN", "NAN", "-nan", "NA", "na", "null", "None")


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

    Raises UserError for text that is not numbers, and for a row of another width.
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
    try:
        for batch in reader:
            rows = rows or GrowingRows(batch.num_columns)
            rows.add([_column(column) for column in batch.columns], batch.num_rows)
    except pa.ArrowInvalid as error:
        raise _not_numbers(error) from None
    return rows


def _all_numbers(width: int) -> arrow.ConvertOptions:
    return arrow.ConvertOptions(
        column_types={f"f{number}": pa.float32() for number in range(width)}, null_values=list(MISSING)
    )


def _column(column: pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False)


def _not_numbers(error: Exception) -> UserError:
    text = str(error)
    advice = " Is it a header row? CSV channels have none." if "conversion error" in text else ""
    return UserError(f"Failed to load csv data with exception:\n{text}.{advice}")


def parse_request(body: bytes) -> np.ndarray:
    """Rows of a request (n, d) float32, NaN where a field is empty. Raises ValueError for what is not a number."""
    text = body.decode("utf-8").strip()
    lines = text.split("\n")
    delimiter = _request_delimiter(lines[0][:SNIFFED_CHARACTERS])
    if len(lines) > 1:
        return _many(body, delimiter, lines[0].count(delimiter) + 1)
    return np.array([[_number(field) for field in lines[0].split(delimiter)]], np.float32)


def _request_delimiter(line: str) -> str:
    if "," in line:
        return ","
    try:
        found = csv.Sniffer().sniff(line).delimiter
    except csv.Error:
        return ","
    return "," if found.isalnum() or found in ".-+" else found


def _number(field: str) -> float:
    return float(field) if field.strip() else np.nan


def _many(body: bytes, delimiter: str, width: int) -> np.ndarray:
    rows = read_into(None, pa.BufferReader(body.strip()), delimiter, width)
    assert rows is not None
    return rows.take()
