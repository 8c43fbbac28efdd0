"""Jobs of the console that are made again or run in a server, and a store with many of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import urllib3

from wildsage.local_runner.client import environment
from wildsage.local_runner.console import PATH, job_code
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.training import description
from wildsage.local_runner.jobs.training.states import KIND, JobEnd, enter_secondary
from wildsage.local_runner.monitor.overview import KINDS

REGION = "us-east-1"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
TRAINING = KINDS[0]


def document(name: str, created: float = 1_790_000_000.0, outcome: str = "Completed", reason: str = "") -> dict:
    """A training job that has ended."""
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::000000000000:role/WildsageRole",
        "HyperParameters": {"k": "3", "<b>": "<script>alert(1)</script>"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train/"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    job = description.training_job(request, f"arn:aws:sagemaker:{REGION}:000000000000:training-job/{name}", created)
    KIND.create(job, False, created)
    job["TrainingStartTime"] = created
    enter_secondary(job, "InProgress", "Training", created + 1)
    KIND.end(job, JobEnd(outcome, reason or None), created + 61)
    return job


def test_the_same_request_has_what_the_user_gave_and_nothing_of_the_service():
    request = job_code.same_request(TRAINING, document("given"))
    assert request["TrainingJobName"] == "given-again"
    assert set(request) == {
        "TrainingJobName",
        "AlgorithmSpecification",
        "RoleArn",
        "HyperParameters",
        "InputDataConfig",
        "OutputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
    }
    assert request["AlgorithmSpecification"] == {"TrainingImage": IMAGE, "TrainingInputMode": "File"}


def test_metrics_of_the_algorithm_are_not_asked_for_again():
    job = document("measured")
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    own = {"Name": "own", "Regex": "own=([0-9.]+)"}
    found = metrics.shown(metrics.definitions("xgboost", [own]), [own])  # not all of them, as there are too many
    job["AlgorithmSpecification"] |= {"TrainingImage": image, "MetricDefinitions": found}
    assert job_code.same_request(TRAINING, job)["AlgorithmSpecification"]["MetricDefinitions"] == [own]
    job["AlgorithmSpecification"]["MetricDefinitions"] = metrics.shown(metrics.definitions("xgboost"))
    assert "MetricDefinitions" not in job_code.same_request(TRAINING, job)["AlgorithmSpecification"]


def test_a_long_name_stays_within_what_aws_allows():
    assert len(job_code.again(TRAINING, "n" * 63)) == 63


def test_the_programs_of_the_page_do_the_job_again(aws, channel):
    """Those of boto3 and of version 2 of the SDK, in the environment that the overview gives."""
    job = aws.train(channel(aws.upload("again", **{"a.csv": b"1,2"})), k="2", feature_dim="2")
    described = aws.finished(job)
    (_, boto3_program), (_, sdk2_program), _ = job_code.programs(TRAINING, stored(described))
    sdk2_program = sdk2_program.replace(f"{job}-again", f"{job}-again-2")
    env = environment.client_environment(aws.endpoint, aws.data, False, {})
    subprocess.run([sys.executable, "-c", boto3_program + sdk2_program], env=env, check=True, timeout=200)
    for name in (f"{job}-again", f"{job}-again-2"):
        again = aws.finished(name)
        assert again["HyperParameters"] == described["HyperParameters"]
        assert again["InputDataConfig"][0]["DataSource"] == described["InputDataConfig"][0]["DataSource"]


def stored(described: dict) -> dict:
    """A description as the store has it, with times as numbers."""
    return json.loads(json.dumps(described, default=lambda when: when.timestamp()))


def test_a_running_job_is_stopped_by_the_button(aws):
    """With a socket, since the job runs in the server."""
    job = aws.train(sleep_s="60")
    aws.until(
        lambda: aws.sagemaker.describe_training_job(TrainingJobName=job), lambda found: "TrainingStartTime" in found
    )
    address = f"{aws.endpoint}{PATH}/jobs/{REGION}/training/{job}"
    page = urllib3.request("GET", address, timeout=240)
    token = re.search(r'form-token" content="([^"]+)"', page.data.decode())[1]
    headers = {"Origin": aws.endpoint, "Cookie": page.headers["Set-Cookie"].partition(";")[0]}
    urllib3.request(
        "POST", f"{address}/stop", headers=headers, fields={"form_token": token}, redirect=False, timeout=240
    )
    assert aws.finished(job)["TrainingJobStatus"] == "Stopped"
    assert "data-ended" in urllib3.request("GET", f"{address}/now", timeout=240).data.decode()


def test_2000_jobs_are_counted_by_the_index(visitor):
    store = visitor.regions.services(REGION).store
    job = document("many")
    store._transact(
        lambda: [store._write(KIND.name, f"many-{number}", {**job, "CreationTime": number}) for number in range(2000)]
    )
    html = visitor.text("/jobs/")
    assert "All (2,000)" in html and html.count('id="job-training-') == 50
