"""LIBSVM text: `label[:weight] [qid:q] index:value …` (contract: formats, section 4). Compiled loops read it, or Arrow does.

For Arrow, what stands before the first index is cut out of every row, and a colon alone takes its place. With each word on a line
of its own, the rest is CSV of two columns, index and value, in which a line without either begins a row.

Axes: n rows · w words, at most one a row · z stored values
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow
from scipy.sparse import csr_matrix

from wildsage.algorithms.base.blocks import in_parallel
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.float32 import EXPECTED, beyond
from wildsage.algorithms.xgboost.data.blocks import whole_lines
from wildsage.algorithms.xgboost.data.content_types import LIBSVM
from wildsage.algorithms.xgboost.data.csv_text import ROW
from wildsage.algorithms.xgboost.data.late_loops import CHANNEL_BYTES, LATE_LOOPS
from wildsage.algorithms.xgboost.data.table import Table

BLOCK_BYTES = 1 << 20
SPACES = b" \t\r\v\f"
WORD_PER_LINE = bytes.maketrans(SPACES, b"\n" * len(SPACES))
COLON, LINE_END, QID = ord(":"), ord("\n"), b"qid:"
COLUMNS = {"index": pa.int32(), "value": pa.float32()}
KINDS = {pa.int32(): "a whole number below 2147483648", pa.int64(): "a whole number", pa.float32(): "a number"}
USUAL_WORD_BYTES = 32
SHOWN_BYTES = 40


def _bytes_in(characters: bytes) -> NDArray[np.bool_]:
    """For each of the 256 bytes, whether it is one of these."""
    return np.isin(np.arange(256), list(characters))


IS_SPACE, IN_WORD, IN_PART = _bytes_in(SPACES), ~_bytes_in(SPACES + b"\n"), ~_bytes_in(SPACES + b"\n:")
"""Which bytes stand between words, in a word, and in a word before its colon."""


def read(chunks: Iterable[bytes]) -> Iterator[Table]:
    """The rows of a stream, block by block. Raises BadRecord for one that is not LIBSVM; blank lines do not count as rows."""
    rows = 0
    try:
        for table in in_parallel(parse, whole_lines(chunks, BLOCK_BYTES)):
            rows += len(table)
            yield table
    except BadRecord as bad:
        raise BadRecord(rows + bad.row, bad.problem) from None


def parse(block: bytes, worth_bytes: int = CHANNEL_BYTES[LIBSVM]) -> Table:
    """The rows of whole lines. Raises BadRecord; its row is counted within the block.

    The loops that read it fast are loaded where this process has read `worth_bytes` before.
    """
    found = LATE_LOOPS.libsvm(block, worth_bytes)
    if found is None:
        return _parsed_by_arrow(block)
    features = csr_matrix((found.values_z, found.columns_z, found.starts), shape=(len(found.labels), found.width))
    return Table(features, found.labels, found.weights, found.groups)


def _parsed_by_arrow(block: bytes) -> Table:
    block = _without_comments(block)
    text = np.frombuffer(block + b"\n" * len(QID), np.uint8)
    starts_n = _starts_of_rows(text)
    rows = len(starts_n)
    if not rows:
        return Table(csr_matrix((0, 0), dtype=np.float32), np.zeros(0, np.float32))
    ends_n = _after(text, starts_n, IN_PART)
    labels = _Words(text, np.arange(rows), starts_n, ends_n)
    weights, ends_n = _optional(text, ends_n, ends_n + 1, text[ends_n] == COLON)
    groups, ends_n = _optional(text, ends_n, *_groups(text, ends_n))
    return Table(
        _features(block, starts_n, ends_n),
        labels.numbers(pa.float32(), "label"),
        weights.one_a_row(rows, pa.float32(), "weight"),
        groups.one_a_row(rows, pa.int64(), "qid"),
    )


def shifted(tables: Sequence[Table]) -> list[Table]:
    """The same rows with columns counted from 0, where the smallest index is 1 or more."""
    smallest = min((int(table.sparse.indices.min()) for table in tables if len(table.sparse.indices)), default=0)
    return [_moved(table) for table in tables] if smallest >= 1 else list(tables)


def _moved(table: Table) -> Table:
    features = table.sparse
    shape = (len(table), max(0, features.shape[1] - 1))
    moved = csr_matrix((features.data, features.indices - 1, features.indptr), shape=shape)
    return replace(table, features=moved)


def _without_comments(block: bytes) -> bytes:
    return re.sub(rb"#[^\n]*", b"", block) if b"#" in block else block


def _starts_of_rows(text: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Places of the first word of every line that has one."""
    lines = np.append(0, np.flatnonzero(text == LINE_END)[:-1] + 1)
    starts_n = _after(text, lines, IS_SPACE)
    return starts_n[text[starts_n] != LINE_END]


def _after(text: NDArray[np.uint8], places_n: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first place, from each of these on, whose byte is not `inside`."""
    places_n = places_n.copy()
    for _ in range(USUAL_WORD_BYTES):
        more_n = inside[text[places_n]]
        if not more_n.any():
            return places_n
        places_n += more_n
    outside = np.flatnonzero(~inside[text])
    return outside[np.searchsorted(outside, places_n)]


def _groups(text: NDArray[np.uint8], ends_n: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Places after `qid:` in the second word of each row, and whether it is there."""
    words_n = _after(text, ends_n, IS_SPACE)
    return words_n + len(QID), np.all([text[words_n + k] == byte for k, byte in enumerate(QID)], axis=0)


def _optional(
    text: NDArray[np.uint8], ends_n: NDArray[np.int64], starts_n: NDArray[np.int64], given_n: NDArray[np.bool_]
) -> tuple[_Words, NDArray[np.int64]]:
    """The words at `starts_n` of the rows where they are given, and where every row goes on: there, or as before at `ends_n`."""
    rows_w = np.flatnonzero(given_n)
    ends_w = _after(text, starts_n[rows_w], IN_WORD)
    ends_n = ends_n.copy()
    ends_n[rows_w] = ends_w
    return _Words(text, rows_w, starts_n[rows_w], ends_w), ends_n


@dataclass(frozen=True)
class _Words:
    """Words of a text: their rows, where they start, and the places after them."""

    text: NDArray[np.uint8]
    rows_w: NDArray[np.int64]
    starts_w: NDArray[np.int64]
    ends_w: NDArray[np.int64]

    def numbers(self, kind: pa.DataType, name: str) -> NDArray:
        """The number that each word is. Raises BadRecord for the first that is not one, or that float32 cannot hold."""
        words = self._as_arrow()
        try:
            numbers_w = pc.cast(words, kind).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            place = next(place for place, word in enumerate(words) if not _is_number(word, kind))
            raise BadRecord(int(self.rows_w[place]) + 1, _not_a_number(name, words[place].as_py(), kind)) from None
        if kind == pa.float32() and (infinite_w := beyond(numbers_w)).any():
            place = int(infinite_w.argmax())
            raise BadRecord(int(self.rows_w[place]) + 1, _infinite(name, words[place].as_py()))
        return numbers_w

    def one_a_row(self, rows: int, kind: pa.DataType, name: str) -> NDArray | None:
        """The numbers (n,), or None where no row has one. Raises BadRecord where some rows have one and others do not."""
        if 0 < len(self.rows_w) < rows:
            missing = int(np.setdiff1d(np.arange(rows), self.rows_w)[0])
            raise BadRecord(missing + 1, f"it has no {name}, but other rows have one; expected one in each.")
        return self.numbers(kind, name) if len(self.rows_w) else None

    def _as_arrow(self) -> pa.Array:
        """The words as an array that shares the text; every second of its members is what lies between two words."""
        offsets = np.stack([self.starts_w, self.ends_w], axis=1).ravel()
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.text)]
        shared = pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)
        return shared.take(pa.array(np.arange(0, len(offsets), 2)))


def _is_number(word: pa.Scalar, kind: pa.DataType) -> bool:
    try:
        pc.cast(word, kind)
    except pa.ArrowInvalid:
        return False
    return True


def _not_a_number(name: str, word: bytes, kind: pa.DataType) -> str:
    return f"{name} {_shown(word)} is not {KINDS[kind]}."


def _infinite(name: str, word: bytes) -> str:
    return f"{name} {_shown(word)}, {EXPECTED}."


def _shown(word: bytes) -> str:
    return repr(word[:SHOWN_BYTES].decode(errors="replace"))


def _features(block: bytes, starts_n: NDArray[np.int64], ends_n: NDArray[np.int64]) -> csr_matrix:
    """What follows the labels, which start and end at these places."""
    lines = _word_per_line(block, starts_n, ends_n)
    try:
        found = arrow.read_csv(
            pa.BufferReader(pa.py_buffer(lines)),
            arrow.ReadOptions(column_names=list(COLUMNS), use_threads=False, block_size=len(lines) + 1),
            arrow.ParseOptions(delimiter=":", quote_char=False),
            arrow.ConvertOptions(column_types=COLUMNS, null_values=[""]),
        )
    except pa.ArrowInvalid as error:
        raise _unreadable(lines.tobytes().split(), str(error)) from None
    columns, values = (found[name].chunk(0) for name in COLUMNS)
    if not len(starts_n) == columns.null_count == values.null_count:
        raise _half_a_word(block)
    begins = np.flatnonzero(columns.is_null().to_numpy(zero_copy_only=False))
    columns_z, values_z = columns.drop_null().to_numpy(), values.drop_null().to_numpy()
    starts = np.append(begins - np.arange(len(begins)), len(values_z))
    _check(columns_z, values_z, starts, lines)
    width = int(columns_z.max()) + 1 if len(columns_z) else 0
    return csr_matrix((values_z, columns_z, starts), shape=(len(starts_n), width))


def _word_per_line(block: bytes, starts_n: NDArray[np.int64], ends_n: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Each word on a line of its own, and a lone colon for what stands from `starts_n` to `ends_n`."""
    lines = np.frombuffer(bytearray(block).translate(WORD_PER_LINE), np.uint8)
    sizes_n = ends_n - starts_n
    within = np.arange(sizes_n.sum()) - np.repeat(np.cumsum(sizes_n) - sizes_n, sizes_n)
    lines[np.repeat(starts_n, sizes_n) + within] = LINE_END
    lines[starts_n] = COLON
    return lines


def _check(columns_z: NDArray[np.int32], values_z: NDArray[np.float32], starts: NDArray, lines: NDArray) -> None:
    """Raise BadRecord for the first index below 0, and for the first value that float32 cannot hold."""
    if (negative_z := columns_z < 0).any():
        place = int(negative_z.argmax())
        raise BadRecord(_row_of(place, starts), f"index {columns_z[place]}, expected 0 or more.")
    if (infinite_z := beyond(values_z)).any():
        place = int(infinite_z.argmax())
        row = _row_of(place, starts)
        raise BadRecord(row, _infinite("value", lines.tobytes().split()[place + row].partition(b":")[2]))


def _row_of(place: int, starts: NDArray) -> int:
    """The row, counted from 1, of a stored value."""
    return int(np.searchsorted(starts, place, side="right"))


def _unreadable(words: Sequence[bytes], error: str) -> BadRecord:
    """What Arrow found wrong with one of the words, of which it gives the number."""
    match = ROW.search(error)
    number = int(match[1]) if match else 1
    word = words[number - 1]
    index, _, value = word.partition(b":")
    row = words[:number].count(b":")
    if "CSV parse error" in error:
        return BadRecord(row, f"got {_shown(word)}, expected index:value.")
    name, part = ("index", index) if "column #0" in error else ("value", value)
    return BadRecord(row, _not_a_number(name, part, COLUMNS[name]))


def _half_a_word(block: bytes) -> BadRecord:
    """The first word that has a colon and nothing before or after it."""
    rows = (words for line in block.split(b"\n") if (words := line.split()))
    return next(
        BadRecord(row, f"got {_shown(word)}, expected index:value.")
        for row, words in enumerate(rows, start=1)
        for word in words[1:]
        if word.startswith(b":") or word.endswith(b":")
    )
