"""CreateModel: what a model shows, and the containers that it rejects."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker.models import create_model, delete_model, describe_model, list_models
from wildsage.local_runner.wire.errors import AwsError

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"


@pytest.fixture
def stored(context):
    """The bucket has an archive and a folder of plain files."""
    for key in ("m.tar.gz", "folder/a"):
        context.services.objects.put("bucket", key, [b"x"])
    return context


def source(kind: str, compression: str, uri: str) -> dict:
    return {"S3DataSource": {"S3DataType": kind, "CompressionType": compression, "S3Uri": uri}}


def test_a_model_shows_the_defaults_of_what_was_not_given(stored):
    create_model(
        stored, {"ModelName": "m", "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://bucket/m.tar.gz"}}
    )
    found = describe_model(stored, {"ModelName": "m"})
    assert found["EnableNetworkIsolation"] is False
    assert found["PrimaryContainer"] == {"Mode": "SingleModel", "Image": IMAGE, "ModelDataUrl": "s3://bucket/m.tar.gz"}
    assert [one["ModelName"] for one in list_models(stored, {})["Models"]] == ["m"]
    delete_model(stored, {"ModelName": "m"})
    assert list_models(stored, {})["Models"] == []


def test_a_pipeline_shows_each_container_with_its_mode(stored):
    containers = [{"Image": IMAGE}, {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://bucket/absent/"}]
    create_model(stored, {"ModelName": "m", "Containers": containers})
    found = describe_model(stored, {"ModelName": "m"})["Containers"]
    assert [one["Mode"] for one in found] == ["SingleModel", "MultiModel"]


@pytest.mark.parametrize(
    "place",
    [
        {"ModelDataSource": source("S3Object", "Gzip", "s3://bucket/m.tar.gz")},
        {"ModelDataSource": source("S3Prefix", "None", "s3://bucket/folder/")},
    ],
)
def test_model_data_may_be_an_archive_or_a_folder(stored, place):
    create_model(stored, {"ModelName": "m", "PrimaryContainer": {"Image": IMAGE, **place}})
    assert describe_model(stored, {"ModelName": "m"})["PrimaryContainer"].items() >= place.items()


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({}, "An image is required"),
        ({"Image": "of-nobody"}, "of-nobody"),
        (
            {"Image": IMAGE, "ModelDataUrl": "s3://bucket/absent.tar.gz"},
            "Could not find model data at s3://bucket/absent.tar.gz",
        ),
        ({"Image": IMAGE, "ModelDataUrl": "s3://absent/m.tar.gz"}, "Could not find model data at s3://absent/m.tar.gz"),
        ({"Image": IMAGE, "ModelDataUrl": "https://m.tar.gz"}, "Could not find model data at https://m.tar.gz"),
        (
            {"Image": IMAGE, "ModelDataSource": source("S3Prefix", "None", "s3://bucket/none/")},
            "No object has this prefix",
        ),
        ({"Image": IMAGE, "Mode": "MultiModel"}, "needs a ModelDataUrl, the S3 prefix of its models, got None"),
        ({"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "https://x"}, "got https://x"),
    ],
)
def test_a_container_that_could_not_run_is_rejected_wherever_it_stands(stored, container, words):
    for given in ({"PrimaryContainer": container}, {"Containers": [{"Image": IMAGE}, container]}):
        with pytest.raises(AwsError) as caught:
            create_model(stored, {"ModelName": "m", **given})
        assert caught.value.code == "ValidationException" and words in str(caught.value)
    assert list_models(stored, {})["Models"] == []


@pytest.mark.parametrize(("isolated", "rejected"), [(True, True), (False, False)])
def test_isolation_that_cannot_be_kept_is_rejected(stored, monkeypatch, isolated, rejected):
    monkeypatch.setattr("wildsage.local_runner.processes.no_network.problem", lambda: "there are no namespaces")
    request = {"ModelName": "m", "PrimaryContainer": {"Image": IMAGE}, "EnableNetworkIsolation": isolated}
    if rejected:
        with pytest.raises(AwsError, match="EnableNetworkIsolation cannot be kept here"):
            create_model(stored, request)
    else:
        assert create_model(stored, request)


def test_the_backend_is_asked_to_isolate_what_serves(stored):
    asked: list[tuple[int, bool]] = []
    backend = SimpleNamespace(
        check=lambda image, has_entrypoint: None, check_isolation=lambda hosts, serves: asked.append((hosts, serves))
    )
    view = RequestContext(replace(stored.services, backend=backend))
    create_model(view, {"ModelName": "m", "PrimaryContainer": {"Image": IMAGE}, "EnableNetworkIsolation": True})
    assert asked == [(1, True)]
