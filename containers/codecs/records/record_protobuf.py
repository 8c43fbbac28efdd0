"""application/x-recordio-protobuf: framed `aialgs.data.Record` messages ⇄ rows (contract: formats, section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from wildsage.algorithms.base.algorithm import Columns
from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.batches import to_batch
from wildsage.containers.codecs.records import bulk_reader, bulk_writer, files, message, recordio
from wildsage.containers.codecs.records.message import LABEL, MalformedRecord, Schema
from wildsage.containers.codecs.rows import FlatRows, stack

MOST_LAYOUTS = 8
"""Layouts that are tried on all records of a block at once. Records of further layouts are read one by one."""

FEW = 4
"""At most so many records are read one by one, which then costs less than the many steps of the bulk reader."""


def decode(chunks: Iterable[bytes]) -> Iterator[Batch]:
    """Read rows from chunks of any size, one block of records (about a megabyte) at a time.

    Dense tensors become (n, d) tensors, float64 as it is, float32 and int32 as float32; sparse ones become SparseRows.
    Raises BadRecord for a truncated stream, a message that is not a Record with one tensor under `values`, and rows of
    different widths or labels.
    """
    schema: Schema | None = None
    for block in recordio.blocks(chunks):
        if schema is None:
            first = _read_one(block, 0, None)
            schema = Schema.of(first)
            if len(block) == 1:
                yield to_batch(first)
                continue
        yield to_batch(_rows(block, schema))


def _rows(block: recordio.Block, schema: Schema) -> FlatRows:
    """Return the rows of a block in order. Common layouts are read many at a time, the others one by one."""
    if len(block) <= FEW:
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


def encode_rows(features: NDArray | SparseRows, labels: NDArray | None = None) -> bytearray:
    """Write rows (n, d), and labels (n,) or (n, l), byte for byte as the SageMaker Python SDK writes them.

    float32 and float64 stay what they are; int32 and int64 become int32 tensors. Raises TypeError for other dtypes, and
    ValueError for integers beyond int32 and where labels and rows differ in number.
    """
    if not isinstance(features, SparseRows):
        return files.encode_dense(features, labels)
    rows = FlatRows(
        features.starts_n1.diff().numpy(),
        features.values_z.numpy(),
        features.columns_z.numpy(),
        features.width,
        None if labels is None else labels.reshape(len(labels), -1),
    )
    return files.encode_sparse(rows)


def encode(columns: Columns, response: Response) -> bytes:
    """Return one record per row, without features. `label[<column>]` holds the values as float32, in the order of the columns."""
    parts = []
    for name, column in columns.items():
        values_nm = column.to(torch.float32).reshape(len(column), -1).numpy()
        parts.append(bulk_writer.entry(LABEL, name, bulk_writer.dense_tensor(values_nm)))
    return bytes(bulk_writer.frames(parts))
