"""Readers against the library's own and against NumPy; what is wrong is said with its place."""

import gzip
import io
import itertools
import re

import numpy as np
import pytest
from scipy.sparse import csr_matrix

xgboost = pytest.importorskip("xgboost")
import pyarrow as pa  # noqa: E402
from pyarrow import parquet  # noqa: E402

from wildsage.algorithms.base.errors import BadRecord, UserError  # noqa: E402
from wildsage.algorithms.base.program import JobChannel  # noqa: E402
from wildsage.algorithms.xgboost.data import content_types, csv_text, files, libsvm, matrix  # noqa: E402
from wildsage.algorithms.xgboost.data.channel import ChannelReader  # noqa: E402
from wildsage.algorithms.xgboost.data.matrix import MatrixSettings  # noqa: E402
from wildsage.algorithms.xgboost.data.table import Table, stacked  # noqa: E402
from wildsage.algorithms.xgboost.serving.requests import UnreadableBody, parse  # noqa: E402
from wildsage.algorithms.xgboost.versions import NEWEST  # noqa: E402
from wildsage.containers.codecs.records.files import write_numpy_to_dense_tensor  # noqa: E402
from wildsage.containers.programs import RecordCodec  # noqa: E402


def whole(tables) -> Table:
    return stacked(list(tables))


def written(folder, rows: int = 400, columns: int = 7) -> tuple[np.ndarray, str]:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, columns)).round(4).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = 0
    labels = rng.integers(0, 2, rows)
    lines = [
        f"{label} " + " ".join(f"{i}:{value!s}" for i, value in enumerate(row) if value)
        for label, row in zip(labels, x, strict=True)
    ]
    return np.column_stack([labels, x]), "\n".join(lines) + "\n"


@pytest.mark.usefixtures("both_readers")
def test_libsvm_is_what_its_decimals_say(tmp_path):
    values, text = written(tmp_path)
    table = whole(libsvm.read([text.encode()]))
    np.testing.assert_array_equal(table.labels, values[:, 0])
    np.testing.assert_array_equal(table.features.toarray(), values[:, 1:])
    assert table.weights is None and table.groups is None


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("size", [1, 7, 100])
def test_chunks_of_any_size_are_the_same_rows(monkeypatch, tmp_path, size):
    _, text = written(tmp_path, 50)
    monkeypatch.setattr(libsvm, "BLOCK_BYTES", 300)
    content = text.encode()
    at_once = whole(libsvm.read([content]))
    cut = whole(libsvm.read(content[i : i + size] for i in range(0, len(content), size)))
    np.testing.assert_array_equal(at_once.labels, cut.labels)
    assert (at_once.features != cut.features).nnz == 0


@pytest.mark.usefixtures("both_readers")
def test_weights_groups_comments_and_blank_lines_are_read():
    table = whole(libsvm.read([b"1:0.5 qid:3 0:1.5 2:-2e1 # why\n\n0:2\tqid:3  1:nan \r\n2:1 qid:4\n"]))
    np.testing.assert_array_equal(table.labels, [1, 0, 2])
    np.testing.assert_array_equal(table.weights, [0.5, 2, 1])
    np.testing.assert_array_equal(table.groups, [3, 3, 4])
    assert table.features.shape == (3, 3)
    assert table.features[0, 2] == -20 and np.isnan(table.features[1, 1]) and table.features[2].nnz == 0


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize(
    ("text", "row", "problem"),
    [
        (b"1 0:1\n0 x:1\n", 2, "index 'x' is not a whole number below 2147483648."),
        (b"1 4294967297:1\n", 1, "index '4294967297' is not a whole number below 2147483648."),
        (b"1 1.5:2\n", 1, "index '1.5' is not a whole number below 2147483648."),
        (b"1 -1:2\n", 1, "index -1, expected 0 or more."),
        (b"1 0:1\n\n0 0:y\n", 2, "value 'y' is not a number."),
        (b"1 0:1-2\n", 1, "value '1-2' is not a number."),
        (b"1 0:1..5\n", 1, "value '1..5' is not a number."),
        (b"1 0:--1\n", 1, "value '--1' is not a number."),
        (b"1 0:1e\n", 1, "value '1e' is not a number."),
        (b"1 0:1\n2:3 0:1e39\n", 2, "value '1e39', expected a number that float32 can hold, of at most 3.4e38."),
        (b"1 0:1\nz 0:1\n", 2, "label 'z' is not a number."),
        (b"1- 0:1\n", 1, "label '1-' is not a number."),
        (b":2 0:1\n", 1, "label '' is not a number."),
        (b"1 0:1\n-1e39 0:1\n", 2, "label '-1e39', expected a number that float32 can hold, of at most 3.4e38."),
        (b"1 0:1 2\n", 1, "got '2', expected index:value."),
        (b"1 0:1:2\n", 1, "got '0:1:2', expected index:value."),
        (b"1 0: 2\n", 1, "got '2', expected index:value."),
        (b"1 0:2\n1 0:\n", 2, "got '0:', expected index:value."),
        (b"1 0:2 : 3:4\n1 0:\n", 1, "got ':', expected index:value."),
        (b"1:2:3 0:1\n", 1, "weight '2:3' is not a number."),
        (b"1:1 0:1\n1 0:1\n", 2, "it has no weight, but other rows have one; expected one in each."),
        (b"1 qid:3 0:1\n1 0:1\n", 2, "it has no qid, but other rows have one; expected one in each."),
        (b"1 qid:x 0:1\n", 1, "qid 'x' is not a whole number."),
        (b"1 0:1 qid:3\n", 1, "index 'qid' is not a whole number below 2147483648."),
    ],
)
def test_a_row_that_is_not_libsvm_is_named(text, row, problem):
    with pytest.raises(BadRecord) as raised:
        whole(libsvm.read([text]))
    assert (raised.value.row, raised.value.problem) == (row, problem)


@pytest.mark.usefixtures("both_readers")
def test_the_row_is_counted_over_blocks(monkeypatch):
    monkeypatch.setattr(libsvm, "BLOCK_BYTES", 10)
    with pytest.raises(BadRecord) as raised:
        whole(libsvm.read([b"1 0:1\n" * 2] * 5 + [b"1 0:bad\n"]))
    assert raised.value.row == 11


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("+1.5", 1.5), ("-.5", -0.5), ("5.", 5), ("1e+2", 100), ("1E-50", 0), ("007", 7), ("16777217.0000000001", 16777218),
        ("1.123456789012345678901234567", 1.1234568), ("123456789012345678901234567890123456789.5", 1.2345679e38),
    ],
)  # fmt: skip
def test_every_spelling_of_a_number_is_read(word, number):
    table = whole(libsvm.read([f"{word}:0.5 qid:4  2:{word}\r\n".encode()]))
    expected = np.float32(number)
    assert table.labels == [expected] and table.features[0, 2] == expected
    assert (table.weights, table.groups) == ([0.5], [4])


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("filler", [b" ", b"0"])
def test_words_and_spaces_may_be_long(filler):
    table = whole(libsvm.read([filler * 1000 + b"1 0:2\n" + filler * 5 + b"3" + b"\t" * 1000 + b"1:4"]))
    np.testing.assert_array_equal(table.labels, [1, 3])
    np.testing.assert_array_equal(table.features.toarray(), [[2, 0], [0, 4]])


@pytest.mark.usefixtures("both_readers")
def test_csv_is_read_with_missing_values():
    table = whole(csv_text.read([b'1,2.5,\n0,nan,-3e2\n\n1,"4",5\n'], ",", 3, weights=False))
    np.testing.assert_array_equal(table.labels, [1, 0, 1])
    np.testing.assert_array_equal(table.features, np.array([[2.5, np.nan], [np.nan, -300], [4, 5]], np.float32))


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("text", [b"1,nan,2", b'"1",,2'])
def test_a_file_of_one_line_needs_no_line_end(text):
    table = whole(csv_text.read([text], ",", 3, weights=False))
    np.testing.assert_array_equal(table.features, np.array([[np.nan, 2]], np.float32))


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize(
    ("text", "row", "problem"),
    [
        (b"age,sex\n1,2\n", 1, "conversion error to float: invalid value 'age'. Is it a header row?"),
        (b"1,2\n3,4\n\n5,x\n", 3, "conversion error to float: invalid value 'x'."),
        (b"1,2\n1,2,3\n", 2, "Expected 2 columns, got 3"),
        (b"1,2\n1\n", 2, "Expected 2 columns, got 1"),
        (b"1,2,3\n4,5,6\n", 1, "Expected 2 columns, got 3"),
        (b"1\n2\n", 1, "Expected 2 columns, got 1"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 6, 1 << 20])
def test_csv_that_is_not_numbers_of_one_width_is_rejected(monkeypatch, text, row, problem, block_bytes):
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", block_bytes)
    with pytest.raises(BadRecord) as raised:
        whole(csv_text.read((text[i : i + 1] for i in range(len(text))), ",", 2, weights=False))
    assert raised.value.row == row and problem in raised.value.problem


@pytest.mark.usefixtures("both_readers")
def test_csv_rows_keep_their_order_over_blocks(monkeypatch):
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 50)
    content = "".join(f"{row},{row / 2},{-row}\n" for row in range(1000)).encode()
    tables = list(csv_text.read((content[i : i + 7] for i in range(0, len(content), 7)), ",", None, weights=True))
    assert len(tables) > 100
    table = stacked(tables)
    np.testing.assert_array_equal(table.labels, np.arange(1000))
    np.testing.assert_array_equal(table.weights, np.arange(1000) / 2)
    np.testing.assert_array_equal(table.features[:, 0], -np.arange(1000))


def test_tables_of_different_kinds_become_one():
    dense = Table(np.array([[1, 2]], np.float32), np.zeros(1, np.float32), np.array([2], np.float32))
    sparse = Table(csr_matrix(np.array([[0, 0, 3]], np.float32)), np.ones(1, np.float32), np.array([5], np.float32))
    both = stacked([dense, sparse])
    np.testing.assert_array_equal(both.features.toarray(), [[1, 2, 0], [0, 0, 3]])
    np.testing.assert_array_equal(both.labels, [0, 1])
    np.testing.assert_array_equal(both.weights, [2, 5])


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("few_values", [0, 1 << 20])
@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            [b"1:2 0:1\n", b"1 0:1\n"],
            "Some rows have a weight and others do not; expected one in each row, or in none.",
        ),
        (
            [b"1 0:1\n", b"1 qid:2 0:1\n"],
            "Some rows have a qid and others do not; expected one in each row, or in none.",
        ),
    ],
)
def test_blocks_that_are_not_alike_are_rejected(monkeypatch, lines, problem, few_values):
    monkeypatch.setattr(matrix, "FEW_VALUES", few_values)
    with pytest.raises(UserError, match=re.escape(problem)):
        matrix.build([libsvm.parse(line) for line in lines], MatrixSettings(max_bin=4))


def test_dense_tables_of_different_widths_are_rejected():
    tables = [Table(np.zeros((2, width), np.float32), np.zeros(2, np.float32)) for width in (3, 2)]
    with pytest.raises(UserError, match=r"Some rows have 2 features and others 3; expected as many in each row\."):
        matrix.build(tables, MatrixSettings())


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
@pytest.mark.parametrize("share_missing", [0, 0.3])
def test_a_matrix_of_bins_trains_to_the_same_model(monkeypatch, kind, share_missing):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3000, 6)).astype(np.float32)
    x[rng.random(x.shape) < share_missing] = 0 if kind is csr_matrix else np.nan
    labels, weights = (x[:, 0] > x[:, 1]).astype(np.float32), rng.random(3000).astype(np.float32)

    def tables():
        return [Table(kind(x[part]), labels[part], weights[part]) for part in np.array_split(np.arange(3000), 7)]

    plain = matrix.build(tables(), MatrixSettings())
    assert type(matrix.build(tables(), MatrixSettings(max_bin=64))) is xgboost.DMatrix  # few values are kept
    monkeypatch.setattr(matrix, "FEW_VALUES", 1000)
    binned = matrix.build(tables(), MatrixSettings(max_bin=64))
    again = matrix.build(tables(), MatrixSettings(max_bin=64), reference=binned)
    assert isinstance(binned, xgboost.QuantileDMatrix)
    parameters = {"objective": "binary:logistic", "tree_method": "hist", "max_bin": 64}
    models = [xgboost.train(parameters, rows, 5) for rows in (plain, binned)]
    assert models[0].save_raw("json") == models[1].save_raw("json")
    np.testing.assert_array_equal(models[0].predict(plain), models[1].predict(again))


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [
        ("1,2,3", ","),
        ("1;2;3", ";"),
        ("1\t2\t3", "\t"),
        ("1|2|3", "|"),
        ("0.5,1.5", ","),
        ("7", ","),
        ("1|0.12573|-0.13", "|"),
    ],
)
def test_the_delimiter_is_guessed(line, delimiter):
    assert csv_text.delimiter_of(line + "\n") == delimiter


def test_the_first_line_is_checked_in_the_originals_words(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("1,2,3\n")
    with pytest.raises(UserError) as raised:
        files.check_first_lines([path], content_types.LIBSVM, print)
    assert str(raised.value) == (
        "First line '1,2,3...' of file 'rows.csv' is not 'LIBSVM' format. Please ensure the file is in 'LIBSVM' format."
    )


def test_hidden_files_are_rejected_and_deep_ones_left_out(tmp_path):
    deep = tmp_path / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    (deep / "rows").write_text("1\n")
    (tmp_path / "a" / "b" / "rows").write_text("1\n")
    said = []
    assert files.below(tmp_path, said.append) == [tmp_path / "a" / "b" / "rows"]
    assert "Folder depth exceeded 3" in said[0]
    (tmp_path / ".hidden").write_text("")
    with pytest.raises(UserError, match=r"Hidden file found in the data path! Remove that before training\."):
        files.below(tmp_path, said.append)


@pytest.mark.parametrize(
    ("given", "form"),
    [
        (None, "LIBSVM"), ("csv", "CSV"), ("text/csv", "CSV"), ("Text/CSV; label_size=1", "CSV"), ("text/csv;charset=utf8", "CSV"),
        ("text/x-libsvm", "LIBSVM"), ("application/x-parquet", "Parquet"), ("recordio-protobuf", "RecordIO-Protobuf"),
    ],
)  # fmt: skip
def test_content_types_are_distinguished(given, form):
    assert content_types.parse(given) == form


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("text/csv;label_size=0", "text/csv;label_size=0 is not an accepted csv ContentType. Optional parameter label_size must be"),
        ("application/json", "application/json is not an accepted ContentType: csv, libsvm, parquet, recordio-protobuf, text/csv, "),
    ],
)  # fmt: skip
def test_other_content_types_are_rejected_in_the_originals_words(given, text):
    with pytest.raises(UserError) as raised:
        content_types.parse(given)
    assert str(raised.value).startswith(text)


def records(x: np.ndarray, labels: np.ndarray) -> bytes:
    file = io.BytesIO()
    write_numpy_to_dense_tensor(file, x, labels)
    return file.getvalue()


def parquet_of(x: np.ndarray) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table({str(number): column for number, column in enumerate(x.T)}), file)
    return file.getvalue()


def table_of(**columns: list) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def read_parquet(folder, *contents: bytes) -> xgboost.DMatrix:
    for number, content in enumerate(contents):
        (folder / f"part-{number}").write_bytes(content)
    reader = ChannelReader(content_types.PARQUET, NEWEST, False, MatrixSettings(), RecordCodec(), print)
    return reader.read(JobChannel("parquet", "File", "FullyReplicated", {}, folder, lambda: iter(())))


def test_parquet_columns_go_by_their_names(tmp_path):
    matrix = read_parquet(tmp_path, table_of(y=[1], a=[2], b=[3]), table_of(b=[6.0], y=[4.0], a=[5.0]))
    np.testing.assert_array_equal(matrix.get_label(), [1, 4])
    np.testing.assert_array_equal(matrix.get_data().toarray(), [[2, 3], [5, 6]])


def test_parquet_columns_of_every_kind_of_number_are_read(tmp_path):
    decimals = pa.array([1, 2], pa.decimal128(10, 1))
    columns = {
        "a": [2**60, None],
        "b": ["1.5", "2"],
        "c": decimals,
        "d": pa.array([0.5, 1], pa.float16()),
        "e": [2.5, None],
    }
    matrix = read_parquet(tmp_path, table_of(y=[True, False], **columns))
    np.testing.assert_array_equal(matrix.get_label(), [1, 0])
    assert matrix.num_nonmissing() == 8
    np.testing.assert_array_equal(matrix.get_data().toarray()[0], [2**60, 1.5, 1, 0.5, 2.5])


@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        ([table_of(y=[1])], "part-0: got 1 columns, expected a label and at least one feature in each row."),
        ([table_of(y=[1], a=[2]), table_of(y=[1], c=[2])],
         "part-1: got other columns than in the first file, a, c; expected the same in every file."),
        ([table_of(y=[1], a=["x"])], "Failed to load parquet data with exception:\npart-0: Failed to parse string: 'x'"),
    ],
)  # fmt: skip
def test_parquet_that_cannot_be_used_is_named(tmp_path, contents, problem):
    with pytest.raises(UserError, match=re.escape(problem)):
        read_parquet(tmp_path, *contents)


LARGE = np.array([[0.0, 1, 2], [1, 3, 1e39], [0, 5, 6]])


@pytest.mark.parametrize(
    ("content", "content_type", "message"),
    [
        (b"0,1,2\n\n1,3,1e39\n", "text/csv", r"rows, row 2: column 3: got '1e39', expected a number that float32"),
        (b"0,1,2\n-1e400,3,4\n", "text/csv", r"rows, row 2: column 1: got '-1e400', expected"),
        (b"0,1,2\n1,3,inf\n", "text/csv", r"rows, row 2: column 3: got 'inf', expected"),
        (b"0 0:1\n1 0:1e+39\n", "text/libsvm", r"rows, row 2: value '1e\+39', expected"),
        (b"0 0:1\n1E39 0:1\n", "text/libsvm", r"rows, row 2: label '1E39', expected"),
        (
            records(LARGE, LARGE[:, 0]),
            "application/x-recordio-protobuf",
            r"rows, row 2: column 3: got 1e\+39, expected",
        ),
        (records(LARGE[:, :2], LARGE[:, 2]), "application/x-recordio-protobuf", r"rows, row 2: label 1e\+39, expected"),
        (parquet_of(LARGE), "application/x-parquet", r"rows, row 2: column 3: got 1e\+39, expected"),
        (b",y,a\n0,1,2\n", "text/csv", r"is it DataFrame\.to_csv\(\) with its index and header\? Write"),
        (b"y,a\n1,2\n", "text/csv", r"Is it a header row\?"),
        (
            gzip.compress(b"0,1\n"),
            "text/csv",
            r"rows: the data is gzip \(it begins with 1f 8b\), expected CSV\. Unpack",
        ),
        (gzip.compress(b"0 0:1\n"), "text/libsvm", r"the data is gzip .*, expected LIBSVM"),
        (gzip.compress(b"0"), "application/x-parquet", r"the data is gzip .*, expected Parquet"),
        (gzip.compress(b"0"), "application/x-recordio-protobuf", r"the data is gzip .*, expected RecordIO-Protobuf"),
        (parquet_of(LARGE), "text/csv", r"the data is Parquet .*, expected CSV"),
    ],
    ids=map(str, itertools.count()),
)
def test_data_that_cannot_be_used_is_shown_with_its_place(run, content, content_type, message):
    job = run({"num_round": "1"}, {"train": content}, content_type)
    assert job.status == 1
    assert re.search(message, job.failure, re.IGNORECASE), job.failure


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b'"1","2.5"', [1, 2.5]), (b"NA,-3e2", [np.nan, -300]), (b"\xef\xbb\xbf1,2", [1, 2]), (b"nan,+7", [np.nan, 7]),
        (b" 1;,", None), (b"1_0,2", None), ("\u0661,2".encode(), None), (b"0x1,2", None), (b"1e,2", None), (b"--1,2", None),
    ],
)  # fmt: skip
def test_one_row_is_read_as_several_are(row, expected):
    for body in (row, row + b"\n" + row.removeprefix(b"\xef\xbb\xbf")):
        if expected is None:
            with pytest.raises(UnreadableBody):
                parse("csv", body, NEWEST, RecordCodec(), 2)
        else:
            np.testing.assert_array_equal(
                parse("csv", body, NEWEST, RecordCodec(), 2)[0], np.array(expected, np.float32)
            )


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("line", [b"1 0:2 3:4", b"1\t0:2\t3:4", b"0:2\t3:4", b"  0:2 3:4 # five"])
def test_labels_of_libsvm_requests_are_optional(line):
    np.testing.assert_array_equal(parse("libsvm", line, NEWEST, RecordCodec(), 4).toarray(), [[2, 0, 0, 4]])


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("body", [b"1,1e39\n", b"1,2\n1,1e39\n", gzip.compress(b"1,2\n", mtime=0)])
def test_a_request_that_cannot_be_used_says_why(body):
    with pytest.raises(UnreadableBody, match=r"float32 can hold|the data is gzip"):
        parse("csv", body, NEWEST, RecordCodec(), 2)
