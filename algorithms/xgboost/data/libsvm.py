"""LIBSVM text: `label[:weight] [qid:q] index:value …`, all tokens of a block at once (contract: formats, section 4).

The text without its separators, and the places where they stood, are an array of strings to Arrow, which reads numbers out of
it. What a token is follows from the separators before and after it.

Axes: t tokens of a block · n rows · z stored values
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.float32 import EXPECTED, beyond
from wildsage.algorithms.xgboost.data.blocks import in_parallel, whole_lines
from wildsage.algorithms.xgboost.data.table import Table

SPACE, COLON, LINE_END, COMMENT = ord(" "), ord(":"), ord("\n"), b"#"
SEPARATORS = b" :\n"
AS_SPACES = bytes.maketrans(b"\t\r\v\f", b"    ")
BLOCK_BYTES = 1 << 23
QID = b"qid"


@dataclass(frozen=True)
class _Tokens:
    """The words of a block: `words` as strings, their rows, and whether a colon stands before and after each."""

    words: pa.StringArray
    rows_t: NDArray[np.int64]
    after_colon_t: NDArray[np.bool_]
    before_colon_t: NDArray[np.bool_]


def read(chunks: Iterable[bytes]) -> Iterator[Table]:
    """The rows of a stream, block by block. Raises BadRecord for the first that is not LIBSVM; blank lines do not count as rows."""
    rows = 0
    try:
        for table in in_parallel(parse, whole_lines(chunks, BLOCK_BYTES)):
            rows += len(table)
            yield table
    except BadRecord as bad:
        raise BadRecord(rows + bad.row, bad.problem) from None


def parse(block: bytes) -> Table:
    """The rows of whole lines. Raises BadRecord; its row is counted within the block."""
    return _table(_tokens(block))


def shifted(tables: Sequence[Table]) -> list[Table]:
    """The same rows with columns counted from 0, where the smallest index is 1 or more."""
    smallest = min((int(table.sparse.indices.min()) for table in tables if len(table.sparse.indices)), default=0)
    return [_moved(table) for table in tables] if smallest >= 1 else list(tables)


def _moved(table: Table) -> Table:
    features = table.sparse
    shape = (len(table), max(0, features.shape[1] - 1))
    return Table(
        csr_matrix((features.data, features.indices - 1, features.indptr), shape=shape),
        table.labels,
        table.weights,
        table.groups,
    )


def _tokens(block: bytes) -> _Tokens:
    block = (re.sub(rb"#[^\n]*", b"", block) if COMMENT in block else block).translate(AS_SPACES)
    block = block if block.endswith(b"\n") else block + b"\n"
    text = np.frombuffer(block, np.uint8)
    ends_t = np.flatnonzero((text == SPACE) | (text == COLON) | (text == LINE_END))
    kinds_t = text[ends_t]
    stops_t = ends_t - np.arange(len(ends_t))
    offsets = np.concatenate([[0], stops_t]).astype(np.int32)
    words = pa.Array.from_buffers(
        pa.string(), len(ends_t), [None, pa.py_buffer(offsets), pa.py_buffer(block.translate(None, SEPARATORS))]
    )
    rows_t = np.concatenate([[0], np.cumsum(kinds_t == LINE_END)[:-1]])
    after_colon_t = np.concatenate([[False], kinds_t[:-1] == COLON])
    kept_t = np.diff(offsets) > 0
    if (~kept_t & after_colon_t).any() or (~kept_t & (kinds_t == COLON)).any():
        place = int(np.flatnonzero(~kept_t & (after_colon_t | (kinds_t == COLON)))[0])
        raise BadRecord(int(rows_t[place]) + 1, "a colon has no number before or after it, expected index:value.")
    if kept_t.all():
        return _Tokens(words, rows_t, after_colon_t, kinds_t == COLON)
    return _Tokens(words.filter(pa.array(kept_t)), rows_t[kept_t], after_colon_t[kept_t], (kinds_t == COLON)[kept_t])


def _table(tokens: _Tokens) -> Table:
    if not len(tokens.words):
        return _empty()
    first_t = np.concatenate([[True], np.diff(tokens.rows_t) != 0])
    rows_t = np.cumsum(first_t) - 1  # without blank lines
    weight_t = tokens.after_colon_t & np.concatenate([[False], first_t[:-1]])
    qid_t = _is_qid(tokens, first_t)
    qid_value_t = np.concatenate([[False], qid_t[:-1]])
    index_t = tokens.before_colon_t & ~first_t & ~qid_t
    value_t = tokens.after_colon_t & ~weight_t & ~qid_value_t
    _check(tokens, rows_t, first_t | tokens.after_colon_t | tokens.before_colon_t)
    labels_n = _numbers(tokens.words, first_t, pa.float32(), rows_t, "label")
    columns_z = _numbers(tokens.words, index_t, pa.int32(), rows_t, "index")
    values_z = _numbers(tokens.words, value_t, pa.float32(), rows_t, "value")
    if len(columns_z) and columns_z.min() < 0:
        raise BadRecord(int(rows_t[index_t][columns_z.argmin()]) + 1, f"index {columns_z.min()}, expected 0 or more.")
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows_t[index_t], minlength=len(labels_n)))])
    width = int(columns_z.max()) + 1 if len(columns_z) else 0
    return Table(
        csr_matrix((values_z, columns_z, starts), shape=(len(labels_n), width)),
        labels_n,
        _one_a_row(tokens.words, weight_t, pa.float32(), rows_t, len(labels_n), "weight"),
        _one_a_row(tokens.words, qid_value_t, pa.int64(), rows_t, len(labels_n), "qid"),
    )


def _is_qid(tokens: _Tokens, first_t: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tokens that say that a group's number follows; they stand right after the label, if at all."""
    if tokens.words.buffers()[2] is None or QID not in tokens.words.buffers()[2].to_pybytes():
        return np.zeros(len(tokens.words), bool)
    return pc.equal(tokens.words, "qid").to_numpy(zero_copy_only=False) & ~first_t


def _check(tokens: _Tokens, rows_t: NDArray, known_t: NDArray[np.bool_]) -> None:
    """Every word is a label, or one side of a colon, and no colon follows another."""
    wrong_t = ~known_t | (tokens.after_colon_t & tokens.before_colon_t)
    if wrong_t.any():
        place = int(wrong_t.argmax())
        raise BadRecord(int(rows_t[place]) + 1, f"got {str(tokens.words[place])[:40]!r}, expected index:value.")


def _numbers(words: pa.StringArray, which_t: NDArray, kind: pa.DataType, rows_t: NDArray, name: str) -> NDArray:
    chosen = words.filter(pa.array(which_t))
    rows = rows_t[which_t]
    try:
        numbers = pc.cast(chosen, kind).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        raise _not_a_number(chosen, kind, rows, name) from None
    if numbers.dtype == np.float32 and (infinite := beyond(numbers)).any():
        place = int(infinite.argmax())
        raise BadRecord(int(rows[place]) + 1, f"{name} {str(chosen[place])[:40]!r}, {EXPECTED}.")
    return numbers


def _not_a_number(words: pa.StringArray, kind: pa.DataType, rows: NDArray, name: str) -> BadRecord:
    for row, word in zip(rows.tolist(), words, strict=True):
        try:
            pc.cast(word, kind)
        except pa.ArrowInvalid:
            return BadRecord(row + 1, f"{name} {str(word)[:40]!r} is not a number.")
    raise AssertionError("a column of words cannot be cast, but each of its words can")


def _one_a_row(
    words: pa.StringArray, which_t: NDArray, kind: pa.DataType, rows_t: NDArray, rows: int, name: str
) -> NDArray | None:
    """A number for every row, or None where no row has one. Raises BadRecord where some rows have one and others do not."""
    given = _numbers(words, which_t, kind, rows_t, name)
    if not len(given):
        return None
    if len(given) != rows:
        missing = int(np.setdiff1d(np.arange(rows), rows_t[which_t])[0])
        raise BadRecord(missing + 1, f"it has no {name}, but other rows have one; expected one in each.")
    return given


def _empty() -> Table:
    return Table(csr_matrix((0, 0), dtype=np.float32), np.zeros(0, np.float32))
