"""Processing jobs, as boto3 sees them: inputs, the command, outputs, exit codes, messages, logs, and a stop."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from wildsage.local_runner.processes import mounts

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
LOGS = "/aws/sagemaker/ProcessingJobs"
pytestmark = pytest.mark.skipif(mounts.problem("/opt/ml") is not None, reason="this machine forbids mounts")


def place(name: str, uri: str, folder: str, **fields: str) -> dict:
    output = "S3UploadMode" in fields
    s3 = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{folder}", **fields}
    if not output:
        s3 = {"S3DataType": "S3Prefix", "S3InputMode": "File", **s3}
    return {"OutputName": name, "S3Output": s3} if output else {"InputName": name, "S3Input": s3}


def start(aws, script: str, *places: dict, hosts: int = 1, **fields) -> str:
    aws.s3.create_bucket(Bucket="bucket")
    name = aws.name("processing")
    request = {
        "ProcessingJobName": name,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": hosts, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["/bin/sh", "-c", script, "sh"]},
        "RoleArn": ROLE,
        "ProcessingInputs": [one for one in places if "S3Input" in one],
        "ProcessingOutputConfig": {"Outputs": [one for one in places if "S3Output" in one]},
        **fields,
    }
    aws.sagemaker.create_processing_job(**request)
    return name


def finished(aws, name: str) -> dict:
    return aws.until(
        lambda: aws.sagemaker.describe_processing_job(ProcessingJobName=name),
        lambda found: found["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped"),
        60,
    )


def stored(aws, key: str) -> bytes:
    return aws.s3.get_object(Bucket="bucket", Key=key)["Body"].read()


def test_objects_become_files_and_files_become_objects(aws):
    uri = aws.upload("processing-in", **{"a.txt": b"one", "deep/b.txt": b"two"})
    script = "cd /opt/ml/processing; cat in/a.txt in/deep/b.txt > out/both; mkdir out/sub; echo $KIND > out/sub/kind; echo seen; cat /opt/ml/config/resourceconfig.json"
    name = start(
        aws,
        script,
        place("in", uri, "in"),
        place("out", "s3://bucket/processing-out/", "out", S3UploadMode="EndOfJob"),
        Environment={"KIND": "test"},
    )
    found = finished(aws, name)
    assert found["ProcessingJobStatus"] == "Completed"
    assert found["ProcessingStartTime"] <= found["ProcessingEndTime"]
    assert stored(aws, "processing-out/both") == b"onetwo"
    assert stored(aws, "processing-out/sub/kind") == b"test\n"
    events = aws.logs.filter_log_events(logGroupName=LOGS, logStreamNamePrefix=f"{name}/algo-1-")["events"]
    assert events[0]["message"] == "seen"
    assert '"current_host": "algo-1"' in events[1]["message"]
    component = aws.sagemaker.describe_trial_component(TrialComponentName=f"{name}-aws-processing-job")
    assert component["Source"] == {"SourceArn": found["ProcessingJobArn"], "SourceType": "SageMakerProcessingJob"}
    assert component["Status"]["PrimaryStatus"] == "Completed"
    assert component["Parameters"]["KIND"] == {"StringValue": "test"}
    assert component["InputArtifacts"] == {"in": {"Value": uri}}
    assert component["OutputArtifacts"] == {"out": {"Value": "s3://bucket/processing-out/"}}
    summaries = aws.sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert [one["ProcessingJobStatus"] for one in summaries] == ["Completed"]


def test_a_failure_has_the_exit_code_and_the_message_that_the_command_left(aws):
    name = start(aws, "echo 'the data is too old' > /opt/ml/output/message; exit 3")
    found = finished(aws, name)
    assert found["ProcessingJobStatus"] == "Failed"
    assert found["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 3"
    assert found["ExitMessage"] == "the data is too old"
    aws.sagemaker.delete_processing_job(ProcessingJobName=name)
    with pytest.raises(ClientError, match="Could not find requested job with name"):
        aws.sagemaker.describe_processing_job(ProcessingJobName=name)


def test_data_is_shared_out_among_hosts(aws):
    uri = aws.upload("processing-shards", **{f"{number}.txt": b"x" for number in range(4)})
    script = "ls /opt/ml/processing/in > /opt/ml/processing/out/$(grep -o 'current_host\": \"algo-.' /opt/ml/config/resourceconfig.json | tail -c 7)"
    output = place("out", "s3://bucket/processing-shards-out", "out", S3UploadMode="EndOfJob")
    name = start(aws, script, place("in", uri, "in", S3DataDistributionType="ShardedByS3Key"), output, hosts=2)
    assert finished(aws, name)["ProcessingJobStatus"] == "Completed"
    assert stored(aws, "processing-shards-out/algo-1") == b"0.txt\n2.txt\n"
    assert stored(aws, "processing-shards-out/algo-2") == b"1.txt\n3.txt\n"


def test_continuous_outputs_arrive_while_the_job_runs_and_a_stop_keeps_the_last(aws):
    script = "trap 'echo last > /opt/ml/processing/out/last; exit 0' TERM; echo first > /opt/ml/processing/out/first; while true; do sleep 0.1; done"
    name = start(aws, script, place("out", "s3://bucket/continuous", "out", S3UploadMode="Continuous"))
    aws.until(
        lambda: aws.s3.list_objects_v2(Bucket="bucket", Prefix="continuous/").get("Contents", []),
        lambda found: [one["Key"] for one in found] == ["continuous/first"],
    )
    aws.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert finished(aws, name)["ProcessingJobStatus"] == "Stopped"
    assert stored(aws, "continuous/last") == b"last\n"
    with pytest.raises(ClientError, match="the processing job is in status Stopped"):
        aws.sagemaker.stop_processing_job(ProcessingJobName=name)


def test_data_that_is_not_there_fails_the_job(aws):
    found = finished(aws, start(aws, "true", place("in", "s3://bucket/no-such-prefix", "in")))
    assert found["FailureReason"].startswith("ClientError: Data download failed:No S3 objects found")


def test_two_objects_that_would_be_one_file_fail_the_job(aws):
    places = [place(name, aws.upload(f"same/{name}", rows=b"1"), "in") for name in ("one", "two")]
    reason = finished(aws, start(aws, "true", *places))["FailureReason"]
    assert reason.startswith(
        "ClientError: Object same/two/rows cannot become the file rows: another object uses that name"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"AppSpecification": {"ImageUri": IMAGE}}, "ContainerEntrypoint is required without Docker"),
        (
            {"ProcessingInputs": [place("in", "s3://bucket/x", "../../../etc")]},
            "Input in: LocalPath is '/opt/ml/processing/../",
        ),
        (
            {
                "ProcessingInputs": [
                    {
                        "InputName": "in",
                        "S3Input": {**place("in", "s3://bucket/x", "x")["S3Input"], "LocalPath": "/etc"},
                    }
                ]
            },
            "Input in: LocalPath is '/etc', expected a path below /opt/ml/processing.",
        ),
        (
            {
                "ProcessingOutputConfig": {
                    "Outputs": [place("out", "s3://no-such-bucket/x", "x", S3UploadMode="EndOfJob")]
                }
            },
            "Output out s3://no-such-bucket/x: the bucket no-such-bucket does not exist.",
        ),
    ],
    ids=["entrypoint", "way out", "elsewhere", "bucket"],
)
def test_a_request_that_cannot_run_is_rejected(aws, fields, message):
    with pytest.raises(ClientError) as caught:
        start(aws, "true", **fields)
    assert message in str(caught.value)


def test_a_job_that_a_killed_server_left_has_failed(start_aws):
    first = start_aws()
    name = start(first, "sleep 60")
    first.until(
        lambda: first.sagemaker.describe_processing_job(ProcessingJobName=name),
        lambda found: "ProcessingStartTime" in found,
    )
    first.process.kill()
    first.process.wait()
    again = start_aws(first.data)
    assert finished(again, name)["FailureReason"].startswith("InternalServerError: the local SageMaker stopped while")
