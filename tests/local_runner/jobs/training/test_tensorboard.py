"""Files of TensorBoard lie where the request says, below the name of the job."""

from __future__ import annotations

from contextlib import closing

import pytest

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.channels import InputError
from wildsage.local_runner.jobs.training.tensorboard import mirrored
from wildsage.local_runner.s3.store import ObjectStore


@pytest.fixture
def objects(tmp_path):
    with closing(ObjectStore(tmp_path / "s3")) as objects:
        objects.create_bucket("bucket")
        yield objects


@pytest.mark.parametrize(
    ("uri", "prefix"), [("s3://bucket/boards/", "boards/"), ("s3://bucket/boards", "boards/"), ("s3://bucket", "")]
)
@pytest.mark.parametrize("local_path", [None, "/opt/ml/output/other"])
def test_every_host_finds_its_folder_and_its_files_are_copied(tmp_path, objects, uri, prefix, local_path):
    config = {"S3OutputPath": uri} | ({"LocalPath": local_path} if local_path else {})
    hosts = [OptML(tmp_path / name) for name in ("algo-1", "algo-2")]
    for _ in range(2):  # the folders of a job that is tried again are there already
        with mirrored(config, "job", hosts, objects):
            for host in hosts:
                (host.tensorboard(local_path) / f"events.{host.root.name}").write_bytes(b"1")
    assert [found.key for found in objects.list("bucket")] == [
        f"{prefix}job/tensorboard-output/events.algo-{number}" for number in (1, 2)
    ]


def test_a_bucket_that_is_not_there_is_named(tmp_path, objects):
    host = OptML(tmp_path / "algo-1")
    with (
        pytest.raises(InputError, match="TensorBoard files cannot be written below s3://gone/x: NoSuchBucket"),
        mirrored({"S3OutputPath": "s3://gone/x"}, "job", [host], objects),
    ):
        (host.tensorboard(None) / "events").write_bytes(b"1")
