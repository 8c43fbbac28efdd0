"""`wildsage clean` of a folder whose server runs, or ran: what goes, what stays, and what is asked before."""

from __future__ import annotations

import pytest


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
