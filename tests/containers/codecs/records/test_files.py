"""The public codec against SDK v2, which still has the code that v3 dropped: same bytes, same values."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sagemaker.amazon import common
from scipy import sparse

from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.records import files
from wildsage.containers.codecs.records.recordio import frame
from wildsage.containers.codecs.rows import FlatRows

DTYPES = (np.float32, np.float64, np.int64)
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5))


def written(write, *arguments) -> bytes:
    file = io.BytesIO()
    write(file, *arguments)
    return file.getvalue()


@st.composite
def matrices(draw):
    dtype = draw(st.sampled_from(DTYPES))
    elements = st.integers(-(2**31), 2**31 - 1) if dtype == np.int64 else st.floats(-1e6, 1e6, width=32)
    return draw(hnp.arrays(dtype, draw(SHAPES), elements=elements))


@given(matrices(), st.booleans())
def test_dense_rows_are_written_as_sdk_v2_writes_them(rows_nd, labelled):
    labels = (np.arange(len(rows_nd), dtype=np.float64),) if labelled else ()
    ours = written(files.write_numpy_to_dense_tensor, rows_nd, *labels)
    assert ours == written(common.write_numpy_to_dense_tensor, rows_nd, *labels)


@given(matrices(), st.booleans(), st.sampled_from([sparse.csr_matrix, sparse.coo_matrix, sparse.csr_array]))
def test_sparse_rows_are_written_as_sdk_v2_writes_them(rows_nd, labelled, kind):
    labels = (np.arange(len(rows_nd), dtype=np.float64),) if labelled else ()
    ours = written(files.write_spmatrix_to_sparse_tensor, kind(rows_nd), *labels)
    assert ours == written(common.write_spmatrix_to_sparse_tensor, sparse.csr_matrix(rows_nd), *labels)


def test_records_read_as_sdk_v2_reads_them():
    rows_nd = sparse.random(20, 7, density=0.4, format="csr", dtype=np.float32, random_state=0)
    content = written(files.write_spmatrix_to_sparse_tensor, rows_nd, np.arange(20, dtype=np.float32))
    ours, theirs = files.read_records(io.BytesIO(content)), common.read_records(io.BytesIO(content))
    assert len(ours) == len(theirs) == 20
    for our, their in zip(ours, theirs, strict=True):
        for where in ("features", "label"):
            mine, other = getattr(our, where)["values"], getattr(their, where)["values"]
            for kind in ("float32_tensor", "float64_tensor", "int32_tensor"):
                tensor, expected = getattr(mine, kind), getattr(other, kind)
                assert (tensor.values, tensor.keys, tensor.shape) == tuple(
                    map(list, (expected.values, expected.keys, expected.shape))
                )


def test_answers_have_named_labels():
    content = bytes.fromhex("0a23d7ce") + bytes(4)  # an empty record: no maps at all
    assert files.read_records(io.BytesIO(content)) == [files.Record({}, {})]


@pytest.mark.parametrize(
    ("array", "labels", "problem"),
    [
        (np.zeros(3), None, "1 dimensions, expected rows by columns"),
        (np.zeros((3, 2)), np.zeros(2), "2 labels for 3 rows"),
        (np.zeros((3, 2)), np.zeros((3, 1, 1)), "Labels of 3 dimensions, expected one or two"),
        (np.zeros((3, 2), np.complex64), None, "dtype complex64"),
        (np.full((1, 1), 2**40), None, "beyond 32 bits"),
    ],
)
def test_what_cannot_be_written_is_reported(array, labels, problem):
    with pytest.raises((TypeError, ValueError), match=problem):
        written(files.write_numpy_to_dense_tensor, array, labels)


def test_a_dense_array_is_not_a_sparse_matrix():
    with pytest.raises(TypeError, match="Got ndarray, expected a sparse matrix"):
        written(files.write_spmatrix_to_sparse_tensor, np.zeros((1, 1)))


def test_what_is_not_a_record_is_reported():
    with pytest.raises(BadRecord, match="no RecordIO header"):
        files.read_records(io.BytesIO(b"no records at all"))


def test_it_needs_no_torch():
    code = "import sys, wildsage.containers.codecs.records.files; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[4]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.parametrize(
    ("dtype", "kind"), [(np.float32, "float32_tensor"), (np.float64, "float64_tensor"), (np.int32, "int32_tensor")]
)
def test_a_tensor_stands_under_the_name_of_its_type_alone(dtype, kind):
    content = written(files.write_numpy_to_dense_tensor, np.array([[1, 2]], dtype), np.array([7], dtype))
    (record,) = files.read_records(io.BytesIO(content))
    for where, values in ((record.features, [1, 2]), (record.label, [7])):
        assert where == {"values": files.Value(**{kind: files.Tensor(values, [], [])})}


def test_a_damaged_record_is_named_by_its_number():
    good = written(files.write_numpy_to_dense_tensor, np.ones((1, 2)))
    for content, number in ((frame(b"\x0b") + good, 1), (good + frame(b"\x0b"), 2)):
        with pytest.raises(
            BadRecord, match=f"^row {number}: wire type 3 in field 1, which a Record message cannot have"
        ):
            files.read_records(io.BytesIO(content))


def test_no_rows_are_no_bytes_and_may_have_labels_of_no_rows():
    nothing = FlatRows(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64), 3, np.empty((0, 1)))
    assert files.encode_sparse(nothing) == files.encode_dense(np.empty((0, 3)), np.empty(0)) == b""
    no_matrix = sparse.csr_array((0, 3), dtype=np.float32)
    assert written(files.write_spmatrix_to_sparse_tensor, no_matrix, np.empty(0, np.float32)) == b""
    with pytest.raises(ValueError, match="1 labels for 0 rows, expected one per row"):
        files.encode_dense(np.empty((0, 3)), np.ones(1))


def test_labels_may_have_a_column_of_their_own():
    rows = np.ones((2, 1))
    column = files.encode_dense(rows, np.array([[3.0], [4.0]]))
    assert column == files.encode_dense(rows, np.array([3.0, 4.0]))
    assert files.encode_dense(rows, np.array([[3.0, 5.0], [4.0, 6.0]])) != column
