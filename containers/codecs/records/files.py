"""RecordIO-protobuf for programs: arrays ⇄ files of records, as in `sagemaker.amazon.common` of SDK v2.

SDK v3 has the names, but not the code. This module needs NumPy only, and takes any sparse matrix of SciPy.
Contract: formats, section 2. Axes: n rows · d columns
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.pieces import PIECE_BYTES
from wildsage.containers.codecs.records import bulk_writer, message, recordio
from wildsage.containers.codecs.records.message import FEATURES, LABEL, MAP_KEY, MalformedRecord
from wildsage.containers.codecs.rows import FlatRows, as_matrix


@dataclass(frozen=True)
class Tensor:
    """Numbers of one tensor; `keys` are their columns and `shape` is `[columns]` where it is sparse, else empty."""

    values: list[float]
    keys: list[int]
    shape: list[int]


NOTHING = Tensor([], [], [])


@dataclass(frozen=True)
class Value:
    """A tensor under the name of its type; the other two are empty, as in the protobuf message."""

    float32_tensor: Tensor = NOTHING
    float64_tensor: Tensor = NOTHING
    int32_tensor: Tensor = NOTHING


@dataclass(frozen=True)
class Record:
    """A row of a training channel, or the answer for one: tensors by name, to be read as in SDK v2.

    `features` holds `values`; `label` holds `values` of a labelled row, or the columns of an answer, such as
    `closest_cluster`. Source: `aialgs.data.Record` [contract: formats, section 2].

    >>> import io
    >>> import numpy as np
    >>> from wildsage import read_records, write_numpy_to_dense_tensor
    >>> file = io.BytesIO()
    >>> write_numpy_to_dense_tensor(file, np.array([[1.5, 2.0]]), labels=np.array([7.0]))
    >>> _ = file.seek(0)
    >>> (record,) = read_records(file)
    >>> record.features["values"].float64_tensor.values, record.label["values"].float64_tensor.values
    ([1.5, 2.0], [7.0])
    """

    features: Mapping[str, Value]
    label: Mapping[str, Value]


def write_numpy_to_dense_tensor(file: IO[bytes], array: NDArray, labels: NDArray | None = None) -> None:
    """Write rows (n, d), and labels (n,), as dense records. float32, float64, int32 and int64, which becomes int32.

    Raises TypeError for another dtype, ValueError for a wrong shape or integers beyond 32 bits. The bytes are those that
    `sagemaker.amazon.common.write_numpy_to_dense_tensor` of SDK v2 writes [contract: formats, section 2].

    >>> import io
    >>> import numpy as np
    >>> from wildsage import read_records, write_numpy_to_dense_tensor
    >>> file = io.BytesIO()
    >>> write_numpy_to_dense_tensor(file, np.array([[1.5, 2.0], [3.0, 4.0]], np.float32), labels=np.array([0.0, 1.0], np.float32))
    >>> _ = file.seek(0)
    >>> [record.features["values"].float32_tensor.values for record in read_records(file)]
    [[1.5, 2.0], [3.0, 4.0]]
    """
    if array.ndim != 2:
        raise ValueError(f"An array of {array.ndim} dimensions, expected rows by columns.")
    file.write(encode_dense(array, labels))


def write_spmatrix_to_sparse_tensor(file: IO[bytes], array: Any, labels: NDArray | None = None) -> None:
    """Write a sparse matrix (n, d) of SciPy, and labels (n,), as sparse records: for each row its numbers and their columns.

    Raises TypeError for an array that is not sparse, and otherwise as `write_numpy_to_dense_tensor` does. The bytes are
    those that `sagemaker.amazon.common.write_spmatrix_to_sparse_tensor` of SDK v2 writes [contract: formats, section 2].

    >>> import io
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from wildsage import read_records, write_spmatrix_to_sparse_tensor
    >>> file = io.BytesIO()
    >>> write_spmatrix_to_sparse_tensor(file, csr_array(np.array([[0.0, 0.0, 2.5]], np.float32)))
    >>> _ = file.seek(0)
    >>> (record,) = read_records(file)
    >>> record.features["values"].float32_tensor
    Tensor(values=[2.5], keys=[2], shape=[3])
    """
    if not hasattr(array, "tocsr"):
        raise TypeError(f"Got {type(array).__name__}, expected a sparse matrix of SciPy.")
    rows = array.tocsr()
    counts_n = np.diff(rows.indptr).astype(np.int64)
    labels_nl = None if labels is None else as_matrix(labels)
    file.write(encode_sparse(FlatRows(counts_n, rows.data, rows.indices.astype(np.int64), rows.shape[1], labels_nl)))


def read_records(file: IO[bytes]) -> list[Record]:
    """Read all records of a file, such as an endpoint's answer. Raises BadRecord, which names the record that is damaged.

    Source: `sagemaker.amazon.common.read_records` of SDK v2 [contract: formats, section 2].

    >>> import io
    >>> import numpy as np
    >>> from wildsage import read_records, write_numpy_to_dense_tensor
    >>> file = io.BytesIO()
    >>> write_numpy_to_dense_tensor(file, np.ones((3, 2), np.float32), labels=np.arange(3, dtype=np.float32))
    >>> _ = file.seek(0)
    >>> [record.label["values"].float32_tensor.values[0] for record in read_records(file)]
    [0.0, 1.0, 2.0]
    """
    chunks = other_formats.reject(iter(lambda: file.read(PIECE_BYTES), b""), "RecordIO", other_formats.RECORDIO)
    return [_record(number, payload) for number, payload in enumerate(recordio.payloads(chunks), start=1)]


def encode_dense(values_nd: NDArray, labels: NDArray | None = None) -> bytearray:
    """Return records of dense rows (n, d), and labels (n,) or (n, l), byte for byte as the SageMaker Python SDK writes them.

    Raises TypeError for dtypes other than float32, float64, int32 and int64. Raises ValueError for integers beyond int32, and
    where labels and rows differ in number.
    """
    labels_nl = _checked(labels, len(values_nd))
    return _frames(bulk_writer.dense_tensor(values_nd), labels_nl)


def encode_sparse(rows: FlatRows) -> bytearray:
    """Return records of sparse rows and their labels. Raises as `encode_dense` does."""
    labels_nl = _checked(rows.labels_nl, len(rows))
    tensor = bulk_writer.sparse_tensor(rows.counts_n, rows.values_z, rows.sparse_keys(), rows.width)
    return _frames(tensor, labels_nl)


def _checked(labels: NDArray | None, count: int) -> NDArray | None:
    if labels is None:
        return None
    if len(labels) != count:
        raise ValueError(f"{len(labels)} labels for {count} rows, expected one per row.")
    if labels.ndim > 2:
        raise ValueError(f"Labels of {labels.ndim} dimensions, expected one or two.")
    return as_matrix(labels)


def _frames(features: bulk_writer.Message, labels_nl: NDArray | None) -> bytearray:
    key = MAP_KEY.decode()
    parts = [bulk_writer.entry(FEATURES, key, features)]
    if labels_nl is not None:
        parts.append(bulk_writer.entry(LABEL, key, bulk_writer.dense_tensor(labels_nl)))
    return bulk_writer.frames(parts)


def _record(number: int, payload: bytes) -> Record:
    try:
        features, label = message.tensors(memoryview(payload))
    except MalformedRecord as error:
        raise BadRecord(number, f"{error}.") from None
    return Record(_values(features), _values(label))


def _values(tensors: Mapping[str, message.RecordTensor]) -> dict[str, Value]:
    return {name: _value(tensor) for name, tensor in tensors.items()}


def _value(tensor: message.RecordTensor) -> Value:
    content = Tensor(tensor.values.tolist(), tensor.keys.tolist(), list(tensor.shape))
    if tensor.values.dtype == np.float32:
        return Value(float32_tensor=content)
    return Value(float64_tensor=content) if tensor.values.dtype == np.float64 else Value(int32_tensor=content)
