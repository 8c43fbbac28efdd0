"""Arrays of model files: names, shapes and sizes; what is damaged or claims too much is an error."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.local_runner.console.previews import arrays
from wildsage.local_runner.console.previews.kinds import StoredArray


def numpy_file(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def safetensors(heads: object) -> bytes:
    text = json.dumps(heads).encode()
    return struct.pack("<Q", len(text)) + text


def tensor(*shape: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [0, 0]}


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_an_array_of_numpy(version):
    found = arrays.read("a.npy", numpy_file(np.zeros((2, 3), np.float64), version))
    assert found == [StoredArray("", (2, 3), "float64", 48)]


def test_arrays_of_safetensors():
    heads = {
        "a": tensor(2, 3),
        "__metadata__": {"x": "y"},
        "b": tensor(5, dtype="BF16"),
        "c": tensor(dtype="I64"),
        "d": tensor(9, dtype="new"),
    }
    assert arrays.read("m.safetensors", safetensors(heads) + b"data") == [
        StoredArray("a", [2, 3], "F32", 24),
        StoredArray("b", [5], "BF16", 10),
        StoredArray("c", [], "I64", 8),
        StoredArray("d", [9], "new", 0),
    ]
    assert arrays.read("m.bin", safetensors(heads)) == []


@pytest.mark.parametrize("magic", [b"IxF2", b"IxFI"])
def test_a_flat_index_of_faiss(magic):
    head = magic + struct.pack("<iq", 4, 10)
    assert arrays.read("index", head) == [StoredArray("index", (10, 4), "float32", 160)]
    with pytest.raises(UserError, match="The index is cut short"):
        arrays.read("index", head[:-1])


def test_arrays_of_mxnet():
    content = ndarray.write({"w": np.zeros((2, 2), np.float32)})
    assert arrays.read("m.params", content) == [StoredArray("w", (2, 2), "float32", 16)]
    assert arrays.needed_bytes("m.params", content, 1 << 40) == 1 << 40


@pytest.mark.parametrize(
    ("name", "head", "size", "needed"),
    [
        ("a.npy", b"\x93NUMPY", 100, 100),
        ("a.npy", b"\x93NUMPY", 9 << 20, 8 << 20),
        ("a", b"IxF2", 100, 100),
        ("a.safetensors", b"xx", 9 << 20, 8 << 20),
        ("a.txt", b"xx", 100, 0),
    ],
)
def test_how_much_of_a_file_is_read(name, head, size, needed):
    assert arrays.needed_bytes(name, head, size) == needed


def test_a_thousand_arrays_are_shown():
    heads = {str(number): tensor(1) for number in range(1001)}
    assert len(arrays.read("m.safetensors", safetensors(heads))) == 1000


@pytest.mark.parametrize(("axes", "sound"), [(64, True), (65, False)])
def test_an_array_has_at_most_64_axes(axes, sound):
    content = safetensors({"a": tensor(*[1] * axes)})
    if sound:
        assert len(arrays.read("m.safetensors", content)) == 1
    else:
        with pytest.raises(UserError, match="is not that of an array"):
            arrays.read("m.safetensors", content)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ([-1], "is not that of an array"),
        ([2**63], "is not that of an array"),
        ([2**61], "more bytes than there can be"),
        ([2**31, 2**30], "more bytes than there can be"),
    ],
)
def test_a_shape_that_cannot_be_is_rejected(shape, words):
    with pytest.raises(UserError, match=words):
        arrays.read("m.safetensors", safetensors({"a": tensor(*shape)}))


def test_the_largest_shape_that_can_be_is_shown():
    (found,) = arrays.read(
        "m.safetensors",
        safetensors(
            {
                "a": tensor(2**61 - 1),
            }
        ),
    )
    assert found.size_bytes == 2**63 - 4
    (empty,) = arrays.read("m.safetensors", safetensors({"a": tensor(0, 2**62)}))
    assert empty.size_bytes == 0


@pytest.mark.parametrize(
    "head",
    [
        1,
        {},
        {"shape": 1, "dtype": "F32"},
        {"shape": [1.5], "dtype": "F32"},
        {"shape": [True], "dtype": "F32"},
        {"shape": [1]},
        {"shape": [1], "dtype": 1},
    ],
)
def test_a_tensor_without_shape_and_dtype_is_rejected(head):
    with pytest.raises(UserError, match="The head of 'a' has no shape and dtype"):
        arrays.read("m.safetensors", safetensors({"a": head}))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"1234567", "cut short"), (safetensors([]), "not a JSON object")],
)
def test_a_damaged_file_of_safetensors(content, words):
    with pytest.raises(UserError, match=words):
        arrays.read("m.safetensors", content)


def test_a_damaged_head_of_numpy():
    content = bytearray(numpy_file(np.zeros(2)))
    content[12] = ord("[")
    with pytest.raises((UserError, ValueError)):
        arrays.read("a.npy", bytes(content))


@pytest.mark.parametrize(
    ("dtype", "size_bytes"),
    [(dtype, int(dtype.strip("BFIU")) // 8) for dtype in ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8")]
    + [("BOOL", 1)],
)
def test_the_size_of_a_number_is_in_its_type(dtype, size_bytes):
    (found,) = arrays.read("m.safetensors", safetensors({"a": tensor(1, dtype=dtype)}))
    assert found.size_bytes == size_bytes
