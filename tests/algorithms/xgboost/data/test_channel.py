"""Channels of each format and mode: which rows they hold, and where what is wrong stands."""

import io
import re
from types import SimpleNamespace

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")
import pyarrow as pa  # noqa: E402
from pyarrow import parquet  # noqa: E402

from wildsage.algorithms.base.errors import BadRecord, UserError  # noqa: E402
from wildsage.algorithms.base.program import JobChannel  # noqa: E402
from wildsage.algorithms.xgboost.data import channel  # noqa: E402
from wildsage.algorithms.xgboost.data.channel import ChannelReader  # noqa: E402
from wildsage.algorithms.xgboost.data.content_types import CSV, LIBSVM, PARQUET, RECORDS  # noqa: E402
from wildsage.algorithms.xgboost.data.matrix import MatrixSettings  # noqa: E402
from wildsage.algorithms.xgboost.versions import NEWEST, Version  # noqa: E402
from wildsage.containers.codecs.records.files import write_numpy_to_dense_tensor  # noqa: E402
from wildsage.containers.programs import RecordCodec  # noqa: E402

OLD = Version(1, 7)


@pytest.fixture
def read(tmp_path):
    """`read(CSV, b"1,2\\n", b"3,4\\n", weights=True)`: what the matrix of these files holds, or of the pieces of a pipe."""

    def matrix_of(form, *contents, version=NEWEST, weights=False, pipe=False, said=None):
        for number, content in enumerate(contents):
            (tmp_path / f"part-{number}").write_bytes(content)
        reader = ChannelReader(
            form, version, weights, MatrixSettings(), RecordCodec(), (said if said is not None else []).append
        )
        mode = "Pipe" if pipe else "File"
        found = reader.read(JobChannel(None, mode, "FullyReplicated", {}, tmp_path, lambda: iter(contents)))
        return None if found is None else rows_of(found)

    return matrix_of


def rows_of(matrix: xgboost.DMatrix) -> list[list[float]]:
    """The label, the weight if there is one, and the features of each row; None for what is missing."""
    features = matrix.get_data()
    dense = np.full(features.shape, np.nan)
    dense[features.nonzero()] = features[features.nonzero()]
    columns = [matrix.get_label(), *([matrix.get_weight()] if matrix.get_weight().size else []), *dense.T]
    return [[None if np.isnan(value) else value for value in row] for row in np.column_stack(columns).tolist()]


def records(*rows: list[float]) -> bytes:
    """Records with the label first."""
    file, values = io.BytesIO(), np.array(rows)
    write_numpy_to_dense_tensor(file, values[:, 1:], values[:, 0])
    return file.getvalue()


def table_of(**columns: list[float]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


PAIRS = {
    CSV: (b"1,2,3\n", b"4,5,6\n"),
    LIBSVM: (b"1 0:2 1:3\n", b"4 0:5 1:6\n"),
    PARQUET: (table_of(y=[1], a=[2], b=[3]), table_of(y=[4], a=[5], b=[6])),
    RECORDS: (records([1, 2, 3]), records([4, 5, 6])),
}


@pytest.mark.parametrize("form", PAIRS)
def test_the_files_of_a_channel_are_read_in_their_order(read, form):
    assert read(form, *PAIRS[form]) == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("form", PAIRS)
def test_a_channel_without_rows_is_none(read, form):
    assert read(form) is None and read(form, b"", b"") is None


@pytest.mark.parametrize("form", [CSV, PARQUET, RECORDS])
def test_a_pipe_is_read_as_a_file_is(read, form):
    first, second = PAIRS[form]
    expected = [[1, 2, 3]] if form == PARQUET else [[1, 2, 3], [4, 5, 6]]
    pieces = first if form == PARQUET else first + second
    assert read(form, pieces[:9], pieces[9:], version=OLD, pipe=True) == expected
    assert read(form, version=OLD, pipe=True) is None


@pytest.mark.parametrize(
    ("form", "version", "text"),
    [
        (LIBSVM, OLD, "Pipe mode not supported for LibSVM."),
        (LIBSVM, NEWEST, "Pipe mode not supported for LibSVM."),
        (CSV, NEWEST, "Pipe mode for CSV is no longer supported. Please use Fast File mode (default) instead."),
        (RECORDS, NEWEST, "Pipe mode for RecordIO-Protobuf is no longer supported."),
    ],
)
def test_pipes_end_with_version_3_and_never_hold_libsvm(read, form, version, text):
    with pytest.raises(UserError, match=f"^{re.escape(text)}"):
        read(form, b"1,2\n", version=version, pipe=True)


def test_what_is_wrong_in_a_pipe_is_named_as_such(read):
    with pytest.raises(
        UserError, match=r"^Failed to load csv data with exception:\npipe, row 2: CSV parse error: Expected 3 columns"
    ):
        read(CSV, b"1,2,3\n4,5\n", version=OLD, pipe=True)
    with pytest.raises(UserError, match=r"^Failed to load parquet data with exception:\npipe: "):
        read(PARQUET, b"PAR1" * 4, version=OLD, pipe=True)
    with pytest.raises(UserError, match="gzip"):
        read(CSV, b"\x1f\x8b\x08\x00", version=OLD, pipe=True)


def test_weights_of_csv_are_the_second_column(read):
    assert read(CSV, b"1,0.5,3\n0,2,4\n", weights=True) == [[1, 0.5, 3], [0, 2, 4]]


@pytest.mark.parametrize(("line", "weights"), [(b"1\n", False), (b"1\n", True), (b"1,2\n", True)])
def test_rows_of_csv_without_a_feature_are_rejected(read, line, weights):
    columns = line.count(b",") + 1
    text = f"part-0: got {columns} columns, expected a label and at least one feature in each row."
    with pytest.raises(UserError, match=f"^{re.escape(text)}$"):
        read(CSV, line, weights=weights)


def test_the_delimiter_of_the_first_file_counts_for_all_and_is_in_the_log(read):
    said: list[str] = []
    assert read(CSV, b"1;2\n", b"3;4\n", said=said) == [[1, 2], [3, 4]]
    assert said[-1] == "INFO:root:Determined delimiter of CSV input is ';'"
    with pytest.raises(UserError, match="part-1, row 1: "):
        read(CSV, b"1;2\n", b"3,4\n")


def test_columns_are_counted_from_1_where_no_file_of_a_new_version_has_a_0(read):
    from_1 = b"1 1:2 2:3\n", b"4 2:5\n"
    assert read(LIBSVM, *from_1) == [[1, 2, 3], [4, None, 5]]
    assert read(LIBSVM, *from_1, version=OLD) == [[1, None, 2, 3], [4, None, None, 5]]
    assert read(LIBSVM, b"1 1:2 2:3\n", b"4 0:5\n") == [[1, None, 2, 3], [4, 5, None, None]]


def test_columns_of_parquet_have_the_order_of_the_first_file(read):
    other_order = table_of(b=[6.0], a=[5.0], y=[4.0])
    assert read(PARQUET, PAIRS[PARQUET][0], other_order) == [[1, 2, 3], [4, 5, 6]]


def with_twice(*names: str) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays([pa.array([1.0])] * len(names), names=list(names)), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("contents", "text"),
    [
        ([table_of(y=[1])], "part-0: got 1 columns, expected a label and at least one feature in each row."),
        ([table_of(y=[1], a=[2]), table_of(y=[1])], "part-1: got 1 columns, expected a label and"),
        ([table_of(y=[1], a=[2]), table_of(z=[1], a=[2])], "part-1: got other columns than in the first file, y, z; expected the same"),
        ([with_twice("y", "a", "a"), with_twice("y", "y", "a")], "part-1: got other columns than in the first file, one of several names; expected"),
        ([table_of(y=[1], a=[2]), b"PAR1" * 4], "Failed to load parquet data with exception:\npart-1: "),
    ],
)  # fmt: skip
def test_parquet_whose_files_are_not_alike_is_rejected(read, contents, text):
    with pytest.raises(UserError, match=f"^{re.escape(text)}"):
        read(PARQUET, *contents)


def test_a_file_that_the_disk_cannot_give_is_not_the_users_mistake(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(channel._parquet({"rows": tmp_path / "gone"}))


def test_the_row_of_a_number_is_counted_over_the_batches_of_parquet(read):
    """Arrow gives 65,536 rows at a time."""
    values = np.zeros(70_000)
    values[65_536] = 1e39
    with pytest.raises(UserError, match=r"part-0, row 65537: column 2: got 1e\+39, expected a number that float32"):
        read(PARQUET, table_of(y=np.zeros(70_000), a=values))


def part(values, counts, keys=None, width=2, labels=None) -> SimpleNamespace:
    """Rows as the codec gives them."""
    return SimpleNamespace(
        values_z=np.array(values, np.float64),
        counts_n=np.array(counts),
        keys_z=None if keys is None else np.array(keys),
        width=width,
        labels_nl=np.array(labels if labels is not None else [[0.0]] * len(counts)),
    )


WHOLE = part([1, 2, 3, 4], [2, 2])


@pytest.mark.parametrize(
    ("parts", "row", "problem"),
    [
        ([part([1, 2, 3, 1e39], [2, 2])], 2, "column 2: got 1e+39, "),
        ([part([1e39, 2, 1e39, 4], [2, 2])], 1, "column 1: got 1e+39, "),
        ([WHOLE, part([1, -1e39], [2])], 3, "column 2: got -1e+39, "),
        ([part([1, 1e39, 3], [1, 0, 2], keys=[0, 4, 5], width=6)], 3, "column 5: got 1e+39, "),
        ([part([1, 2], [2], labels=[[1e39]])], 1, "label 1e+39, "),
        ([part([1, 2, 3, 4], [2, 2], labels=[[1.0], [np.nan]])], 2, "label nan, "),
        ([WHOLE, part([1, 2], [2], labels=[[np.nan]])], 3, "label nan, "),
    ],
)
def test_the_first_number_of_records_that_float32_cannot_hold_is_named(parts, row, problem):
    with pytest.raises(BadRecord) as raised:
        list(channel._of_records(parts))
    assert raised.value.row == row
    assert raised.value.problem == f"{problem}expected a number that float32 can hold, of at most 3.4e38."


def test_records_are_dense_or_sparse_rows_with_their_first_label():
    (dense, sparse) = channel._of_records(
        [part([1, np.nan, 3, 4], [2, 2], labels=[[5.0, 6.0], [7.0, 8.0]]), part([1, 2, 3], [1, 0, 2], [1, 0, 2], 4)]
    )
    np.testing.assert_array_equal(dense.features, [[1, np.nan], [3, 4]])
    assert dense.features.dtype == dense.labels.dtype == np.float32 and dense.labels.tolist() == [5, 7]
    assert sparse.features.toarray().tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [2, 0, 3, 0]]


def test_records_without_labels_are_rejected():
    unlabelled = part([1, 2], [2])
    unlabelled.labels_nl = None
    with pytest.raises(UserError, match=r"^Got input data without labels"):
        list(channel._of_records([unlabelled]))
