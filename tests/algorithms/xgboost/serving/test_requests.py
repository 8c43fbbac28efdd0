"""Bodies of requests as rows, and which widths a model takes."""

import io

import numpy as np
import pytest
from scipy.sparse import csr_matrix

pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.serving.requests import UnreadableBody, checked, kind_of, parse
from wildsage.algorithms.xgboost.versions import NEWEST, Version
from wildsage.containers.codecs.records import files
from wildsage.containers.programs import RecordCodec

RECORDS = RecordCodec()


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (None, "libsvm"), ("", "libsvm"), ("text/csv", "csv"), ("CSV ; charset=utf-8", "csv"), ("text/csv;label_size=1", "csv"),
        ("text/x-libsvm", "libsvm"), ("Text/LibSVM", "libsvm"), ("libsvm", "libsvm"), ("recordio-protobuf", "recordio-protobuf"),
        ("application/x-recordio-protobuf", "recordio-protobuf"),
    ],
)  # fmt: skip
def test_a_content_type_is_a_kind(given, kind):
    assert kind_of(given) == kind


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("Application/JSON; q=1", "Content-type application/json not supported. Supported content-type is text/csv, text/libsvm, "
         "text/x-libsvm, application/x-recordio-protobuf"),
        ("text/csv; label_size=2", "text/csv; label_size=2 is not an accepted csv ContentType. Optional parameter label_size must be "
         "equal to 1"),
    ],
)  # fmt: skip
def test_another_content_type_is_rejected_in_the_originals_words(given, text):
    with pytest.raises(UnreadableBody) as raised:
        kind_of(given)
    assert str(raised.value) == text


def libsvm(body: bytes, version: Version = NEWEST, width: int = 4) -> list[list[float]]:
    return parse("libsvm", body, version, RECORDS, width).toarray().tolist()


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"0:1 3:2", [[1, 0, 0, 2]]),
        (b"7 0:1 3:2", [[1, 0, 0, 2]]),
        (b"7 0:1\n0:5\n8 3:2\n", [[1, 0, 0, 0], [5, 0, 0, 0], [0, 0, 0, 2]]),
        (b"7", [[0, 0, 0, 0]]),
    ],
)
def test_rows_of_libsvm_may_have_a_label(body, rows):
    assert libsvm(body) == rows


def test_rows_are_as_wide_as_the_model_or_wider():
    assert np.shape(libsvm(b"0:1", width=9)) == (1, 9)
    assert np.shape(libsvm(b"0:1 9:1", width=2)) == (1, 10)


def test_columns_are_counted_from_1_since_version_3_where_none_is_0():
    assert libsvm(b"1:5 4:6") == [[5, 0, 0, 6]]
    assert libsvm(b"0:5 3:6\n1:7") == [[5, 0, 0, 6], [0, 7, 0, 0]]
    assert libsvm(b"1:5 3:6", Version(1, 7)) == [[0, 5, 0, 6]]


X = np.array([[1, 0, 2], [0, 3, 0]], np.float32)


@pytest.mark.parametrize(
    "write",
    [files.write_numpy_to_dense_tensor, lambda out, x: files.write_spmatrix_to_sparse_tensor(out, csr_matrix(x))],
)
def test_records_are_rows(write):
    body = io.BytesIO()
    write(body, X)
    found = parse("recordio-protobuf", body.getvalue(), NEWEST, RECORDS, 3)
    np.testing.assert_array_equal(found if isinstance(found, np.ndarray) else found.toarray(), X)


def test_dense_and_sparse_records_together_are_sparse_rows():
    body = io.BytesIO()
    files.write_numpy_to_dense_tensor(body, X)
    files.write_spmatrix_to_sparse_tensor(body, csr_matrix(X))
    found = parse("recordio-protobuf", body.getvalue(), NEWEST, RECORDS, 3)
    np.testing.assert_array_equal(found.toarray(), np.concatenate([X, X]))


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("csv", b"1,x\n2,3", "<class 'ValueError'>\n row 1: "),
        ("csv", b"1,_", "<class 'ValueError'>\n row 1: "),
        ("csv", b"\xff,1", "<class 'UnicodeDecodeError'>\n 'utf-8' codec"),
        ("libsvm", b"1 0:x", "<class 'ValueError'>\n row 1: value 'x' is not a number"),
        ("recordio-protobuf", b"", "<class 'ValueError'>\n the body holds no records"),
        ("csv", b"\x1f\x8b\x08\0", "<class 'ValueError'>\n the data is gzip"),
        ("recordio-protobuf", b"\x1f\x8b\x08\0", "<class 'ValueError'>\n the data is gzip"),
    ],
)
def test_what_cannot_be_read_says_so_in_the_originals_words(kind, body, shown):
    with pytest.raises(UnreadableBody) as raised:
        parse(kind, body, NEWEST, RECORDS, 2)
    assert str(raised.value).startswith(
        f"Loading {kind} data failed with Exception, please ensure data is in {kind} format:\n {shown}"
    )


DENSE, SPARSE = np.zeros((2, 3), np.float32), csr_matrix((2, 3), dtype=np.float32)


def test_a_row_may_lack_its_last_column():
    found = checked(DENSE, "csv", 4)
    assert found.shape == (2, 4) and np.isnan(found[:, 3]).all() and not np.isnan(found[:, :3]).any()
    assert checked(DENSE, "csv", 3) is DENSE
    assert checked(SPARSE, "recordio-protobuf", 3) is SPARSE
    wider = checked(csr_matrix(X), "recordio-protobuf", 4)
    np.testing.assert_array_equal(wider.toarray(), np.column_stack([X, np.zeros(2)]))
    assert checked(SPARSE, "libsvm", 3) is SPARSE and checked(SPARSE, "libsvm", 9) is SPARSE


@pytest.mark.parametrize(
    ("kind", "width", "text"),
    [
        ("csv", 2, "Feature size of csv inference data 3 is not consistent with feature size of trained model 2."),
        ("csv", 5, "Feature size of csv inference data 3 is not consistent with feature size of trained model 5."),
        ("recordio-protobuf", 5, "Feature size of recordio-protobuf inference data 3 is not consistent with feature size of trained model 5."),
        ("libsvm", 2, "Feature size of libsvm inference data 3 is larger than feature size of trained model 2."),
    ],
)  # fmt: skip
def test_another_width_is_rejected_in_the_originals_words(kind, width, text):
    with pytest.raises(UserError) as raised:
        checked(SPARSE if kind == "libsvm" else DENSE, kind, width)
    assert str(raised.value) == text
