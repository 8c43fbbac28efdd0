"""Rows in S3: their parts, the manifest that lists them, and the channel of a job."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from wildsage import RecordSet, read_records
from wildsage.local_runner.estimators import record_set

ROWS_ND = np.arange(22, dtype=np.float32).reshape(11, 2)
LABELS_N = np.arange(11, dtype=np.float32)


@pytest.fixture
def s3(session):
    client = session.boto_session.client("s3")
    client.create_bucket(Bucket="rows")
    return client


def stored(s3, uri):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)


def first_columns(s3, uri):
    records = read_records(io.BytesIO(stored(s3, uri)["Body"].read()))
    return [record.features["values"].float32_tensor.values[0] for record in records], records


@pytest.mark.parametrize(
    ("shards", "names", "sizes"),
    [
        (1, ["matrix_0.pbr"], [11]),
        (2, ["matrix_0.pbr", "matrix_1.pbr"], [5, 6]),
        (3, ["matrix_0.pbr", "matrix_1.pbr", "matrix_2.pbr"], [3, 3, 5]),
        (11, [f"matrix_{number:02}.pbr" for number in range(11)], [1] * 11),
    ],
)
def test_each_instance_has_its_part_and_the_last_has_the_rest(s3, shards, names, sizes):
    folder = f"s3://rows/of/{shards}/"
    manifest = record_set.upload(s3, folder, shards, ROWS_ND, LABELS_N, encrypt=False)
    assert manifest == f"{folder}.amazon.manifest"
    assert json.loads(stored(s3, manifest)["Body"].read()) == [{"prefix": folder}, *names]
    found = [first_columns(s3, f"{folder}{name}") for name in names]
    assert [len(columns) for columns, _ in found] == sizes
    assert [column for columns, _ in found for column in columns] == ROWS_ND[:, 0].tolist()
    labels = [record.label["values"].float32_tensor.values[0] for _, records in found for record in records]
    assert labels == LABELS_N.tolist()


def test_rows_without_labels_have_none(s3):
    record_set.upload(s3, "s3://rows/bare/", 1, ROWS_ND, None, encrypt=False)
    columns, records = first_columns(s3, "s3://rows/bare/matrix_0.pbr")
    assert columns == ROWS_ND[:, 0].tolist()
    assert not any(record.label for record in records)


def test_objects_are_encrypted_if_that_is_asked_for(s3, monkeypatch):
    asked = []
    session_events = s3.meta.events
    session_events.register("provide-client-params.s3.PutObject", lambda params, **_: asked.append(dict(params)))
    for encrypt, expected in ((False, None), (True, "AES256")):
        asked.clear()
        record_set.upload(s3, f"s3://rows/{encrypt}/", 1, ROWS_ND, None, encrypt)
        assert [request.get("ServerSideEncryption") for request in asked] == [expected, expected]


def test_an_instance_without_a_row_is_rejected(s3):
    with pytest.raises(ValueError) as caught:
        record_set.upload(s3, "s3://rows/few/", 12, ROWS_ND, None, encrypt=False)
    assert str(caught.value) == "Got 11 rows for 12 instances, expected at least one row per instance."


def test_the_channel_says_where_the_rows_are_and_how_they_are_shared():
    channel = RecordSet("s3://rows/a.manifest", 11, 2).data_channel("File")
    source = channel.data_source.s3_data_source
    assert (channel.channel_name, channel.input_mode) == ("train", "File")
    assert (source.s3_uri, source.s3_data_type) == ("s3://rows/a.manifest", "ManifestFile")
    assert source.s3_data_distribution_type == "ShardedByS3Key"
    other = RecordSet("s3://rows/x/", 11, 2, "S3Prefix", "test", "FullyReplicated").data_channel("Pipe")
    source = other.data_source.s3_data_source
    assert (other.channel_name, other.input_mode) == ("test", "Pipe")
    assert (source.s3_uri, source.s3_data_type) == ("s3://rows/x/", "S3Prefix")
    assert source.s3_data_distribution_type == "FullyReplicated"
