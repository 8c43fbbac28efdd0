"""CSV without a header: the label first, then perhaps a weight. Arrow parses it, block by block, or compiled loops do.

The delimiter is guessed from the first line [contract: xgboost, Channels and content types].
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow

from wildsage.algorithms.base.blocks import in_parallel
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.float32 import BEYOND, EXPECTED, beyond
from wildsage.algorithms.xgboost.data.blocks import whole_lines
from wildsage.algorithms.xgboost.data.content_types import CSV
from wildsage.algorithms.xgboost.data.late_loops import CHANNEL_BYTES, LATE_LOOPS, REQUESTS_BYTES
from wildsage.algorithms.xgboost.data.table import Table, labelled, side_by_side

BLOCK_BYTES = 1 << 20
REQUEST_BLOCK_BYTES = 1 << 18
CACHED_BYTES = 1 << 20
"""Arrow reads a block once for each column, which is a quarter faster where the block lies in the cache of a core."""

T = TypeVar("T", bound=Sized)
Block = TypeVar("Block", bytes, memoryview)
ROW = re.compile(r"Row #(\d+): ")
SNIFFED_CHARACTERS = 512
SHOWN_CHARACTERS = 50
USUAL_DELIMITERS = ",;|\t"
IN_NUMBERS = b"0123456789+-.eE \r"
MISSING = ("", "nan", "NaN", "NAN", "-nan", "NA", "na", "null", "None")


def delimiter_of(line: str) -> str:
    """The delimiter of a line, as Python's sniffer sees it. Raises UserError in the original's words where it sees none."""
    try:
        return _sniffed(line[:SNIFFED_CHARACTERS])
    except csv.Error as error:
        if line.strip() and "," not in line:
            return ","  # a single column
        raise UserError(f"Could not determine delimiter on line {line[:SHOWN_CHARACTERS]}:\n{error}") from None


def _sniffed(line: str) -> str:
    """Python's guess, unless it is part of numbers: then the usual character that the line has, or a comma. Raises csv.Error."""
    found = csv.Sniffer().sniff(line).delimiter
    if not (found.isalnum() or found in ".-+"):
        return found
    return next((usual for usual in USUAL_DELIMITERS if usual in line), ",")


def first_line(stream: BinaryIO) -> str:
    """The text to the first line end, from which the delimiter is guessed. Bytes that are not UTF-8 are left out."""
    return stream.readline().decode(errors="ignore")


def read(chunks: Iterable[bytes], delimiter: str, width: int | None, weights: bool) -> Iterator[Table]:
    """The rows of a stream, block by block; all are `width` wide, or as wide as the first where none is given.

    Raises BadRecord for text that is not numbers, for numbers that float32 cannot hold, and for a row of another width.
    """
    blocks = whole_lines(chunks, BLOCK_BYTES)
    first = next(blocks, b"")
    columns = width or _first_line(first).count(delimiter) + 1
    yield from _parsed(
        itertools.chain([first], blocks), delimiter, lambda block: _table(block, delimiter, columns, weights)
    )


def _parsed(blocks: Iterator[Block], delimiter: str, parse: Callable[[Block], T]) -> Iterator[T]:
    """What `parse` makes of each block, in order. Raises BadRecord."""
    first = next(blocks)
    rows = 0
    try:
        for part in in_parallel(parse, itertools.chain([first], blocks)):
            rows += len(part)
            yield part
    except BadRecord as bad:
        advice = "" if rows else _header_advice(bad, _first_line(bytes(first)), delimiter)
        raise BadRecord(rows + bad.row, bad.problem + advice) from None


def _first_line(block: bytes) -> str:
    return block.lstrip(b"\r\n").partition(b"\n")[0].decode(errors="ignore")


def _table(block: bytes, delimiter: str, width: int, weights: bool) -> Table:
    """The rows of whole lines. Raises BadRecord; its row is counted within the block."""
    found = LATE_LOOPS.csv(block, delimiter, width, 1 + weights, CHANNEL_BYTES[CSV])
    if found is None:
        return labelled(_columns(block, delimiter, width), weights)
    (labels, *rest), features = found
    return Table(features, labels, next(iter(rest), None))


def _rows(block: memoryview, delimiter: str, width: int) -> NDArray[np.float32]:
    """The rows of whole lines without labels, (n, d). Raises BadRecord; its row is counted within the block."""
    found = LATE_LOOPS.csv(block, delimiter, width, 0, REQUESTS_BYTES)
    return side_by_side(_columns(bytes(block), delimiter, width)) if found is None else found[1]


def _columns(block: bytes, delimiter: str, width: int) -> list[NDArray[np.float32]]:
    """The `width` columns of whole lines, as Arrow reads them. Raises BadRecord."""
    if not block.strip():
        return [np.empty(0, np.float32)] * width
    try:
        found = arrow.read_csv(
            pa.BufferReader(
                block if block.endswith(b"\n") else block + b"\n"
            ),  # Arrow takes one line without an end for none
            read_options=arrow.ReadOptions(
                autogenerate_column_names=True,
                use_threads=False,
                block_size=len(block) + 2,  # mutants: equivalent: a larger size holds the text as well
            ),
            parse_options=arrow.ParseOptions(delimiter=delimiter),
            convert_options=_all_numbers(width),
        )
    except pa.ArrowInvalid as error:
        row = ROW.search(str(error))
        raise BadRecord(int(row[1]) if row else 1, f"{ROW.sub('', str(error))}.") from None
    if found.num_columns != width:
        raise BadRecord(1, f"Expected {width} columns, got {found.num_columns}.")
    columns = [column.to_numpy() for column in found.columns]
    _check_finite(columns, block, delimiter)
    return columns


def _all_numbers(width: int) -> arrow.ConvertOptions:
    return arrow.ConvertOptions(
        column_types={f"f{number}": pa.float32() for number in range(width)}, null_values=list(MISSING)
    )


def _check_finite(columns: Sequence[NDArray], block: bytes, delimiter: str) -> None:
    """Raise BadRecord for infinity and for a number that float32 cannot hold, with its text."""
    for number, column in enumerate(columns):
        if (infinite := beyond(column)).any():
            row = int(infinite.argmax())
            lines = csv.reader(io.StringIO(block.decode(errors="replace"), newline=""), delimiter=delimiter)
            fields = next(itertools.islice((fields for fields in lines if fields), row, None))
            raise _infinite(row + 1, number + 1, fields[number])


def _infinite(row: int, column: int, field: str) -> BadRecord:
    return BadRecord(row, f"column {column}: got {field.strip()[:SHOWN_CHARACTERS]!r}, {EXPECTED}.")


def _header_advice(bad: BadRecord, line: str, delimiter: str) -> str:
    """What to do about words in the first `line`, which is likely a header."""
    if bad.row != 1 or "CSV conversion error" not in bad.problem:
        return ""
    if line.startswith(delimiter):
        return " Is it DataFrame.to_csv() with its index and header? Write to_csv(index=False, header=False)."
    return " Is it a header row? CSV channels have none."


def parse_request(body: bytes) -> np.ndarray:
    """Rows of a request (n, d) float32, NaN where a field is empty.

    Raises ValueError or BadRecord for what is not a number that float32 can hold.
    """
    text = body.strip()
    end = text.find(b"\n")
    line = text if end < 0 else text[:end]
    first = line.decode("utf-8")
    delimiter = _request_delimiter(first[:SNIFFED_CHARACTERS])
    if end >= 0 or line.translate(None, IN_NUMBERS + delimiter.encode()):
        return _many(text, delimiter, first.count(delimiter) + 1)
    return _one(first.split(delimiter))


def _request_delimiter(line: str) -> str:
    if "," in line:
        return ","
    try:
        return _sniffed(line)
    except csv.Error:
        return ","


def _one(fields: Sequence[str]) -> np.ndarray:
    """A single row of plain numbers, without what Arrow needs to begin."""
    row = [float(field) if field.strip() else np.nan for field in fields]
    for number, (value, field) in enumerate(zip(row, fields, strict=True), start=1):
        if abs(value) >= BEYOND:
            raise _infinite(1, number, field)
    return np.array([row], np.float32)


def _many(text: bytes, delimiter: str, width: int) -> np.ndarray:
    """Several rows; those of a large request are shared out among the cores."""
    cores = len(os.sched_getaffinity(0))
    blocks_a_core = math.ceil(len(text) / cores / CACHED_BYTES)
    size = max(REQUEST_BLOCK_BYTES, math.ceil(len(text) / (cores * blocks_a_core)))
    blocks = _cut(text, size)
    return np.concatenate(list(_parsed(blocks, delimiter, lambda block: _rows(block, delimiter, width))))


def _cut(text: bytes, size: int) -> Iterator[memoryview]:
    """The text in blocks of whole lines, each of `size` bytes and the rest of a line. They are not copied."""
    start = 0
    while start < len(text):
        end = text.find(b"\n", start + size) + 1 or len(text)
        yield memoryview(text)[start:end]
        start = end
