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


def test_what_has_ended_and_what_is_not_there_is_reported(aws, cli):
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


def test_a_tuning_job_is_stopped_with_all_that_it_started(aws, cli):
    tuning = _tuning_job(aws)
    child = aws.until(lambda: _trained(aws, tuning), bool)[0]
    said = cli("stop", child, "--data", aws.data)
    assert f"Tuning job {tuning} started it and continues with others: `wildsage stop {tuning}` ends it." in said.err
    said = cli("stop", tuning, "--data", aws.data)
    assert (said.status, f"tuning job {tuning}: Stopped." in said.err) == (0, True)
    assert all(aws.finished(job)["TrainingJobStatus"] == "Stopped" for job in _trained(aws, tuning))


def test_a_transform_job_is_stopped(aws, cli):
    job = aws.name("transform")
    aws.sagemaker.create_transform_job(
        TransformJobName=job,
        ModelName=aws.model(environment={"SLEEP_S": "60"}),
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": aws.upload(job, rows=b"1,2\n")}}
        },
        TransformOutput={"S3OutputPath": f"s3://bucket/out/{job}"},
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
    )
    said = cli("stop", job, "--data", aws.data)
    assert (said.status, f"transform job {job}: Stopped." in said.err) == (0, True)


def test_a_job_that_waits_is_shown_and_stopped(start_aws, cli, tmp_path):
    server = start_aws(tmp_path / "aws", "0", "process", "1")
    first = server.train(lines="begun", sleep_s="60")
    server.until(lambda: cli("logs", first, "--data", server.data).out, bool)
    second = server.train()
    assert [row["status"] for row in cli("jobs", "--data", server.data).cells] == ["Pending", "Training"]
    assert f"training job {second}: Stopped." in cli("stop", second, "--data", server.data).err
    assert f"training job {first}: Stopped." in cli("stop", first, "--data", server.data).err


def _tuning_job(aws) -> str:
    """A search whose training jobs run until they are stopped."""
    aws.s3.create_bucket(Bucket="bucket")
    name = aws.name("tuning")
    ranges = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "10"}]}
    aws.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "test:msd"},
            "ResourceLimits": {"MaxParallelTrainingJobs": 1, "MaxNumberOfTrainingJobs": 4},
            "ParameterRanges": ranges,
        },
        TrainingJobDefinition={
            "StaticHyperParameters": {"sleep_s": "60"},
            "AlgorithmSpecification": {
                "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
                "TrainingInputMode": "File",
            },
            "RoleArn": "arn:aws:iam::000000000000:role/WildsageRole",
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/tuned"},
            "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )
    return name


def _trained(aws, tuning: str) -> list[str]:
    call = aws.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job
    return [job["TrainingJobName"] for job in call(HyperParameterTuningJobName=tuning)["TrainingJobSummaries"]]
