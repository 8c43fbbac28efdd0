"""A request out of a file of training data, for each format that a channel may have."""

from __future__ import annotations

import io
import json
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_array

from wildsage.containers.codecs.images import image_recordio
from wildsage.containers.codecs.records import files
from wildsage.local_runner.console.samples import (
    SampleRequest,
    body_of,
    job_of_endpoint,
    sample_for,
    training_channel,
)
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.s3.store import ObjectStore

ACCOUNT = "382416733822.dkr.ecr.us-east-1.amazonaws.com"
KMEANS, LINEAR, TEXT, SCRIPT = (f"{ACCOUNT}/{name}:1" for name in ("kmeans", "linear-learner", "blazingtext", "my-own"))


@pytest.mark.parametrize(
    ("content", "content_type", "image", "expected"),
    [
        (b"1,2,3\n4,5,6\n", "text/csv;label_size=0", KMEANS, ("text/csv", b"1,2,3")),
        (b"1,2,3\n4,5,6\n", "text/csv; label_size=2", KMEANS, ("text/csv", b"3")),
        (b"1,2,3\n", "text/csv", KMEANS, ("text/csv", b"1,2,3")),
        (b"1,2,3\n", "text/csv", LINEAR, ("text/csv", b"2,3")),
        (b"a,b\n1,2\n", "", SCRIPT, ("text/csv", b"1,2")),
        (b'"x, y",2\n', "csv", SCRIPT, ("text/csv", b'"x, y",2')),
        (b"1 0:2 5:1\n0 1:1\n", "text/libsvm", SCRIPT, ("text/libsvm", b"1 0:2 5:1")),
        (b"__label__4 a good day\n", "text/plain", TEXT, ("application/json", b'{"instances": ["a good day"]}')),
        (
            b'{"source": "a day", "label": 4}\n',
            "application/jsonlines",
            TEXT,
            ("application/json", b'{"instances": ["a day"]}'),
        ),
        (b"some plain words\n", "text/plain", TEXT, ("application/json", b'{"instances": ["some"]}')),
        (b'{"x": 1}\n{"x": 2}\n', "application/jsonlines", SCRIPT, ("application/json", b'{"x": 1}')),
        (b"\xff\xfe", "text/plain", SCRIPT, None),
        (b"words", "text/plain", SCRIPT, None),
        (b"", "text/csv", KMEANS, None),
    ],
)
def test_the_first_row_of_text(content, content_type, image, expected):
    assert body_of(content, content_type, "train/rows.csv" if b"," in content else "train/a", image) == expected


def test_dense_records_become_csv_and_sparse_ones_json():
    dense = bytes(files.encode_dense(np.array([[1.5, 2]], np.float32), np.array([7], np.float32)))
    assert body_of(dense, "application/x-recordio-protobuf", "a", LINEAR) == ("text/csv", b"1.5,2")
    files.write_spmatrix_to_sparse_tensor(file := io.BytesIO(), csr_array(np.array([[0, 2.5]], np.float32)))
    kind, body = body_of(file.getvalue(), "application/x-recordio-protobuf", "a", LINEAR)
    assert kind == "application/json"
    assert json.loads(body) == {"instances": [{"data": {"features": {"keys": [1], "shape": [2], "values": [2.5]}}}]}


def test_pictures_are_sent_as_they_are():
    Image.new("RGB", (9, 9)).save(file := io.BytesIO(), "PNG")
    picture = file.getvalue()
    assert body_of(picture, "image/png", "a.png", SCRIPT) == ("application/x-image", picture)
    assert body_of(image_recordio.encode(picture, [3], 0), "application/x-recordio", "a.rec", SCRIPT) == (
        "application/x-image",
        picture,
    )


def test_a_picture_as_long_as_what_is_read_may_be_cut_and_is_not_sent():
    Image.new("RGB", (9, 9)).save(file := io.BytesIO(), "PNG")
    for length, sent in (((1 << 20) - 1, True), (1 << 20, False)):
        picture = file.getvalue().ljust(length, b"\0")
        assert (body_of(picture, "image/png", "a.png", SCRIPT) is not None) == sent


URI = "s3://bucket/models/job/output/model.tar.gz"


def endpoint(uri: str | None = URI) -> dict:
    return {"Deployment": {"Variants": [{"Containers": [{"ModelDataUrl": uri}, {"ModelDataUrl": "s3://b/other"}]}]}}


def channel(name: str, kind: str = "S3Prefix") -> dict:
    source = {"S3DataType": kind, "S3Uri": f"s3://bucket/{name}/"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


@pytest.fixture
def services(tmp_path):
    """Services with an empty bucket and a job whose model an endpoint serves and whose channel is `train`."""
    with closing(Store(tmp_path / "state")) as store, closing(ObjectStore(tmp_path / "s3")) as objects:
        objects.create_bucket("bucket")
        job = {
            "TrainingJobName": "job",
            "CreationTime": 1.0,
            "AlgorithmSpecification": {"TrainingImage": LINEAR},
            "InputDataConfig": [channel("train")],
            "ModelArtifacts": {"S3ModelArtifacts": URI},
        }
        store.insert("training-job", "job", job)
        yield SimpleNamespace(store=store, inputs=objects)


def test_the_first_row_of_the_first_object_that_is_neither_hidden_nor_empty_is_a_sample(services):
    assert sample_for(services, endpoint()) is None
    for name, content in ((".hidden", b"9,9,9"), ("a-empty", b""), ("b.csv", b"0,1,2\n0,3,4\n"), ("c.csv", b"0,5,6")):
        services.inputs.put("bucket", f"train/{name}", [content])
    found = sample_for(services, endpoint())
    assert found == SampleRequest("text/csv", b"1,2", "s3://bucket/train/b.csv")
    assert found.is_text and not SampleRequest("application/x-image", b"", "").is_text


@pytest.mark.parametrize(("empty", "found"), [(19, True), (20, False)])
def test_twenty_objects_are_looked_at(services, empty, found):
    for number in range(empty):
        services.inputs.put("bucket", f"train/{number:02d}", [b""])
    services.inputs.put("bucket", "train/rows", [b"0,1\n"])
    assert (sample_for(services, endpoint()) is not None) == found


@pytest.mark.parametrize("content", [b"\xce\xfa\xed\xfe" + b"\xff" * 9, b"\xff\xff", b"words"])
def test_data_that_cannot_be_read_give_no_sample(services, content):
    services.inputs.put("bucket", "train/a", [content], "text/csv")
    services.store.update("training-job", "job", InputDataConfig=[channel("train") | {"ContentType": ""}])
    assert sample_for(services, endpoint()) is None


def test_a_bucket_or_a_channel_that_is_gone_gives_no_sample(services):
    services.store.update("training-job", "job", InputDataConfig=[])
    assert sample_for(services, endpoint()) is None
    gone = channel("train")
    gone["DataSource"]["S3DataSource"]["S3Uri"] = "s3://gone/train"
    services.store.update("training-job", "job", InputDataConfig=[gone])
    assert sample_for(services, endpoint()) is None


@pytest.mark.parametrize(
    "uri", [None, "", "model.tar.gz", "s3://b/other/output/model.tar.gz", URI + ".old", "job/output/"]
)
def test_a_model_that_no_job_made_here_has_no_job(services, uri):
    assert job_of_endpoint(services.store, endpoint(uri)) is None


def test_the_job_of_an_endpoint_is_that_of_its_first_model(services):
    assert job_of_endpoint(services.store, endpoint())["TrainingJobName"] == "job"
    services.store.update("training-job", "job", ModelArtifacts={"S3ModelArtifacts": "job/output/x"})
    assert job_of_endpoint(services.store, endpoint("job/output/x")), "three parts are enough"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["a", "training", "train"], "train"),
        (["a", "training"], "training"),
        (["a", "test"], "a"),
        ([], None),
    ],
)
def test_the_channel_of_a_job(names, chosen):
    found = training_channel({"InputDataConfig": [channel(name) for name in names]})
    assert (found and found["ChannelName"]) == chosen


def test_a_channel_that_is_not_a_prefix_is_not_looked_at():
    assert training_channel({"InputDataConfig": [channel("train", "AugmentedManifestFile")]}) is None
    assert training_channel({"InputDataConfig": [{"ChannelName": "train", "DataSource": {}}]}) is None
    assert training_channel({}) is None
