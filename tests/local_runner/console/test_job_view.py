"""What the page of a job shows of its document: steps, data, image and machines of every kind of job."""

from __future__ import annotations

import pytest

from wildsage.local_runner.console import job_view
from wildsage.local_runner.console.job_view import Place, Step
from wildsage.local_runner.monitor.overview import KINDS

TRAINING, TRANSFORM, PROCESSING, _ = KINDS


def test_a_training_job_keeps_its_steps():
    transitions = [
        {"Status": "Starting", "StartTime": 1.0, "EndTime": 2.0, "StatusMessage": "a"},
        {"Status": "Training", "StartTime": 2.0, "StatusMessage": "b"},
    ]
    found = job_view.steps(TRAINING, {"SecondaryStatusTransitions": transitions})
    assert found == [Step("Starting", 1.0, 2.0, "a"), Step("Training", 2.0, None, "b")]


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        ({}, [Step("Created", 1.0, None)]),
        ({"ProcessingStartTime": 2.0}, [Step("Created", 1.0, 2.0), Step("InProgress", 2.0, None)]),
        (
            {"ProcessingStartTime": 2.0, "ProcessingEndTime": 3.0, "FailureReason": "why"},
            [Step("Created", 1.0, 2.0), Step("InProgress", 2.0, 3.0), Step("Failed", 3.0, 3.0, "why")],
        ),
        ({"ProcessingEndTime": 3.0}, [Step("Created", 1.0, 3.0), Step("Failed", 3.0, 3.0)]),
    ],
)
def test_the_steps_of_other_jobs_follow_from_their_times(times, wanted):
    assert job_view.steps(PROCESSING, {"CreationTime": 1.0, "ProcessingJobStatus": "Failed", **times}) == wanted


@pytest.mark.parametrize(
    ("job", "image", "settings", "machine"),
    [
        ({}, "", {}, ""),
        (
            {
                "AlgorithmSpecification": {"TrainingImage": "i"},
                "HyperParameters": {"k": "1"},
                "Environment": {"A": "1"},
                "ResourceConfig": {"InstanceCount": 2, "InstanceType": "t"},
            },
            "i",
            {"k": "1"},
            "2 × t",
        ),
        (
            {
                "AppSpecification": {"ImageUri": "i"},
                "Environment": {"A": "1"},
                "ProcessingResources": {"ClusterConfig": {"InstanceType": "t"}},
            },
            "i",
            {"A": "1"},
            "1 × t",
        ),
        ({"ModelName": "m", "TransformResources": {"InstanceCount": 3, "InstanceType": "t"}}, "m", {}, "3 × t"),
    ],
)
def test_image_settings_and_machines(job, image, settings, machine):
    assert (job_view.image(job), job_view.hyperparameters(job), job_view.machine(job)) == (image, settings, machine)


def test_what_a_training_job_reads_and_writes():
    source = {"S3DataSource": {"S3Uri": "s3://b/in"}}
    job = {
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "InputDataConfig": [
            {"ChannelName": "a", "DataSource": source, "ContentType": "text/csv", "InputMode": "Pipe"},
            {"ChannelName": "b", "DataSource": {}},
        ],
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
        "CheckpointConfig": {"S3Uri": "s3://b/c"},
    }
    assert job_view.inputs(job) == [Place("a", "s3://b/in", "text/csv, Pipe"), Place("b", "", "File")]
    assert job_view.outputs(job) == [Place("model", "s3://b/m"), Place("checkpoints", "s3://b/c")]


def test_what_other_jobs_read_and_write():
    processing = {
        "ProcessingInputs": [
            {"InputName": "i", "S3Input": {"S3Uri": "s3://b/i", "LocalPath": "/opt/i"}},
            {"InputName": "j"},
        ],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://b/o"}}, {"OutputName": "p"}]
        },
    }
    assert job_view.inputs(processing) == [Place("i", "s3://b/i", "/opt/i"), Place("j", "")]
    assert job_view.outputs(processing) == [Place("o", "s3://b/o"), Place("p", "")]
    records = {"DataSource": {"S3DataSource": {"S3Uri": "s3://b/r"}}, "ContentType": "text/csv", "SplitType": "None"}
    transform = {"TransformInput": records, "TransformOutput": {"S3OutputPath": "s3://b/a", "Accept": "text/csv"}}
    assert job_view.inputs(transform) == [Place("records", "s3://b/r", "text/csv")]
    assert job_view.outputs(transform) == [Place("answers", "s3://b/a", "text/csv")]
    assert job_view.inputs({}) == job_view.outputs({}) == []
