"""Names, shapes and types of the arrays in a model file: MXNet's NDArray files, NumPy's, safetensors, and flat indexes of faiss."""

from __future__ import annotations

import io
import math
import struct
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract import json_text
from wildsage.containers.contract.printable import printable
from wildsage.local_runner.console.previews.kinds import StoredArray

MOST_ARRAYS = 1_000
NUMPY = b"\x93NUMPY"
FLAT_INDEXES = (b"IxF2", b"IxFI")
INDEX_HEAD = struct.Struct("<4xiq")
SAFETENSORS_HEAD = struct.Struct("<Q")
SAFETENSORS_TYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
MOST_HEAD_BYTES = 8 << 20
MOST_AXES = 64
LARGEST = 1 << 63


def needed_bytes(name: str, head: bytes, size: int) -> int:
    """How many bytes `read` needs of a file of that size, which begins with `head`; 0 where it finds no arrays in it."""
    if head.startswith(ndarray.MAGIC):
        return size
    if head.startswith((NUMPY, *FLAT_INDEXES)) or name.endswith(".safetensors"):
        return min(size, MOST_HEAD_BYTES)
    return 0


def read(name: str, content: bytes) -> list[StoredArray]:
    """The arrays of a file, at most `MOST_ARRAYS`. Raises UserError or ValueError for a damaged file."""
    if content.startswith(ndarray.MAGIC):
        return list(islice(_of_mxnet(content), MOST_ARRAYS))
    if content.startswith(NUMPY):
        return [_of_numpy(content)]
    if content.startswith(FLAT_INDEXES):
        return [_of_faiss(content)]
    return list(islice(_of_safetensors(content), MOST_ARRAYS)) if name.endswith(".safetensors") else []


def _of_mxnet(content: bytes) -> Iterator[StoredArray]:
    found = ndarray.read(content)
    named = found.items() if isinstance(found, dict) else (("", array) for array in found)
    for name, array in named:
        values = array if isinstance(array, np.ndarray) else array.values
        yield StoredArray(name, array.shape, str(values.dtype), values.nbytes)


def _of_numpy(content: bytes) -> StoredArray:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, _, dtype = read_head(file)
    except (SyntaxError, tokenize.TokenError, TypeError, RecursionError, MemoryError):  # NumPy parses it as Python
        raise UserError("The head of the array is damaged.") from None
    return _array("", shape, str(dtype), dtype.itemsize)


def _of_faiss(content: bytes) -> StoredArray:
    if len(content) < INDEX_HEAD.size:
        raise UserError("The index is cut short.")
    columns, rows = INDEX_HEAD.unpack_from(content)
    return _array("index", (rows, columns), "float32", 4)


def _of_safetensors(content: bytes) -> Iterator[StoredArray]:
    """The head of the format is a length and a JSON object. Source: https://github.com/huggingface/safetensors, "Format"."""
    if len(content) < SAFETENSORS_HEAD.size:
        raise UserError("The file is cut short.")
    (length,) = SAFETENSORS_HEAD.unpack_from(content)
    heads = json_text.parse(content[SAFETENSORS_HEAD.size : SAFETENSORS_HEAD.size + length])
    if not isinstance(heads, dict):
        raise UserError("The head of the file is not a JSON object.")
    for name, head in heads.items():
        if name != "__metadata__":
            yield _tensor(name, head)


def _tensor(name: str, head: Any) -> StoredArray:
    shape = head.get("shape") if isinstance(head, Mapping) else None
    dtype = head.get("dtype") if isinstance(head, Mapping) else None
    if not isinstance(shape, list) or not all(type(length) is int for length in shape) or not isinstance(dtype, str):
        raise UserError(f"The head of {name!r} has no shape and dtype.")
    return _array(name, shape, dtype, SAFETENSORS_TYPES.get(dtype, 0))


def _array(name: str, shape: Sequence[int], dtype: str, item_bytes: int) -> StoredArray:
    """An array whose shape a file claims. Raises UserError for a shape that no array has."""
    if len(shape) > MOST_AXES or not all(0 <= length < LARGEST for length in shape):
        raise UserError(f"The shape of {name!r} is not that of an array.")
    size_bytes = math.prod(shape) * item_bytes
    if size_bytes >= LARGEST:
        raise UserError(f"The shape of {name!r} is that of more bytes than there can be.")
    return StoredArray(printable(name), shape, printable(dtype), size_bytes)
