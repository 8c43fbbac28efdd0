"""application/x-recordio-protobuf in NumPy: framed `aialgs.data.Record` messages ⇄ flat rows (contract: formats, section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.records import bulk_reader, bulk_writer, message, recordio
from wildsage.containers.codecs.records.message import LABEL, MalformedRecord, Schema
from wildsage.containers.codecs.rows import FlatRows, as_matrix, stack

MEDIA_TYPE = "application/x-recordio-protobuf"

MOST_LAYOUTS = 8  # mutants: equivalent: any number gives the same rows, in another time
"""Layouts that are tried on all records of a block at once. Records of further layouts are read one by one."""

FEW = 4  # mutants: equivalent: as above
"""At most so many records are read one by one, which then costs less than the many steps of the bulk reader."""


def decode(chunks: Iterable[bytes]) -> Iterator[FlatRows]:
    """Read rows from chunks of any size, one block of records (about a megabyte) at a time.

    Raises BadRecord for a truncated stream, a message that is not a Record with one tensor under `values`, and rows of
    different widths or labels.
    """
    schema: Schema | None = None
    for block in recordio.blocks(other_formats.reject(chunks, MEDIA_TYPE, other_formats.RECORDIO)):
        if schema is None:
            first = _read_one(block, 0, None)
            schema = Schema.from_row(first)
            if len(block) == 1:  # mutants: equivalent: read once more, the row is the same
                yield first
                continue
        yield _rows(block, schema)


def _rows(block: recordio.Block, schema: Schema) -> FlatRows:
    """Return the rows of a block in order. Common layouts are read many at a time, the others one by one."""
    if len(block) <= FEW:  # mutants: equivalent: both ways give the same rows
        return stack([_read_one(block, index, schema) for index in range(len(block))])
    parts: list[FlatRows] = []
    order: list[np.ndarray] = []
    alone: list[int] = []
    left = np.arange(len(block))
    for _ in range(MOST_LAYOUTS):
        if not len(left):
            break
        read, rows = bulk_reader.read(block.bytes_b, block.starts_n[left], block.stops_n[left], schema)
        if rows is not None:
            parts.append(rows)
            order.append(left[read])
            left = np.delete(left, read)
        else:
            alone.append(int(left[0]))
            left = left[1:]
    for index in sorted([*alone, *left.tolist()]):
        parts.append(_read_one(block, index, schema))
        order.append(np.array([index]))
    rows = stack(parts)
    return rows if len(parts) == 1 else rows.ordered(np.argsort(np.concatenate(order)))


def _read_one(block: recordio.Block, index: int, schema: Schema | None) -> FlatRows:
    payload = block.bytes_b.data[block.starts_n[index] : block.stops_n[index]]
    try:
        return message.read(payload, schema)
    except MalformedRecord as error:
        raise BadRecord(block.first_row + index, f"{error}.") from None


def encode(columns: Mapping[str, NDArray]) -> bytes:
    """One record a row without features: `label[<column>]` holds the (n,) or (n, m) values as float32, columns in their order."""
    parts = []
    for name, column in columns.items():
        values_nm = as_matrix(np.asarray(column, np.float32))
        parts.append(bulk_writer.entry(LABEL, name, bulk_writer.dense_tensor(values_nm)))
    return bytes(bulk_writer.frames(parts))
