"""`wildsage stop`: jobs gracefully, endpoints, and what cannot be stopped."""

from __future__ import annotations


def test_a_job_is_stopped_and_keeps_its_model(aws, cli):
    job = aws.train(lines="begun", sleep_s="60")
    aws.until(lambda: cli("logs", job, "--data", aws.data).out, bool)
    said = cli("stop", job, "--data", aws.data)
    assert said.status == 0
    assert f"training job {job}: Stopped." in said.err
    assert "stopped_algo-1" in aws.members(aws.finished(job)["ModelArtifacts"]["S3ModelArtifacts"])


def test_an_endpoint_is_deleted(aws, cli):
    endpoint = aws.deploy(aws.config(aws.model()))
    assert f"endpoint {endpoint}: deleted." in cli("stop", endpoint, "--data", aws.data).err
    assert endpoint not in [found["EndpointName"] for found in aws.sagemaker.list_endpoints()["Endpoints"]]


def test_without_waiting_it_returns_at_once(aws, cli):
    job = aws.train(lines="begun", sleep_s="60", deaf="yes")
    aws.until(lambda: cli("logs", job, "--data", aws.data).out, bool)
    assert cli("stop", job, "--no-wait", "--data", aws.data).status == 0
    assert aws.sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "Stopping"


def test_what_has_ended_and_what_is_not_there_is_told(aws, cli):
    job = aws.train(TrainingJobName="ended-long-ago")
    aws.finished(job)
    said = cli("stop", job, "--data", aws.data)
    assert (said.status, "Training job ended-long-ago has already ended: Completed." in said.err) == (1, True)
    said = cli("stop", "nobody", "--data", aws.data)
    assert (said.status, "There is no job or endpoint named nobody." in said.err) == (1, True)


def test_where_nothing_runs_there_is_nothing_to_stop(cli, tmp_path):
    said = cli("stop", "x", "--data", tmp_path)
    assert (said.status, f"No local AWS runs on {tmp_path}" in said.err) == (1, True)


def test_a_home_in_the_variable_is_found(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WILDSAGE_DATA", "~/aws")
    assert f"No local AWS runs on {tmp_path}/aws" in cli("stop", "job").err
