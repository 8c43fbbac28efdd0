"""MXNet NDArray list files ⇄ arrays: the files inside model.tar.gz (contract: formats, section 7).

Reads versions 0 (legacy), 1, 2 and 3, dense, row-sparse and CSR. Writes version 2, dense and row-sparse.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError

FILE_MAGIC = 0x112
MAGIC = struct.pack("<Q", FILE_MAGIC)
VERSION_1, VERSION_2, VERSION_3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
DENSE, ROW_SPARSE, CSR = range(3)
AUXILIARY_ARRAYS = {ROW_SPARSE: 1, CSR: 2}
CPU = (1, 0)
MAX_DIMENSIONS = 32
MOST_NUMBERS = 1 << 59
DTYPES = tuple(np.dtype(code) for code in ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8"))
TYPE_FLAGS = {dtype: flag for flag, dtype in enumerate(DTYPES)}


@dataclass(frozen=True)
class RowSparse:
    """An array of `shape` that is zero except for `values` (r, …), its rows `indices` (r,) int64 in ascending order."""

    values: NDArray
    indices: NDArray[np.int64]
    shape: tuple[int, ...]

    def dense(self) -> NDArray:
        """Return the whole array, with zeros in the rows that are not stored."""
        whole = np.zeros(self.shape, self.values.dtype)
        whole[self.indices] = self.values
        return whole


@dataclass(frozen=True)
class CompressedRows:
    """A matrix of `shape` in CSR form: row i has the entries `starts[i]:starts[i + 1]` of `columns` and `values`."""

    values: NDArray
    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    shape: tuple[int, ...]


Stored = NDArray | RowSparse | CompressedRows


def is_file(path: Path) -> bool:
    """Whether a file begins with the magic number of NDArray files."""
    with path.open("rb") as content:
        return content.read(len(MAGIC)) == MAGIC


def read(content: bytes) -> dict[str, Stored] | list[Stored]:
    """Return the arrays of a file: a dictionary if the file names them, otherwise a list.

    Raises UserError, naming the array and the byte, for a file of another kind, a truncated file and bytes after the end.
    Memory is allocated only for bytes that the file holds, whatever sizes it claims.
    """
    reader = _NDArrayReader(content)
    if reader.numbers("<QQ", "the file's magic")[0] != FILE_MAGIC:
        raise reader.problem(
            f"not an NDArray file: it begins with {content[:8].hex(' ')}, expected 12 01 00 00 00 00 00 00"
        )
    (count,) = reader.numbers("<Q", "the number of arrays")
    arrays: list[Stored] = []
    while len(arrays) < count:
        reader.place = f"array {len(arrays)} of {count}"
        arrays.append(_read_array(reader))
    reader.place = "names"
    (named,) = reader.numbers("<Q", "their number")
    if named not in (0, count):
        raise reader.problem(f"{named} names for {count} arrays, expected 0 or {count}")
    names = [_read_name(reader) for _ in range(named)]
    reader.finish()
    if len(set(names)) < len(names):
        raise reader.problem(f"a name occurs twice in {names}")
    return dict(zip(names, arrays, strict=True)) if named else arrays


def write(arrays: Mapping[str, NDArray | RowSparse] | Sequence[NDArray | RowSparse]) -> bytes:
    """Return the file as MXNet 1.x writes it: a mapping with names, a sequence without.

    Raises ValueError for a dtype that the format does not have, and for an array without dimensions.
    """
    return b"".join(pieces(arrays))


def pieces(arrays: Mapping[str, NDArray | RowSparse] | Sequence[NDArray | RowSparse]) -> Iterator[bytes | memoryview]:
    """The bytes of `write`, one piece after another. Numbers that are stored as they lie in memory are not copied."""
    names, values = (list(arrays), list(arrays.values())) if isinstance(arrays, Mapping) else ([], list(arrays))
    yield struct.pack("<QQQ", FILE_MAGIC, 0, len(values))
    for array in values:
        yield from _sparse_pieces(array) if isinstance(array, RowSparse) else _dense_pieces(array)
    yield struct.pack("<Q", len(names))
    for name in names:
        encoded = name.encode()
        yield struct.pack("<Q", len(encoded)) + encoded


class _NDArrayReader:
    """The bytes of a file and the position in them. `place` is the part of the file that an error names."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.place = "head"

    def numbers(self, form: str, what: str) -> tuple[int, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form), what))

    def take(self, size: int, what: str) -> memoryview:
        left = len(self.content) - self.at
        if size > left:
            raise self.problem(f"{what} takes {size} bytes, but {left} are left. Is the file truncated?")
        self.at += size
        return memoryview(self.content)[self.at - size : self.at]

    def finish(self) -> None:
        if self.at < len(self.content):
            raise self.problem(f"{len(self.content) - self.at} bytes follow the end")

    def problem(self, text: str) -> UserError:
        return UserError(f"NDArray file, {self.place}, byte {self.at}: {text}{'' if text.endswith('?') else '.'}")


def _read_array(reader: _NDArrayReader) -> Stored:
    (version,) = reader.numbers("<I", "its version")
    if version == VERSION_1:
        return _read_dense(reader, _read_shape(reader))
    if version not in (VERSION_2, VERSION_3):
        return _read_dense(reader, _read_lengths(reader, version, "I"))
    (storage,) = reader.numbers("<i", "its storage type")
    if storage == DENSE:
        return _read_dense(reader, _read_shape(reader)) if version == VERSION_2 else _read_dense_3(reader)
    if storage not in AUXILIARY_ARRAYS:
        raise reader.problem(f"storage type {storage}, expected 0 (dense), 1 (row-sparse) or 2 (CSR)")
    return _read_sparse(reader, storage)


def _read_dense(reader: _NDArrayReader, shape: tuple[int, ...]) -> NDArray:
    """Read device, type and data, which an array without dimensions does not have."""
    if not shape:
        return np.zeros(0, np.float32)
    _pass_device(reader)
    return _read_data(reader, _read_type(reader), shape)


def _read_dense_3(reader: _NDArrayReader) -> NDArray:
    """Version 3: after -1 dimensions nothing follows; 0 dimensions hold one number."""
    (dimensions,) = reader.numbers("<i", "its number of dimensions")
    if dimensions == -1:
        return np.zeros(0, np.float32)
    shape = _read_lengths(reader, dimensions, "q")
    _pass_device(reader)
    return _read_data(reader, _read_type(reader), shape)


def _read_sparse(reader: _NDArrayReader, storage: int) -> RowSparse | CompressedRows:
    stored_shape, shape = _read_shape(reader), _read_shape(reader)
    _pass_device(reader)
    dtype = _read_type(reader)
    auxiliary = [(_read_type(reader), _read_shape(reader)) for _ in range(AUXILIARY_ARRAYS[storage])]
    values = _read_data(reader, dtype, stored_shape)
    indices = [_read_data(reader, *each).astype(np.int64) for each in auxiliary]
    if storage == ROW_SPARSE:
        _check_rows(reader, indices[0], stored_shape, shape)
        return RowSparse(values, indices[0], shape)
    starts, columns = indices
    _check_compressed(reader, starts, columns, stored_shape, shape)
    return CompressedRows(values, starts, columns, shape)


def _check_rows(reader: _NDArrayReader, rows: NDArray, stored: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if not shape or rows.ndim != 1 or stored != (len(rows), *shape[1:]):
        raise reader.problem(f"{rows.shape} row indices and values {stored} do not make up an array {shape}")
    if (len(rows) and not 0 <= rows[0] <= rows[-1] < shape[0]) or (np.diff(rows) <= 0).any():
        raise reader.problem(f"row indices are not ascending from 0 to {shape[0] - 1}")


def _check_compressed(
    reader: _NDArrayReader, starts: NDArray, columns: NDArray, stored: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    if len(shape) != 2 or starts.shape != (shape[0] + 1,) or columns.shape != stored or len(stored) != 1:
        raise reader.problem(
            f"{starts.shape} row starts, {columns.shape} columns, {stored} values do not make up a matrix {shape}"
        )
    if starts[0] != 0 or starts[-1] != len(columns) or (np.diff(starts) < 0).any():
        raise reader.problem(f"row starts do not ascend from 0 to {len(columns)}")
    if len(columns) and not 0 <= columns.min() <= columns.max() < shape[1]:
        raise reader.problem(f"columns are not all from 0 to {shape[1] - 1}")


def _read_shape(reader: _NDArrayReader) -> tuple[int, ...]:
    (dimensions,) = reader.numbers("<i", "its number of dimensions")
    return _read_lengths(reader, dimensions, "q")


def _read_lengths(reader: _NDArrayReader, dimensions: int, code: str) -> tuple[int, ...]:
    if not 0 <= dimensions <= MAX_DIMENSIONS:
        raise reader.problem(f"{dimensions} dimensions, expected 0 to {MAX_DIMENSIONS}. Is this an NDArray file?")
    shape = reader.numbers(f"<{dimensions}{code}", "its shape")
    if any(length < 0 for length in shape) or math.prod(max(length, 1) for length in shape) > MOST_NUMBERS:
        raise reader.problem(f"shape {shape} is not possible")
    return shape


def _pass_device(reader: _NDArrayReader) -> None:
    """Skip the device that wrote the array; a reader does not need it."""
    reader.numbers("<ii", "its device")


def _read_type(reader: _NDArrayReader) -> np.dtype:
    (flag,) = reader.numbers("<i", "its type")
    if not 0 <= flag < len(DTYPES):
        raise reader.problem(f"type flag {flag}, expected 0 to {len(DTYPES) - 1}")
    return DTYPES[flag]


def _read_data(reader: _NDArrayReader, dtype: np.dtype, shape: tuple[int, ...]) -> NDArray:
    data = reader.take(dtype.itemsize * math.prod(shape), f"data of shape {shape}, {dtype},")
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _read_name(reader: _NDArrayReader) -> str:
    (length,) = reader.numbers("<Q", "a name's length")
    try:
        return bytes(reader.take(length, "a name")).decode()
    except UnicodeDecodeError:
        raise reader.problem("a name is not UTF-8") from None


def _dense_pieces(array: NDArray) -> Iterator[bytes | memoryview]:
    head = struct.pack("<Ii", VERSION_2, DENSE) + _shape_bytes(array.shape) + struct.pack("<ii", *CPU)
    yield head + _type_bytes(array)
    yield _data(array)


def _sparse_pieces(array: RowSparse) -> Iterator[bytes | memoryview]:
    head = struct.pack("<Ii", VERSION_2, ROW_SPARSE) + _shape_bytes(array.values.shape) + _shape_bytes(array.shape)
    types = struct.pack("<ii", *CPU) + _type_bytes(array.values)
    indices = array.indices.astype(np.int64)
    yield head + types + _type_bytes(indices) + _shape_bytes(indices.shape)
    yield _data(array.values)
    yield _data(indices)


def _shape_bytes(shape: tuple[int, ...]) -> bytes:
    if not shape:
        raise ValueError("An NDArray file holds no array without dimensions; give it shape (1,).")
    return struct.pack(f"<i{len(shape)}q", len(shape), *shape)


def _type_bytes(array: NDArray) -> bytes:
    dtype = array.dtype.newbyteorder("<")
    if dtype not in TYPE_FLAGS:
        raise ValueError(f"An NDArray file holds no {array.dtype}, expected one of {', '.join(map(str, DTYPES))}.")
    return struct.pack("<i", TYPE_FLAGS[dtype])


def _data(array: NDArray) -> memoryview:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data
