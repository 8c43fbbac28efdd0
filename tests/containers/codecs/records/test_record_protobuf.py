"""The judge is protocol buffers themselves: SageMaker's schema as its Python SDK ships it, and the SDK's own writers."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wildsage.algorithms.base.batch import Batch, SparseRows, concatenate
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.records import record_protobuf
from wildsage.containers.codecs.records.recordio import frame, payloads

RECORDED_DENSE = bytes.fromhex(
    "0a23d7ce 34000000 0a1e 0a06 76616c756573 1214 1212 0a10 0000c03f 00008041 00006041 0000b841"
    "1212 0a06 76616c756573 1208 1206 0a04 0000803f"
)
RECORDED_SPARSE = bytes.fromhex(
    "0a23d7ce 24000000 0a22 0a06 76616c756573 1218 1216 0a0c 0000803f 00008040 0000803f 1203 000103 1a01 04"
)
RECORDED_ANSWER = bytes.fromhex(
    "0a23d7ce 3e000000 121b 0a0f 636c6f736573745f636c7573746572 1208 1206 0a04 00008040"
    "121f 0a13 64697374616e63655f746f5f636c7573746572 1208 1206 0a04 00002040 0000"
)


@pytest.fixture(scope="session")
def sdk():
    return pytest.importorskip("sagemaker.amazon.common")


@pytest.fixture(scope="session")
def pb():
    return pytest.importorskip("sagemaker.amazon.record_pb2")


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[i : i + size] for i in range(0, len(content), size)]


def decode(content: bytes, size: int = 10_000) -> Batch:
    return concatenate(list(record_protobuf.decode(cut(content, size))))


def sparse_rows(matrix) -> SparseRows:
    starts, columns = (torch.from_numpy(part.astype(np.int64)) for part in (matrix.indptr, matrix.indices))
    return SparseRows(starts, columns, torch.from_numpy(matrix.data), matrix.shape[1])


def message(pb, *, features=(), label=(), kind="float32_tensor", keys=(), shape=(), **others) -> bytes:
    """A framed Record as protocol buffers write it; `kind` is the features' tensor."""
    record = pb.Record(**others)
    tensor = getattr(record.features["values"], kind)
    tensor.values.extend(features)
    tensor.keys.extend(keys)
    tensor.shape.extend(shape)
    if len(label):
        record.label["values"].float32_tensor.values.extend(label)
    return frame(record.SerializeToString())


def plain_rows(pb, content: bytes) -> tuple[np.ndarray, list[list[float]]]:
    """The slow reader: one message at a time, with Google's library. Dense features and labels."""
    features, labels = [], []
    for payload in payloads([content]):
        record = pb.Record.FromString(payload)
        value = record.features["values"]
        tensor = getattr(value, value.WhichOneof("value"))
        row = np.array(tensor.values, np.float64)
        if tensor.keys or not len(tensor.values):
            row = np.zeros(tensor.shape[0])
            np.add.at(row, list(tensor.keys), tensor.values)
        features.append(row)
        label = record.label["values"]
        labels.append(list(getattr(label, label.WhichOneof("value") or "float32_tensor").values))
    return np.array(features), labels


def test_recorded_bytes_dense():
    features, label = np.array([[1.5, 16, 14, 23]], np.float32), np.array([1], np.float32)
    assert record_protobuf.encode_rows(features, label) == RECORDED_DENSE
    batch = decode(RECORDED_DENSE)
    assert batch.features.tolist() == features.tolist()
    assert batch.labels_nl.tolist() == [[1]]


def test_recorded_bytes_sparse():
    rows = SparseRows(torch.tensor([0, 3]), torch.tensor([0, 1, 3]), torch.tensor([1.0, 4.0, 1.0]), 4)
    assert record_protobuf.encode_rows(rows) == RECORDED_SPARSE
    batch = decode(RECORDED_SPARSE)
    assert isinstance(batch.features, SparseRows)
    assert batch.dense().tolist() == [[1, 4, 0, 1]]
    assert batch.labels_nl is None


def test_recorded_bytes_of_an_answer():
    columns = {"closest_cluster": torch.tensor([4.0, 4.0]), "distance_to_cluster": torch.tensor([2.5, 2.5])}
    assert record_protobuf.encode(columns, Response("predictions", tuple(columns))) == 2 * RECORDED_ANSWER


def test_an_answer_is_read_by_protocol_buffers_in_declared_order(pb):
    columns = {"projection": torch.tensor([[1.0, 2.5], [3.0, 4.0]]), "a": torch.tensor([7, 8])}
    content = record_protobuf.encode(columns, Response("projections", tuple(columns)))
    records = [pb.Record.FromString(payload) for payload in payloads([content])]
    assert [list(r.label["projection"].float32_tensor.values) for r in records] == [[1.0, 2.5], [3.0, 4.0]]
    assert [list(r.label["a"].float32_tensor.values) for r in records] == [[7.0], [8.0]]
    assert not records[0].features
    assert content.index(b"projection") < content.index(b"\x0a\x01a")


@pytest.mark.parametrize(
    ("rows", "width", "dtype", "label_dtype", "size"),
    [
        (200, 784, np.float32, np.float32, 636_800),
        (300, 784, np.float32, np.float32, 955_200),
        (100, 59, np.float32, np.float32, 28_400),
        (5000, 54, np.float64, np.float64, 2_420_000),
        (58102, 54, np.float64, np.float64, 28_121_368),
        (154, 4096, np.float64, np.int32, 5_054_280),
        (5000, 2, np.float32, None, 160_000),
        (87184, 2, np.float32, None, 2_789_888),
    ],
)
def test_sizes_that_real_jobs_logged(rows, width, dtype, label_dtype, size):
    labels = None if label_dtype is None else np.ones(rows, label_dtype)
    assert len(record_protobuf.encode_rows(np.zeros((rows, width), dtype), labels)) == size


@pytest.mark.parametrize(("rows", "size"), [(90570, 5_796_480), (9428, 603_392)])
def test_sizes_that_a_real_sparse_job_logged(rows, size):
    user, movie = np.arange(rows) % 943, 943 + np.arange(rows) % 1682
    columns = torch.from_numpy(np.stack([user, movie], 1).reshape(-1))
    features = SparseRows(torch.arange(0, 2 * rows + 1, 2), columns, torch.ones(2 * rows), 2625)
    assert len(record_protobuf.encode_rows(features, np.ones(rows, np.float32))) == size


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("label_dtype", [np.float32, np.float64, np.int64, None])
@pytest.mark.parametrize("width", [1, 7, 40, 5000])
def test_dense_bytes_equal_those_of_the_sdk(sdk, dtype, label_dtype, width):
    rng = np.random.default_rng(width)
    features = (rng.standard_normal((9, width)) * 1000).astype(dtype)
    labels = None if label_dtype is None else (rng.standard_normal(9) * 1000).astype(label_dtype)
    theirs = io.BytesIO()
    sdk.write_numpy_to_dense_tensor(theirs, features, labels)
    assert record_protobuf.encode_rows(features, labels) == theirs.getvalue()
    batch = decode(theirs.getvalue())
    assert batch.features.dtype == (torch.float64 if dtype == np.float64 else torch.float32)
    assert np.array_equal(batch.features.numpy(), features)
    if label_dtype is not None:
        assert np.array_equal(batch.labels_nl.numpy()[:, 0], labels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("width", "density"), [(5, 0.4), (300, 0.02), (2625, 0.01), (70_000, 0.001)])
def test_sparse_bytes_equal_those_of_the_sdk(sdk, dtype, width, density):
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.random(60, width, density, format="csr", dtype=dtype, random_state=0)
    matrix.data[::5] *= -1
    matrix = sparse.vstack([matrix[:30], sparse.csr_matrix((1, width), dtype=dtype), matrix[30:59]], format="csr")
    labels = np.arange(60, dtype=np.float32)
    theirs = io.BytesIO()
    sdk.write_spmatrix_to_sparse_tensor(theirs, matrix, labels)
    assert record_protobuf.encode_rows(sparse_rows(matrix), labels) == theirs.getvalue()
    batch = decode(theirs.getvalue())
    assert np.array_equal(batch.features.dense().numpy(), matrix.toarray())


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_how_the_bytes_arrive_does_not_matter(size):
    features = np.random.default_rng(0).standard_normal((3000, 30)).astype(np.float32)
    content = bytes(record_protobuf.encode_rows(features, np.arange(3000, dtype=np.float32)))
    batch = decode(content, size)
    assert np.array_equal(batch.features.numpy(), features)
    assert batch.labels_nl.ravel().tolist() == list(range(3000))


def test_many_blocks_keep_the_order():
    features = np.arange(900_000, dtype=np.float32).reshape(-1, 3)
    batches = list(record_protobuf.decode([record_protobuf.encode_rows(features)]))
    assert len(batches) > 5
    assert np.array_equal(torch.cat([batch.features for batch in batches]).numpy(), features)


def varint(number: int) -> bytes:
    head = bytes([number & 0x7F | (0x80 if number > 0x7F else 0)])
    return head + varint(number >> 7) if number > 0x7F else head


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def oddly_written(values: list[float], label: float, style: str) -> bytes:
    """Two valid ways to write a dense row that no common writer takes: unpacked, or everything in reverse order."""
    packed = field(1, np.array(values, "<f4").tobytes())
    tensor = b"".join(b"\x0d" + np.array(v, "<f4").tobytes() for v in values) if style == "unpacked" else packed
    features = field(1, field(1, b"values") + field(2, field(2, tensor)))
    labels = field(2, field(2, field(2, field(1, np.array(label, "<f4").tobytes()))) + field(1, b"values"))
    unknown = field(14, b"later") + bytes([15 << 3, 7])
    return frame(labels + unknown + features if style == "reversed" else features + labels)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["dense", "double", "integer", "sparse", "uid", "shaped", "unpacked", "reversed"]),
        st.lists(st.integers(-(2**24), 2**24), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=60,
)


def written(pb, style: str, values: list[int]) -> bytes:
    label = [float(values[0])]
    if style in ("unpacked", "reversed"):
        return oddly_written(values, label[0], style)
    if style == "sparse":
        kept = [(key, value) for key, value in enumerate(values) if value % 3]
        return message(pb, features=[v for _, v in kept], keys=[k for k, _ in kept], shape=[3], label=label)
    kind = {"double": "float64_tensor", "integer": "int32_tensor"}.get(style, "float32_tensor")
    others = {"uid": "r1", "metadata": "{}"} if style == "uid" else {}
    return message(pb, features=values, kind=kind, shape=[3] if style == "shaped" else [], label=label, **others)


@given(ROWS, st.sampled_from([1, 7, 10_000]))
def test_any_mixture_of_styles_reads_as_protocol_buffers_read_it(pb, rows, size):
    content = b"".join(written(pb, style, values) for style, values in rows)
    expected, labels = plain_rows(pb, content)
    batch = decode(content, size)
    features = batch.features.dense() if isinstance(batch.features, SparseRows) else batch.features
    assert np.array_equal(features.numpy().astype(np.float64), expected)
    assert batch.labels_nl.tolist() == labels


@given(st.integers(0, 40), st.integers(1, 2**40), st.data())
def test_sparse_rows_round_trip(count, width, data):
    keys = data.draw(st.lists(st.integers(0, width - 1), min_size=count, max_size=count))
    stops = sorted(data.draw(st.lists(st.integers(0, count), max_size=5)))
    starts = torch.tensor([0, *stops, count])
    rows = SparseRows(starts, torch.tensor(keys, dtype=torch.int64), torch.arange(count) + 0.5, width)
    read = decode(bytes(record_protobuf.encode_rows(rows))).features
    assert read.starts_n1.equal(rows.starts_n1)
    assert read.columns_z.equal(rows.columns_z)
    assert read.values_z.equal(rows.values_z)
    assert read.width == width


def test_several_labels_a_row():
    labels = np.array([[1, 2], [3, 4]], np.float64)
    batch = decode(bytes(record_protobuf.encode_rows(np.ones((2, 1), np.float32), labels)))
    assert batch.labels_nl.tolist() == labels.tolist()


def test_a_matrix_a_row_is_flat(pb):
    content = message(pb, features=[5.0], keys=[4], shape=[2, 3])
    assert decode(content).dense().tolist() == [[0, 0, 0, 0, 5, 0]]


def test_values_that_hold_the_magic():
    magic = np.frombuffer(b"\x0a\x23\xd7\xce", "<f4")
    features = np.tile(magic, (50, 41))
    content = bytes(record_protobuf.encode_rows(features))
    assert decode(content).features.numpy().tobytes() == features.tobytes()


def test_wrong_records_are_named(pb):
    good = message(pb, features=[1, 2], label=[1])
    other_key = pb.Record()
    other_key.features["user"].float32_tensor.values.extend([1])
    image = pb.Record()
    image.features["values"].bytes.value.append(b"jpeg")
    empty = pb.Record()
    empty.features["values"]
    wrong = {
        message(pb, features=[1, 2, 3], label=[1]): "row 2: 3 columns, expected 2 as in the rows before.",
        message(pb, features=[1, 2]): "row 2: no label, expected a label as in the rows before.",
        message(
            pb, features=[1, 2], label=[1, 2]
        ): "row 2: a label of 2 values, expected a label as in the rows before.",
        message(
            pb, features=[1], keys=[0]
        ): "row 2: a sparse tensor (it has keys) without shape, expected shape [columns].",
        message(
            pb, features=[1], keys=[2], shape=[2], label=[1]
        ): "row 2: key 2 is out of range, expected 0 to 1 (shape (2,)).",
        message(
            pb, features=[1], keys=[0, 1], shape=[2]
        ): "row 2: 2 keys and 1 values in a sparse tensor, expected as many",
        message(pb, features=[1, 2], shape=[3]): "row 2: 2 values, expected 3 (shape (3,)).",
        frame(other_key.SerializeToString()): "row 2: features under 'user', expected the one key 'values'.",
        frame(
            image.SerializeToString()
        ): "row 2: features of kind bytes (an image?), expected a float32, float64 or int32",
        frame(empty.SerializeToString()): "row 2: the features hold no tensor.",
        frame(b""): "row 2: no features, expected one tensor under the key 'values'.",
        frame(b"\x0a\x7fvalues"): "row 2: field 1 is cut short: 6 bytes, expected 127.",
        frame(b"\xff" * 11): "row 2: a number of more than ten bytes, so this is not a Record message.",
        frame(b"\x0b"): "row 2: wire type 3 in field 1, which a Record message cannot have.",
        frame(good[8:-5]): "row 2: field 2 is cut short",
        good[:-4]: "row 2: the stream ends inside the record at byte",
        b"1,2,3,4,": "row 2: no RecordIO header at byte",
    }
    for content, expected in wrong.items():
        with pytest.raises(BadRecord) as caught:
            decode(good + content)
        assert expected in str(caught.value)


def test_the_first_wrong_row_is_named_however_late(pb):
    features = np.ones((100_000, 5), np.float32)
    content = bytes(record_protobuf.encode_rows(features))
    with pytest.raises(BadRecord, match="row 100001: 1 columns, expected 5"):
        decode(content + message(pb, features=[1]) + message(pb, features=[]), 1_000_000)


@given(st.data())
def test_damaged_bytes_give_rows_or_a_bad_record_and_nothing_else(data):
    good = data.draw(st.sampled_from([RECORDED_DENSE, RECORDED_SPARSE]))
    content = bytearray(3 * good)
    for place in data.draw(st.lists(st.integers(len(good), len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        batches = list(record_protobuf.decode([bytes(content)]))
    except BadRecord as error:
        assert error.row >= 2
    else:
        assert {batch.width for batch in batches} == {4}


def test_what_no_record_holds_is_rejected():
    with pytest.raises(TypeError, match="dtype float16, expected float32"):
        record_protobuf.encode_rows(np.ones((1, 1), np.float16))
    with pytest.raises(ValueError, match="beyond 32 bits"):
        record_protobuf.encode_rows(np.array([[1 << 31]]))
    with pytest.raises(ValueError, match="2 labels for 1 rows"):
        record_protobuf.encode_rows(np.ones((1, 1), np.float32), np.ones(2))


def test_no_rows_are_no_bytes():
    assert record_protobuf.encode_rows(np.ones((0, 3), np.float32)) == b""
    assert list(record_protobuf.decode([])) == []


def test_a_file_of_the_sdk_both_ways(golden, pb):
    """The CSV beside it is another random split of the same table: 183 rows are in both, and equal to the last bit."""
    folder = golden / "recordio-protobuf-ufo"
    content = next(folder.glob("*.data")).read_bytes()
    batch = decode(content)
    expected, labels = plain_rows(pb, content)
    assert batch.features.shape == (1773, 22)
    assert np.array_equal(batch.features.numpy(), expected)
    assert batch.labels_nl.tolist() == labels
    assert record_protobuf.encode_rows(batch.features.numpy(), batch.labels_nl.numpy()) == content

    table = np.loadtxt(folder / "data_validation.csv", delimiter=",").astype(np.float32)
    rows = np.hstack([batch.labels_nl.numpy(), batch.features.numpy()])
    assert len({row.tobytes() for row in rows} & {row.tobytes() for row in table}) == 183


def test_a_real_sparse_channel_both_ways(golden, pb):
    content = (golden / "fm-movielens" / "test.protobuf").read_bytes()
    batch = decode(content)
    assert len(batch) == 20_000
    assert batch.width == 2625
    expected, labels = plain_rows(pb, content[: 64 * 500])
    assert np.array_equal(batch[:500].dense().numpy(), expected)
    assert batch.labels_nl[:500].tolist() == labels
    assert record_protobuf.encode_rows(batch.features, batch.labels_nl.numpy()) == content
