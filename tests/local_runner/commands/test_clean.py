"""`wildsage clean`: what goes, what stays, and what is asked before."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest

from wildsage.local_runner.commands.clean import parse_age
from wildsage.local_runner.jobs.store import LAYOUT, Store
from wildsage.local_runner.monitor.cleanup import freed_bytes, leftovers
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.settings import ServerSettings


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1.5h", 5_400), ("7d", 604_800), ("2w", 1_209_600)])
def test_ages(text, seconds):
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["7", "d", "-1d", "7 days", ""])
def test_other_ages_are_wrong_usage(cli, text, tmp_path):
    said = cli("clean", "--older-than", text, "--data", tmp_path)
    assert said.status == 2
    assert "expected a number and one of s, m, h, d, w" in said.err.replace("│ ", "")


def names(cli, data) -> set[str]:
    return {row["name"] for row in cli("jobs", "--data", data, "--limit", "0").cells}


def test_while_a_server_runs_ended_jobs_go_and_everything_else_stays(start_aws, cli):
    aws = start_aws()
    ended = aws.train(lines="a line of some length")
    artifact = aws.finished(ended)["ModelArtifacts"]["S3ModelArtifacts"]
    endpoint = aws.deploy(aws.config(aws.model()))
    running = aws.train(lines="begun", sleep_s="60")
    aws.until(lambda: cli("logs", running, "--data", aws.data).out, bool)

    said = cli("clean", "--data", aws.data, stdin="y\n")
    assert said.status == 0, said.err
    assert {row["what"]: row["count"] for row in said.cells} == {"ended jobs: records, logs, kept folders": "2"}
    assert "Remove 2 items" in said.err
    assert names(cli, aws.data) == {running}
    assert cli("logs", ended, "--data", aws.data).status == 1
    assert cli("logs", running, "--data", aws.data).out == "begun\n"
    assert aws.members(artifact)
    assert aws.invoke(endpoint)["name"]
    with pytest.raises(aws.sagemaker.exceptions.ClientError, match="Requested resource not found"):
        aws.sagemaker.describe_training_job(TrainingJobName=ended)


def test_without_a_yes_nothing_goes(start_aws, cli):
    aws = start_aws()
    job = aws.train()
    aws.finished(job)
    for answer in ("n\n", ""):
        assert cli("clean", "--data", aws.data, stdin=answer).status == 1
    assert names(cli, aws.data) == {job}


def test_what_is_younger_stays(start_aws, cli):
    aws = start_aws()
    aws.finished(aws.train())
    said = cli("clean", "--data", aws.data, "--older-than", "1h", "--yes")
    assert (said.status, "Nothing to remove" in said.err) == (0, True)
    assert len(names(cli, aws.data)) == 1


def test_what_deleted_endpoints_and_jobs_left_goes(start_aws, cli):
    aws = start_aws()
    endpoint = aws.deploy(aws.config(aws.model()))
    aws.invoke(endpoint)
    aws.sagemaker.delete_endpoint(EndpointName=endpoint)
    aws.until(lambda: aws.sagemaker.list_endpoints()["Endpoints"], lambda found: not found)
    job = aws.train(lines="x")
    aws.finished(job)
    aws.sagemaker.delete_training_job(TrainingJobName=job)
    (aws.region.endpoints / "left-by-a-kill").mkdir(parents=True)
    rows = {row["what"]: row["count"] for row in cli("clean", "--data", aws.data, "--yes").cells}
    assert rows["logs of deleted jobs and endpoints"] == "2"
    assert rows["folders of deleted jobs and endpoints"] == "1"
    assert not (aws.region.endpoints / "left-by-a-kill").exists()


def test_at_rest_uploads_go_and_objects_only_where_asked(start_aws, cli):
    aws = start_aws()
    aws.upload("data", rows=b"1,2\n" * 1000)
    upload = aws.s3.create_multipart_upload(Bucket="bucket", Key="big")
    aws.s3.upload_part(Bucket="bucket", Key="big", UploadId=upload["UploadId"], PartNumber=1, Body=b"x" * 5000)
    rejected = cli("clean", "--objects", "--yes", "--data", aws.data)
    assert (rejected.status, "a server runs at" in rejected.err) == (1, True)
    aws.stop()
    (row,) = cli("clean", "--yes", "--data", aws.data).cells
    assert (row["what"], row["size"]) == ("unfinished uploads", "5.0 kB")
    assert (aws.data / "s3/buckets/bucket/data/rows").exists()
    (row,) = cli("clean", "--objects", "--yes", "--data", aws.data).cells
    assert (row["what"], row["size"]) == ("objects in S3", "4.0 kB")
    again = start_aws()
    assert again.s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0
    assert again.s3.list_multipart_uploads(Bucket="bucket").get("Uploads", []) == []


def test_jobs_of_a_tuning_job_that_runs_stay(tmp_path):
    folder = ServerSettings(tmp_path).region("us-east-1")
    folder.path.mkdir(parents=True)
    store = Store(folder.state)
    arn = "arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/tuning"
    tuning = {
        "HyperParameterTuningJobName": "tuning",
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": 1.0,
    }
    store.insert("hyper-parameter-tuning-job", "tuning", tuning)
    for name, tuned_by in (("tried", {"TuningJobArn": arn}), ("alone", {})):
        own = arn.replace("hyper-parameter-tuning-job/tuning", f"training-job/{name}")
        job = {"TrainingJobName": name, "TrainingJobArn": own, "TrainingJobStatus": "Completed", "CreationTime": 2.0}
        store.insert("training-job", name, {**job, "TrainingEndTime": 3.0, **tuned_by})
    with contextlib.closing(store), contextlib.closing(Overview(tmp_path)) as overview:
        assert [each.name for each in leftovers(folder, overview, store)] == ["alone"]
        store.update("hyper-parameter-tuning-job", "tuning", HyperParameterTuningJobStatus="Completed")
        assert {each.name for each in leftovers(folder, overview, store)} == {
            "alone",
            "tried",
            "tuning",
        }


@pytest.mark.parametrize("command", ["jobs", "clean"])
def test_a_data_folder_of_a_later_version_is_named(cli, tmp_path, command):
    folder = ServerSettings(tmp_path).region("us-east-1")
    folder.path.mkdir(parents=True)
    Store(folder.state).close()
    with contextlib.closing(sqlite3.connect(folder.state)) as database:
        database.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    said = cli(command, "--data", tmp_path)
    assert said.status == 1
    assert "was written by a later version of Wildsage" in said.err and "Traceback" not in said.err


def test_links_free_nothing(tmp_path):
    (tmp_path / "own").write_bytes(b"12345")
    (tmp_path / "one").write_bytes(b"123")
    os.link(tmp_path / "one", tmp_path / "two")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert freed_bytes(tmp_path) == 5


def test_environments_of_requirements_go_on_request_by_the_time_of_their_last_use(tmp_path, monkeypatch, cli):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ServerSettings(tmp_path / "aws").region("us-east-1").path.mkdir(parents=True)
    for name, used in (("old", 1_000), ("new", None)):
        place = tmp_path / "cache" / "wildsage" / "environments" / name
        place.mkdir(parents=True)
        (place / "complete").touch()
        (place.with_suffix(".lock")).touch()
        if used:
            os.utime(place / "complete", (used, used))
    command = ("clean", "--data", tmp_path / "aws", "--older-than", "1d", "--yes")
    cli(*command)
    assert place.parent.joinpath("old").exists()
    said = cli(*command, "--environments")
    assert said.status == 0, said.err
    assert {row["what"]: row["count"] for row in said.cells} == {"environments of requirements.txt": "1"}
    assert {one.name for one in place.parent.iterdir()} == {"old.lock", "new.lock", "new"}
