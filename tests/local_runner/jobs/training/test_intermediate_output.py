"""What a script writes to /opt/ml/output/intermediate lies in S3 while its job runs, if the job asks for it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.channels import InputError
from wildsage.local_runner.jobs.training.intermediate_output import asked_for, mirrored
from wildsage.local_runner.s3.store import ObjectStore

WITHIN_S = 240


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    store = ObjectStore(tmp_path / "s3")
    store.create_bucket("bucket")
    return store


def test_a_file_is_stored_while_the_job_runs_and_stays_when_it_is_deleted(tmp_path, store):
    host = OptML(tmp_path / "algo-1")
    with mirrored("s3://bucket/out/", "job-1", [host], store):
        file = host.output_intermediate / "charts" / "loss.csv"
        file.parent.mkdir()
        file.write_text("1\n")
        deadline = time.monotonic() + WITHIN_S
        while store.find("bucket", "out/job-1/output/intermediate/charts/loss.csv") is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        file.unlink()
        (host.output_intermediate / "last").write_text("2\n")
    assert [found.key for found in store.list("bucket", "")] == [
        "out/job-1/output/intermediate/charts/loss.csv",
        "out/job-1/output/intermediate/last",
    ]


def test_a_bucket_without_a_prefix_will_do_and_one_that_is_not_there_is_named(tmp_path, store):
    host = OptML(tmp_path / "algo-1")
    with mirrored("s3://bucket", "job-1", [host], store):
        (host.output_intermediate / "last").write_text("2\n")
    assert store.find("bucket", "job-1/output/intermediate/last")
    with (
        pytest.raises(InputError, match="Intermediate output cannot be written below s3://gone/x: NoSuchBucket"),
        mirrored("s3://gone/x", "job-1", [host], store),
    ):
        (host.output_intermediate / "more").write_text("3\n")


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("s3://bucket/out", "s3://bucket/out"),
        (json.dumps("s3://bucket/out"), "s3://bucket/out"),
        ("file:///tmp/out", None),
        ("7", None),
        (None, None),
    ],
)
def test_jobs_ask_for_it_by_a_hyperparameter(given, uri):
    assert asked_for({"sagemaker_s3_output": given} if given else {"epochs": "5"}) == uri
