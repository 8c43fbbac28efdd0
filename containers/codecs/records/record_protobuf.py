"""application/x-recordio-protobuf: framed `aialgs.data.Record` messages ⇄ rows (contract: formats, section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from numpy.typing import NDArray

from wildsage.algorithms.base.algorithm import Columns
from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.batches import to_batch
from wildsage.containers.codecs.records import files, record_rows
from wildsage.containers.codecs.rows import FlatRows, as_matrix


def decode(chunks: Iterable[bytes]) -> Iterator[Batch]:
    """Read rows from chunks of any size, one block of records (about a megabyte) at a time.

    Dense tensors become (n, d) tensors, float64 as it is, float32 and int32 as float32; sparse ones become SparseRows.
    Raises BadRecord for a truncated stream, a message that is not a Record with one tensor under `values`, and rows of
    different widths or labels.
    """
    return map(to_batch, record_rows.decode(chunks))


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
        None if labels is None else as_matrix(labels),
    )
    return files.encode_sparse(rows)


def encode(columns: Columns, response: Response) -> bytes:
    """Return one record per row, without features. `label[<column>]` holds the values as float32, in the order of the columns."""
    return record_rows.encode({name: column.numpy() for name, column in columns.items()})
