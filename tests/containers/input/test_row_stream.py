"""Channels of rows: batches across files, counts in the log, and errors with their place."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.contract.job_log import JobLog
from wildsage.containers.input import row_stream
from wildsage.containers.input.row_stream import ReadCounts, RowStream
from wildsage.containers.input.sources import FileSources, Source


def stream(folder: Path, media_type: str, feature_dim: int) -> RowStream:
    log = JobLog("algo-1", "test", io.StringIO())
    return RowStream("train", FileSources(folder), MediaType.parse(media_type), feature_dim, folder, log)


def rows_of(
    folder: Path, media_type: str = "text/csv;label_size=0", feature_dim: int = 2, rows: int = 3
) -> torch.Tensor:
    return torch.cat([batch.dense() for batch in stream(folder, media_type, feature_dim).batches(rows)])


def recordio(x: np.ndarray) -> bytes:
    common = pytest.importorskip("sagemaker.amazon.common")
    body = io.BytesIO()
    common.write_numpy_to_dense_tensor(body, x)
    return body.getvalue()


def test_batches_run_across_files(tmp_path):
    (tmp_path / "1.csv").write_text("1,2\n3,4\n")
    (tmp_path / "2.csv").write_text("5,6\n7,8\n")
    channel = stream(tmp_path, "text/csv;label_size=0", 2)
    assert [batch.dense().tolist() for batch in channel.batches(3)] == [[[1, 2], [3, 4], [5, 6]], [[7, 8]]]
    assert (channel.counts.rows, channel.counts.batches, channel.counts.passes, channel.counts.pass_bytes) == (
        4,
        2,
        1,
        16,
    )


def test_the_log_counts_batches_and_bytes_of_each_pass(tmp_path):
    (tmp_path / "1.csv").write_text("1,2\n3,4\n")
    channel = stream(tmp_path, "text/csv;label_size=0", 2)
    for _ in range(2):
        list(channel.batches(1))
    lines = channel._log._out.getvalue().splitlines()
    assert len(lines) == 2 and '"epoch": 1' in lines[1]
    assert "[tensorio] [info] epoch_stats=" in lines[0] and '"num_examples": 2, "num_bytes": 8}' in lines[0]


def test_a_type_that_nobody_gave_is_named_with_the_error(tmp_path):
    (tmp_path / "1.csv").write_text("1,2\n3,4\n")
    log = JobLog("algo-1", "test", io.StringIO())
    media_type = MediaType.parse("application/x-recordio-protobuf")
    for assumed in (True, False):
        channel = RowStream("train", FileSources(tmp_path), media_type, 2, tmp_path, log, type_assumed=assumed)
        with pytest.raises(UserError, match="no RecordIO header") as error:
            list(channel.batches(1))
        advice = "The channel has no ContentType, so application/x-recordio-protobuf was assumed; set its ContentType"
        assert (advice in str(error.value)) == assumed


def test_csv_without_label_size_has_a_label_first(tmp_path):
    (tmp_path / "1.csv").write_text("9,1,2\n8,3,4\n")
    assert rows_of(tmp_path, "text/csv").tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("State,Income\n1,2\n", r"Unable to parse csv: rows 1-3, file .*x\.csv\. Channel train, x\.csv, row 1: column 1: got 'State', "
                                r"expected a number; is this a header row\? CSV channels have none\."),
        ("1,2\n3,4\n5,6\n7,8,9\n", r"rows 4-6, file .*x\.csv\. Channel train, x\.csv, row 4: 3 columns, expected 2"),
        ("1,2,3\n4,5,6\n", r"row 1: 3 columns, expected 2 \(feature_dim\)\.$"),
        ("0,2,3\n", r"row 1: 3 columns, expected 2 \(feature_dim\)\.$"),
        ("0,2,3\n2,5,6\n", r"row 1: 3 columns, expected 2 \(feature_dim\)\.$"),
        ("0,1,2,3\n1,4,5,6\n", r"row 1: 4 columns, expected 2 \(feature_dim\)\.$"),
        ("1\n2\n", r"row 1: 1 columns, expected 2 \(feature_dim\)\.$"),
        ("1,2\n3,4\n5\n", r"rows 1-3, file .*x\.csv\. Channel train, x\.csv, row 3: 1 columns, expected 2"),
        ("0,2,3\n1,5,6\n", r"row 1: 3 columns, expected 2 \(feature_dim\); the first column counts the rows: is it the index"),
        ("1,2\n3,nan\n", r"row 2: column 2: got nan, expected a finite number\."),
        ("1,2\n3,1e99\n", r"row 2: column 2: got '1e99', expected a number that float32 can hold, of at most 3\.4e38\."),
        ("1,2\n3,\n", r"row 2: column 2: empty, expected a number"),
    ],
    ids=["header", "ragged", "width", "one row", "steps of two", "two more", "one less", "last of a batch", "index", "nan", "overflow", "empty field"],
)  # fmt: skip
def test_a_bad_csv_row_is_named_with_channel_file_and_row(tmp_path, text, message):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        rows_of(tmp_path)


def test_a_forgotten_label_size_is_guessed(tmp_path):
    (tmp_path / "x.csv").write_text("1,2\n3,4\n")
    with pytest.raises(
        UserError, match=r"1 columns, expected 2 .*first column was taken as the label.*text/csv;label_size=0"
    ):
        rows_of(tmp_path, "text/csv")


def test_recordio_of_the_wrong_width(tmp_path):
    (tmp_path / "x.pbr").write_bytes(recordio(np.ones((4, 3), np.float32)))
    with pytest.raises(UserError, match=r"Channel train, x\.pbr, row 1: 3 columns, expected 2 \(feature_dim\)"):
        rows_of(tmp_path, "application/x-recordio-protobuf")


def test_truncated_recordio_is_named(tmp_path):
    (tmp_path / "x.pbr").write_bytes(recordio(np.ones((4, 2), np.float32))[:-5])
    with pytest.raises(UserError, match=r"Channel train, x\.pbr, row 4: "):
        rows_of(tmp_path, "application/x-recordio-protobuf")


def test_nan_in_recordio_is_named(tmp_path):
    x = np.ones((4, 2), np.float32)
    x[2, 1] = np.nan
    (tmp_path / "x.pbr").write_bytes(recordio(x))
    with pytest.raises(UserError, match=r"Channel train, x\.pbr, row 3: column 2: got nan"):
        rows_of(tmp_path, "application/x-recordio-protobuf")


@pytest.mark.parametrize("chunk", [1, 7, 10_000])
@pytest.mark.parametrize("kind", ["csv", "recordio"])
def test_how_the_bytes_arrive_does_not_matter(tmp_path, monkeypatch, chunk, kind):
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    media_type = "text/csv;label_size=0" if kind == "csv" else "application/x-recordio-protobuf"
    text = "\n".join(",".join(map(repr, row.tolist())) for row in x)
    (tmp_path / "x").write_bytes(text.encode() if kind == "csv" else recordio(x))
    monkeypatch.setattr("wildsage.containers.input.sources.CHUNK_BYTES", chunk)
    assert torch.equal(rows_of(tmp_path, media_type, 3, 16), torch.from_numpy(x))


def test_training_on_nothing_is_rejected_after_the_pass_has_been_logged(tmp_path):
    channel = stream(tmp_path, "text/csv;label_size=0", 2)
    with pytest.raises(UserError, match=r"^No training data processed\. .* Channel train has no data for this host\.$"):
        list(channel.batches(3))
    assert '"num_examples": 0' in channel._log._out.getvalue()


def test_another_channel_may_be_empty(tmp_path):
    log = JobLog("algo-1", "test", io.StringIO())
    channel = RowStream("test", FileSources(tmp_path), MediaType.parse("text/csv"), 2, tmp_path, log)
    assert list(channel.batches(3)) == []
    assert channel.counts == ReadCounts(passes=1, pass_start_s=channel.counts.pass_start_s)


def test_nothing_is_counted_before_the_first_pass():
    counts = ReadCounts()
    assert (counts.passes, counts.rows, counts.batches, counts.most_rows, counts.most_batches) == (0, 0, 0, 0, 0)


def test_a_row_that_is_counted_over_all_files_has_its_place_in_one(tmp_path):
    for name, text in (("1.csv", "1,2\n3,4\n"), ("2.csv", ""), ("3.csv", "5,6\n7,8\n9,0\n")):
        (tmp_path / name).write_text(text)
    channel = stream(tmp_path, "text/csv;label_size=0", 2)
    for _ in range(2):
        list(channel.batches(3))
        places = [channel.place(row) for row in (1, 2, 3, 5)]
        assert places == [
            f"Channel train, {place}" for place in ("1.csv, row 1", "1.csv, row 2", "3.csv, row 1", "3.csv, row 3")
        ]


def test_rows_of_a_pipe_and_of_one_of_several_hosts_are_said_to_be_so(tmp_path):
    (tmp_path / "1.csv").write_text("1,2\n3,x\n")

    class Pipes:
        def next_pass(self):
            yield Source(tmp_path / "1.csv", pipe=True)

    log = JobLog("algo-2", "test", io.StringIO())
    channel = RowStream("train", Pipes(), MediaType.parse("text/csv"), 1, tmp_path, log, host="algo-2")
    with pytest.raises(
        UserError, match=r"Channel train of host algo-2, row 2 of all objects in pipe 1\.csv: column 2: got 'x'"
    ):
        list(channel.batches(1))


def test_an_index_before_the_label_is_guessed(tmp_path):
    (tmp_path / "x.csv").write_text("0,9,1,2\n1,8,3,4\n")
    with pytest.raises(UserError, match=r"3 columns, expected 2 \(feature_dim\); the first column counts the rows"):
        rows_of(tmp_path, "text/csv")


def test_records_have_no_index(tmp_path):
    (tmp_path / "x.pbr").write_bytes(recordio(np.array([[0, 1, 2], [1, 3, 4]], np.float32)))
    with pytest.raises(UserError, match=r"row 1: 3 columns, expected 2 \(feature_dim\)\.$"):
        rows_of(tmp_path, "application/x-recordio-protobuf")


def test_the_advice_about_a_type_belongs_to_the_first_row(tmp_path):
    (tmp_path / "1.csv").write_text("1,2\n3,x\n")
    log = JobLog("algo-1", "test", io.StringIO())
    media_type = MediaType.parse("text/csv;label_size=0")
    channel = RowStream("train", FileSources(tmp_path), media_type, 2, tmp_path, log, type_assumed=True)
    with pytest.raises(UserError, match=r"row 2: column 2: got 'x', expected a number\.$"):
        list(channel.batches(3))


def test_without_a_feature_dim_all_rows_are_as_wide_as_the_first_of_all_passes(tmp_path):
    (tmp_path / "1.csv").write_text("1,2,3\n")
    channel = stream(tmp_path, "text/csv;label_size=0", "auto")
    assert [batch.width for batch in channel.batches(3)] == [3]
    (tmp_path / "1.csv").write_text("1,2\n")
    with pytest.raises(UserError, match=r"row 1: 2 columns, expected 3 \(feature_dim\)"):
        list(channel.batches(3))


def test_what_was_read_is_counted_by_pass_in_all_and_at_most():
    counts = ReadCounts()
    assert set(vars(counts).values()) == {0}
    for batches in ([5, 3], [4], [2, 2, 2]):
        counts.begin_pass()
        for rows in batches:
            counts.add(rows)
        counts.end_pass()
    assert (counts.passes, counts.rows, counts.batches) == (3, 18, 6)
    assert (counts.pass_rows, counts.pass_batches, counts.most_rows, counts.most_batches) == (6, 3, 8, 3)


def test_the_duration_of_a_pass_is_in_milliseconds(tmp_path, monkeypatch):
    class Clock:
        times_s = iter([10.0, 12.5])

        def time(self) -> float:
            return next(self.times_s)

    monkeypatch.setattr(row_stream, "time", Clock())
    (tmp_path / "1.csv").write_text("1,2\n")
    channel = stream(tmp_path, "text/csv;label_size=0", 2)
    list(channel.batches(1))
    assert '"epoch": 0, "duration": 2500, ' in channel._log._out.getvalue()
    assert f'"data_pipeline": "{tmp_path}"' in channel._log._out.getvalue()


def test_a_pass_that_is_left_early_counts_what_it_gave(tmp_path):
    (tmp_path / "1.csv").write_text("1,2\n3,4\n")
    channel = stream(tmp_path, "text/csv;label_size=0", 2)
    batches = channel.batches(1)
    next(batches)
    batches.close()
    assert (channel.counts.passes, channel.counts.pass_rows) == (1, 1)
