"""MXNet's files of arrays, beside recorded bytes."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.codecs.mxnet.ndarray import CompressedRows, RowSparse

RECORDED = bytes.fromhex(
    "1201000000000000 0000000000000000 0100000000000000 c9fa93f9 00000000 02000000 0200000000000000 0300000000000000"
    "01000000 00000000 00000000 00000000 0000803f 00000040 00004040 00008040 0000a040 0000000000000000"
)
SIX = np.arange(6, dtype=np.float32).reshape(2, 3)
DATA = SIX.tobytes()
HEAD = struct.pack("<QQQ", 0x112, 0, 1)
UNNAMED = struct.pack("<Q", 0)
CPU_FLOAT32 = struct.pack("<iii", 1, 0, 0)


def member(path, name: str) -> bytes:
    with tarfile.open(path) as tar:
        return tar.extractfile(name).read()


def test_recorded_bytes_both_ways():
    (array,) = ndarray.read(RECORDED)
    assert np.array_equal(array, SIX)
    assert array.dtype == np.float32
    assert ndarray.write([SIX]) == RECORDED


@pytest.mark.parametrize(
    "array_bytes",
    [
        struct.pack("<I2I", 2, 2, 3) + CPU_FLOAT32 + DATA,
        struct.pack("<Ii2q", 0xF993FAC8, 2, 2, 3) + CPU_FLOAT32 + DATA,
        struct.pack("<Iii2q", 0xF993FAC9, 0, 2, 2, 3) + CPU_FLOAT32 + DATA,
        struct.pack("<Iii2q", 0xF993FACA, 0, 2, 2, 3) + CPU_FLOAT32 + DATA,
    ],
    ids=["V0", "V1", "V2", "V3"],
)
def test_every_version_is_read(array_bytes):
    (array,) = ndarray.read(HEAD + array_bytes + UNNAMED)
    assert np.array_equal(array, SIX)


def test_arrays_without_dimensions():
    unknown = struct.pack("<Iii", 0xF993FACA, 0, -1)
    scalar = struct.pack("<Iii", 0xF993FACA, 0, 0) + CPU_FLOAT32 + struct.pack("<f", 2.5)
    empty = struct.pack("<Iii", 0xF993FAC9, 0, 0)
    read = ndarray.read(struct.pack("<QQQ", 0x112, 0, 3) + unknown + scalar + empty + UNNAMED)
    assert [array.shape for array in read] == [(0,), (), (0,)]
    assert read[1] == 2.5


@given(
    st.dictionaries(
        st.text(max_size=8),
        arrays.arrays(st.sampled_from(ndarray.DTYPES), arrays.array_shapes(max_dims=4, min_side=0, max_side=4)),
    )
)
def test_named_arrays_round_trip(named):
    read = ndarray.read(ndarray.write(named))
    assert list(read) == list(named)
    if named:
        for name, array in named.items():
            assert read[name].dtype == array.dtype
            assert read[name].shape == array.shape
            assert read[name].tobytes() == array.tobytes()


def test_row_sparse_round_trip():
    array = RowSparse(np.array([[1, 2], [3, 4]], np.float32), np.array([1, 3]), (5, 2))
    (read,) = ndarray.read(ndarray.write([array]))
    assert read.shape == (5, 2)
    assert read.dense().tolist() == [[0, 0], [1, 2], [0, 0], [3, 4], [0, 0]]


def compressed(starts: list[int], columns: list[int]) -> bytes:
    content = struct.pack("<Iiiqi2q", 0xF993FAC9, 2, 1, len(columns), 2, 2, 3) + CPU_FLOAT32
    content += struct.pack("<iiqiiq", 6, 1, len(starts), 6, 1, len(columns))
    content += np.ones(len(columns), np.float32).tobytes()
    return HEAD + content + np.array(starts, "<i8").tobytes() + np.array(columns, "<i8").tobytes() + UNNAMED


def test_csr_is_read():
    (read,) = ndarray.read(compressed([0, 1, 3], [2, 0, 1]))
    assert isinstance(read, CompressedRows)
    assert (read.starts.tolist(), read.columns.tolist(), read.shape) == ([0, 1, 3], [2, 0, 1], (2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "head, byte 0: the file's magic takes 16 bytes, but 0 are left"),
        (b"PK\3\4" + bytes(20), "not an NDArray file: it begins with 50 4b 03 04"),
        (RECORDED[:40], "array 0 of 1, byte 36: its shape takes 16 bytes, but 4 are left. Is the file truncated?"),
        (RECORDED[:70], "data of shape (2, 3), float32, takes 24 bytes, but 6 are left"),
        (RECORDED[:-8], "names, byte 88: their number takes 8 bytes, but 0 are left"),
        (RECORDED + b"x", "names, byte 96: 1 bytes follow the end"),
        (RECORDED[:-8] + struct.pack("<Q", 2), "2 names for 1 arrays, expected 0 or 1"),
        (RECORDED[:-8] + struct.pack("<QQ", 1, 9) + b"w", "a name takes 9 bytes, but 1 are left"),
        (RECORDED[:-8] + struct.pack("<QQ", 1, 1) + b"\xff", "a name is not UTF-8"),
        (HEAD + struct.pack("<Ii", 0xF993FAC9, 7), "storage type 7, expected 0 (dense)"),
        (HEAD + struct.pack("<I", 4_000_000_000), "4000000000 dimensions, expected 0 to 32"),
        (HEAD + struct.pack("<Iiiq", 0xF993FAC9, 0, 1, -5), "shape (-5,) is not possible"),
        (HEAD + struct.pack("<Iii3q", 0xF993FAC9, 0, 3, 0, 1 << 60, 1 << 60), "is not possible"),
        (
            HEAD + struct.pack("<Iiiq", 0xF993FAC9, 0, 1, 1 << 50) + CPU_FLOAT32,
            "takes 4503599627370496 bytes, but 0 are left",
        ),
        (HEAD + struct.pack("<Iiiqiii", 0xF993FAC9, 0, 1, 1, 1, 0, 9), "type flag 9, expected 0 to 6"),
        (struct.pack("<QQQ", 0x112, 0, 1 << 60), "array 0 of 1152921504606846976, byte 24: its version takes 4 bytes"),
        (compressed([0, 1, 9], [2, 0, 1]), "row starts do not ascend from 0 to 3"),
        (compressed([0, 1, 3], [2, 0, 3]), "columns are not all from 0 to 2"),
        (compressed([1, 1, 3], [2, 0, 1]), "row starts do not ascend from 0 to 3"),
        (compressed([0, 1, 2], [2, 0, 1]), "row starts do not ascend from 0 to 3"),
        (compressed([0, 4, 3], [2, 0, 1]), "row starts do not ascend from 0 to 3"),
        (compressed([0, 1, 3], [2, 0, -1]), "columns are not all from 0 to 2"),
        (compressed([0, 3], [2, 0, 1]), "(2,) row starts, (3,) columns, (3,) values do not make up a matrix (2, 3)"),
        (compressed([0, 1, 2, 3], [2, 0, 1]), "(4,) row starts, (3,) columns, (3,) values do not make up a matrix"),
        (ndarray.write([RowSparse(SIX, np.array([-1, 3]), (5, 3))]), "row indices are not ascending from 0 to 4"),
        (ndarray.write([RowSparse(SIX, np.array([3, 1]), (5, 3))]), "row indices are not ascending"),
        (ndarray.write([RowSparse(SIX, np.array([[1], [3]]), (5, 3))]), "do not make up an array (5, 3)"),
        (ndarray.write([RowSparse(SIX, np.array([1, 3]), (5, 2))]), "do not make up an array (5, 2)"),
        (HEAD + struct.pack("<Iii", 0xF993FAC9, 0, 33), "33 dimensions, expected 0 to 32"),
        (HEAD + struct.pack("<Iii", 0xF993FAC9, 0, -1), "-1 dimensions, expected 0 to 32"),
        (HEAD + struct.pack("<Iiii", 0xF993FACA, 0, -2, 0), "-2 dimensions, expected 0 to 32"),
        (HEAD + struct.pack("<Iii2q", 0xF993FAC9, 0, 2, 1 << 30, 1 + (1 << 29)), "is not possible"),
        (HEAD + struct.pack("<Iiiqiii", 0xF993FAC9, 0, 1, 1, 1, 0, 7), "type flag 7, expected 0 to 6"),
        (HEAD + struct.pack("<Iiiqiii", 0xF993FAC9, 0, 1, 1, 1, 0, -1), "type flag -1, expected 0 to 6"),
        (HEAD + struct.pack("<Ii", 0xF993FAC9, -1), "storage type -1, expected 0 (dense)"),
        (ndarray.write([RowSparse(SIX[:1], np.array([5]), (5, 3))]), "row indices are not ascending from 0 to 4"),
        (ndarray.write([RowSparse(SIX, np.array([3, 3]), (5, 3))]), "row indices are not ascending"),
        (ndarray.write([RowSparse(SIX, np.array([3]), (5, 3))]), "do not make up an array (5, 3)"),
        (
            struct.pack("<QQQ", 0x112, 0, 2) + 2 * RECORDED[24:-8] + struct.pack("<QQ1sQ1s", 2, 1, b"w", 1, b"w"),
            "a name occurs twice",
        ),
    ],
)
def test_damaged_files_are_rejected_with_place_and_reason(content, message):
    with pytest.raises(UserError) as caught:
        ndarray.read(content)
    assert message in str(caught.value)


def test_as_many_dimensions_and_numbers_as_may_be_are_read():
    thirty_two = struct.pack("<Iii32q", 0xF993FAC9, 0, 32, *[1] * 31, 2) + CPU_FLOAT32 + DATA[:8]
    (array,) = ndarray.read(HEAD + thirty_two + UNNAMED)
    assert array.shape == (*[1] * 31, 2)
    with pytest.raises(UserError, match="takes 2305843009213693952 bytes, but 0 are left"):  # not that it is impossible
        ndarray.read(HEAD + struct.pack("<Iii2q", 0xF993FAC9, 0, 2, 1 << 30, 1 << 29) + CPU_FLOAT32)


@pytest.mark.parametrize(("starts", "columns"), [([0, 0, 0], []), ([0, 3, 3], [0, 1, 2]), ([0, 0, 1], [0])])
def test_rows_of_csr_may_be_empty(starts, columns):
    (read,) = ndarray.read(compressed(starts, columns))
    assert (read.starts.tolist(), read.columns.tolist()) == (starts, columns)


@pytest.mark.parametrize("indices", [[], [0], [4], [0, 4]])
def test_stored_rows_may_be_the_first_the_last_or_none(indices):
    array = RowSparse(SIX[: len(indices)], np.array(indices, np.int64), (5, 3))
    (read,) = ndarray.read(ndarray.write([array]))
    assert read.indices.tolist() == indices and read.values.tolist() == array.values.tolist()
    assert read.dense().dtype == np.float32 and read.dense()[indices].tolist() == array.values.tolist()


def test_a_file_is_known_by_its_first_eight_bytes(tmp_path):
    for content, known in ((RECORDED, True), (RECORDED[:8], True), (RECORDED[:7], False), (b"", False)):
        (tmp_path / "file").write_bytes(content)
        assert ndarray.is_file(tmp_path / "file") == known


@given(st.integers(0, 95), st.integers(0, 255))
def test_any_changed_byte_gives_arrays_or_a_user_error(place, byte):
    content = bytearray(RECORDED)
    content[place] = byte
    try:
        ndarray.read(bytes(content))
    except UserError as error:
        assert str(error).startswith("NDArray file, ")


def test_pieces_are_the_file_and_do_not_copy_numbers():
    pieces = list(ndarray.pieces([SIX]))
    assert b"".join(pieces) == ndarray.write([SIX])
    assert any(np.shares_memory(np.frombuffer(piece, np.uint8), SIX) for piece in pieces)


def test_arrays_are_written_in_the_order_of_their_axes():
    assert ndarray.write([np.asfortranarray(SIX)]) == ndarray.write([SIX])
    assert ndarray.write([SIX.astype(">f4")]) == ndarray.write([SIX])


def test_what_the_format_does_not_hold_is_rejected():
    with pytest.raises(ValueError, match="no complex128, expected one of float32"):
        ndarray.write([np.ones(1, complex)])
    with pytest.raises(ValueError, match="no array without dimensions"):
        ndarray.write([np.float32(1).reshape(())])


def test_real_kmeans_and_pca_models_both_ways(golden):
    kmeans = member(golden / "kmeans-census-k8" / "model.tar.gz", "model_algo-1")
    (centers,) = ndarray.read(kmeans)
    assert centers.shape == (8, 7)
    assert ndarray.write([centers]) == kmeans
    pca = member(golden / "pca-census" / "model.tar.gz", "model_algo-1")
    arrays_by_name = ndarray.read(pca)
    assert {name: array.shape for name, array in arrays_by_name.items()} == {"s": (33,), "v": (34, 33), "mean": (1, 34)}
    assert arrays_by_name["s"][-1] == pytest.approx(19.592180, rel=1e-6)  # printed to six decimals
    assert ndarray.write(arrays_by_name) == pca


def test_a_real_state_both_ways(golden):
    content = next((golden / "kmeans-census-k8").glob("state_*")).read_bytes()
    state = ndarray.read(content)
    assert {name: array.shape for name, array in state.items()} == {"1": (80, 1), "0": (80, 7)}
    assert ndarray.write(state) == content


def test_real_row_sparse_parameters_both_ways(golden):
    model = member(golden / "fm-movielens" / "model.tar.gz", "model_algo-1")
    content = zipfile.ZipFile(io.BytesIO(model)).read("params")
    parameters = ndarray.read(content)
    assert parameters["arg:v"].shape == (2625, 64)
    assert isinstance(parameters["arg:v"], RowSparse)
    assert parameters["arg:w0_weight"].shape == (1,)
    assert ndarray.write(parameters) == content


def test_a_real_file_of_the_oldest_version(golden):
    read = ndarray.read((golden / "mxnet-ndarray" / "legacy_ndarray.v0").read_bytes())
    assert len(read) == 6
    assert all(np.array_equal(array, np.arange(128, dtype=np.float32)) for array in read)
