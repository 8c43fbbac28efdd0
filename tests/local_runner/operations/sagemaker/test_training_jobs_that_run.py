"""Training jobs as boto3 sees them."""

import gzip
import hashlib
import json
import threading
from itertools import pairwise

import pytest
from botocore.exceptions import ClientError

from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.processes import no_network

ENDED = ("Completed", "Failed", "Stopped")


def rejection(call, *channels, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(*channels, **request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def secondary(aws, job) -> str:
    return aws.sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_job_goes_through_its_states_and_leaves_its_artifacts(aws, channel):
    uri = aws.upload("states", **{"a.csv": b"1,2\n", "deep/b.csv": b"3,4\n"})
    job = aws.train(channel(uri), output="notes", lines="#quality_metric: host=algo-1, test msd <loss>=0.25")
    aws.sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=job, WaiterConfig={"Delay": 1, "MaxAttempts": 240}
    )
    found = aws.finished(job)

    transitions = found["SecondaryStatusTransitions"]
    assert [t["Status"] for t in transitions] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(before["EndTime"] == after["StartTime"] for before, after in pairwise(transitions))
    assert transitions[2]["StatusMessage"] == "Training image download completed. Training in progress."
    assert found["CreationTime"] <= found["TrainingStartTime"] < found["TrainingEndTime"]
    assert found["TrainingTimeInSeconds"] == found["BillableTimeInSeconds"] >= 1
    assert found["OutputDataConfig"]["KmsKeyId"] == ""
    assert [(m["MetricName"], m["Value"]) for m in found["FinalMetricDataList"]] == [("test:msd", 0.25)]
    assert aws.seen(job)["seen"] == {"train": {"a.csv": sha256(b"1,2\n"), "deep/b.csv": sha256(b"3,4\n")}}
    artifact = found["ModelArtifacts"]["S3ModelArtifacts"]
    assert aws.members(artifact.replace("model.tar.gz", "output.tar.gz")) == {"notes.txt": b"notes"}
    assert not list((aws.region.jobs).iterdir()), "the temporary folder of an ended job is gone"


def test_the_same_job_twice_gives_the_same_bytes(aws):
    def archive(job: str) -> bytes:
        uri = aws.finished(job)["ModelArtifacts"]["S3ModelArtifacts"]
        return aws.s3.get_object(Bucket="bucket", Key=uri.removeprefix("s3://bucket/"))["Body"].read()

    assert archive(aws.train(silent="1", name="same")) == archive(aws.train(silent="1", name="same"))


def test_the_container_gets_the_contract_and_nobody_overrides_it(aws):
    environment = {
        "MINE": "yes",
        "SAGEMAKER_DATA_PATH": "/elsewhere",
        "TRAINING_JOB_NAME": "other",
        "WILDSAGE_ALGORITHM": "pca",
    }
    job = aws.train(Environment=environment)
    seen = aws.seen(job)["environment"]
    assert seen["MINE"] == "yes"
    assert seen["TRAINING_JOB_NAME"] == job
    assert seen["TRAINING_JOB_ARN"].endswith(f":training-job/{job}")
    assert seen["WILDSAGE_ALGORITHM"] == "kmeans"
    assert seen["SAGEMAKER_DATA_PATH"].startswith(str(aws.data))


def test_a_manifest_sharded_over_two_hosts(aws, channel):
    files = {f"matrix_{number}.pbr": bytes([number]) for number in range(5)}
    uri = aws.upload("sharded", **files)
    manifest = json.dumps([{"prefix": f"{uri}/"}, *files]).encode()
    aws.s3.put_object(Bucket="bucket", Key="sharded/.amazon.manifest", Body=manifest)
    job = aws.train(channel(f"{uri}/.amazon.manifest", kind="ManifestFile", distribution="ShardedByS3Key"), hosts=2)

    seen = [aws.seen(job, host) for host in ("algo-1", "algo-2")]
    assert sorted(seen[0]["seen"]["train"]) == ["matrix_0.pbr", "matrix_2.pbr", "matrix_4.pbr"]
    assert sorted(seen[1]["seen"]["train"]) == ["matrix_1.pbr", "matrix_3.pbr"]
    assert seen[1]["resources"] == {
        "current_host": "algo-2",
        "hosts": ["algo-1", "algo-2"],
        "network_interface_name": "lo",
        "current_instance_type": "ml.c4.xlarge",
        "current_group_name": "homogeneousCluster",
        "instance_groups": [
            {
                "instance_group_name": "homogeneousCluster",
                "instance_type": "ml.c4.xlarge",
                "hosts": ["algo-1", "algo-2"],
            }
        ],
    }
    assert len({s["environment"]["MASTER_PORT"] for s in seen}) == 1
    assert seen[0]["channels"]["train"]["S3DistributionType"] == "ShardedByS3Key"
    streams = aws.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job}/", orderBy="LogStreamName"
    )["logStreams"]
    assert [s["logStreamName"].split("/")[1].rsplit("-", 1)[0] for s in streams] == ["algo-1", "algo-2"]


def test_pipe_mode_gives_every_epoch_the_objects_in_key_order(aws, channel):
    parts = {"b": b"two" * 70_000, "a": b"one" * 70_000}
    uri = aws.upload("piped", **parts)
    job = aws.train(channel(uri), channel(uri, "test"), mode="Pipe", epochs="2")
    whole = sha256(parts["a"] + parts["b"])
    assert aws.seen(job)["seen"] == {"train": [whole, whole], "test": [whole, whole]}


def test_pipe_mode_fails_where_an_object_is_not_the_gzip_file_that_it_should_be(aws, channel):
    uri = aws.upload("damaged", a=gzip.compress(b"1,2\n"), b=b"3,4\n")
    done = aws.finished(aws.train(channel(uri, InputMode="Pipe", CompressionType="Gzip")))
    assert done["TrainingJobStatus"] == "Failed"
    assert done["FailureReason"].startswith("ClientError: Channel train: b is not a valid gzip file")


def test_pipe_mode_of_a_channel_nobody_reads_ends_with_the_job(aws, channel):
    uri = aws.upload("unread", a=b"1")
    assert aws.finished(aws.train(channel(uri, InputMode="Pipe"), epochs="0"))["TrainingJobStatus"] == "Completed"


def test_the_store_survives_what_a_job_reads(aws, channel, tmp_path):
    uri, go = aws.upload("kept", a=b"original"), tmp_path / "go"
    job = aws.train(channel(uri), until=str(go))
    aws.until(lambda: secondary(aws, job), lambda found: found == "Training")
    aws.s3.put_object(Bucket="bucket", Key="kept/a", Body=b"overwritten meanwhile")
    go.touch()
    assert aws.seen(job)["seen"] == {"train": {"a": sha256(b"original")}}
    assert aws.s3.get_object(Bucket="bucket", Key="kept/a")["Body"].read() == b"overwritten meanwhile"


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ({"exit": "1", "failure": "ClientError: k is too large."}, "ClientError: k is too large."),
        ({"exit": "2", "failure": "boom"}, "AlgorithmError: boom"),
        ({"exit": "2", "failure": "x" * 2000}, ("AlgorithmError: " + "x" * 2000)[:1024]),
        ({"exit": "9"}, "AlgorithmError: algo-1 ended with exit code 9 and left no reason"),
    ],
    ids=["user", "bug", "long", "silent"],
)
def test_a_failure_says_why(aws, hyperparameters, reason):
    found = aws.finished(aws.train(**hyperparameters))
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Failed", "Failed")
    assert found["FailureReason"].startswith(reason)
    assert len(found["FailureReason"]) <= 1024


@pytest.mark.parametrize(
    ("uri", "kind", "reason"),
    [
        (
            "s3://bucket/nothing/",
            "S3Prefix",
            'Data download failed:No S3 objects found under S3 URL "s3://bucket/nothing/"',
        ),
        (
            "s3://no-such-bucket/x",
            "S3Prefix",
            "Error message from S3: The specified bucket does not exist: no-such-bucket.",
        ),
        (
            "s3://bucket/no.manifest",
            "ManifestFile",
            "NoSuchKey (404): The specified key does not exist: s3://bucket/no.manifest",
        ),
    ],
    ids=["prefix", "bucket", "manifest"],
)
def test_data_that_is_not_there_fails_the_job(aws, channel, uri, kind, reason):
    found = aws.finished(aws.train(channel(uri, kind=kind)))
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("ClientError: Data download failed:")
    assert reason in found["FailureReason"]
    assert "Training" not in [t["Status"] for t in found["SecondaryStatusTransitions"]]


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "expected [{"),
        (b'[{"prefix": "s3://bucket/"}]', "names no objects"),
        (b'[{"prefix": "s3://bucket/manifests/"}, "missing"]', "s3://bucket/manifests/missing"),
    ],
    ids=["not json", "empty list", "no names", "missing object"],
)
def test_a_bad_manifest_fails_the_job(aws, channel, manifest, reason):
    uri = aws.upload("manifests", bad=manifest)
    assert reason in aws.finished(aws.train(channel(f"{uri}/bad", kind="ManifestFile")))["FailureReason"]


def test_an_output_bucket_that_vanishes_fails_the_job(aws, tmp_path):
    aws.s3.create_bucket(Bucket="vanishing")
    job = aws.train(until=str(tmp_path / "go"), OutputDataConfig={"S3OutputPath": "s3://vanishing/x"})
    aws.s3.delete_bucket(Bucket="vanishing")
    (tmp_path / "go").touch()
    assert aws.finished(job)["FailureReason"].startswith("ClientError: Artifact upload failed:NoSuchBucket")


def test_a_stopped_job_keeps_its_model(aws):
    job = aws.train(lines="started", sleep_s="60")
    aws.until(lambda: "Training" in secondary(aws, job) and aws.messages_so_far(job), bool)
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    found = aws.finished(job)
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [t["Status"] for t in found["SecondaryStatusTransitions"]][-3:] == ["Stopping", "Uploading", "Stopped"]
    assert aws.members(found["ModelArtifacts"]["S3ModelArtifacts"]) == {"stopped_algo-1": b"stopped in time"}
    code, message = rejection(aws.sagemaker.stop_training_job, TrainingJobName=job)
    assert (code, message) == (
        "ValidationException",
        "The request was rejected because the training job is in status Stopped.",
    )


def test_the_time_limit_is_kept(aws):
    found = aws.finished(aws.train(sleep_s="1000", StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert 1 <= found["TrainingTimeInSeconds"] < 1000


def test_when_one_host_fails_the_others_are_stopped(aws, channel):
    uri = aws.upload("one-fails", a=b"1")
    found = aws.finished(aws.train(channel(uri), hosts=2, sleep_s="1000", fail_on="algo-2", exit="5"))
    assert found["FailureReason"].startswith("AlgorithmError: algo-2 ended with exit code 5")


@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_a_name_can_be_used_once_whatever_its_case(aws, spelled):
    job = aws.train(Tags=[{"Key": "kept", "Value": "yes"}])
    code, message = rejection(aws.train, TrainingJobName=spelled(job))
    arn = aws.sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobArn"]
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "kept", "Value": "yes"}]
    assert code == "ResourceInUse"
    assert message.startswith(
        "Training job names must be unique within an AWS account and region, and a training job with"
    )
    assert message.endswith(f":training-job/{job})")


OURS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"


def algorithm(image: str, **fields: object) -> dict:
    return {"AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File", **fields}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"TrainingJobName": "under_score"},
            "1 validation error detected: Value 'under_score' at 'trainingJobName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            {"OutputDataConfig": {"S3OutputPath": "bucket"}},
            "at 'outputDataConfig.s3OutputPath' failed to satisfy constraint",
        ),
        (
            {"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket/x"}},
            "S3OutputPath s3://no-such-bucket/x: the bucket no-such-bucket does not exist. Create it first.",
        ),
        (
            algorithm("me/mine:1"),
            "is not one of Amazon's built-in algorithms or framework images. Available without Docker: ",
        ),
        (
            algorithm("382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm:1"),
            "is Amazon's ntm, which Wildsage does not have yet",
        ),
        (
            algorithm(OURS, ContainerArguments=["--fast"]),
            "ContainerArguments without ContainerEntrypoint needs the entrypoint of an image, and so the Docker backend.",
        ),
        (
            {"CheckpointConfig": {"S3Uri": "s3://no-such-bucket/c"}},
            "CheckpointConfig.S3Uri s3://no-such-bucket/c: the bucket no-such-bucket does not exist.",
        ),
        (
            {"TensorBoardOutputConfig": {"S3OutputPath": "s3://no-such-bucket/t"}},
            "TensorBoardOutputConfig.S3OutputPath s3://no-such-bucket/t: the bucket no-such-bucket does not exist.",
        ),
        (
            {"TensorBoardOutputConfig": {"S3OutputPath": "s3://bucket/t", "LocalPath": "/tmp/events"}},
            "TensorBoardOutputConfig.LocalPath: got /tmp/events, expected a path below /opt/ml.",
        ),
        (
            {
                "EnableNetworkIsolation": True,
                "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1},
            },
            "EnableNetworkIsolation cannot be kept here: its hosts are processes that reach each other",
        ),
    ],
    ids=[
        "name",
        "address",
        "no bucket",
        "foreign image",
        "image of ours to come",
        "arguments",
        "checkpoints",
        "no bucket for TensorBoard",
        "folder of TensorBoard",
        "isolated hosts",
    ],
)
def test_a_request_that_cannot_be_right_is_rejected_with_the_reason(aws, fields, message):
    code, text = rejection(aws.train, **fields)
    assert code == "ValidationException"
    assert message in text


@pytest.mark.skipif(no_network.problem() is not None, reason=f"no network namespaces: {no_network.problem()}")
def test_an_isolated_job_runs(aws):
    found = aws.finished(aws.train(EnableNetworkIsolation=True))
    assert (found["TrainingJobStatus"], found["EnableNetworkIsolation"]) == ("Completed", True)


def test_a_job_that_something_else_killed_says_what_that_most_likely_means(aws):
    job = aws.train(kill_itself="yes")
    reason = aws.finished(job)["FailureReason"]
    assert reason.startswith(
        "ClientError: Please use an instance type with more memory, or reduce the size of training data"
    )
    assert "algo-1 ended with exit code 137. Something outside Wildsage sent SIGKILL" in reason


def test_a_channel_named_like_anothers_pipes_is_rejected(aws, channel):
    uri = aws.upload("alike", a=b"1")
    code, message = rejection(aws.train, channel(uri, InputMode="Pipe"), channel(uri, "train_0"))
    assert code == "ValidationException"
    assert message.startswith("Channel train_0: its folder has the name of a pipe of channel train.")
    job = aws.train(channel(uri, InputMode="Pipe"), channel(uri, "train_0", InputMode="Pipe"), channel(uri, "train_a"))
    assert aws.finished(job)["TrainingJobStatus"] == "Completed"


def test_a_stop_right_after_the_start_leaves_no_archive(aws):
    job = aws.train(lines="started", sleep_s="60", deaf="1")
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    found = aws.finished(job)
    assert found["TrainingJobStatus"] == "Stopped"
    assert found["ModelArtifacts"]["S3ModelArtifacts"].endswith(f"/{job}/output/model.tar.gz")
    message = found["SecondaryStatusTransitions"][-1]["StatusMessage"]
    stored = aws.s3.list_objects_v2(Bucket="bucket", Prefix=f"output/{job}/").get("Contents", [])
    assert stored == []
    assert message == "Training job stopped. No model had been written, so model.tar.gz is missing."


def test_checkpoints_come_from_s3_and_go_there_however_a_job_ends(aws):
    config = {"S3Uri": "s3://bucket/checkpoints/", "LocalPath": "/opt/ml/checkpoints"}

    def stored() -> dict[str, bytes]:
        listed = aws.s3.list_objects_v2(Bucket="bucket", Prefix="checkpoints/").get("Contents", [])
        names = [item["Key"].removeprefix("checkpoints/") for item in listed]
        return {name: aws.s3.get_object(Bucket="bucket", Key=f"checkpoints/{name}")["Body"].read() for name in names}

    one = {"checkpoint_algo-1": b"one", "checkpoint_algo-2": b"one"}
    first = aws.train(hosts=2, checkpoint="one", sleep_s="60", CheckpointConfig=config)
    aws.until(stored, lambda found: found == one)
    assert aws.sagemaker.describe_training_job(TrainingJobName=first)["TrainingJobStatus"] == "InProgress"
    aws.sagemaker.stop_training_job(TrainingJobName=first)
    assert aws.finished(first)["TrainingJobStatus"] == "Stopped"
    assert stored() == one

    second = aws.finished(aws.train(checkpoint="two", exit="5", CheckpointConfig=config))
    assert (second["TrainingJobStatus"], second["CheckpointConfig"]) == ("Failed", config)
    two = one | {"checkpoint_algo-1": b"two"}
    assert stored() == two
    third = aws.seen(aws.train(CheckpointConfig=config))
    assert third["checkpoints"] == {name: sha256(content) for name, content in two.items()}


@pytest.mark.parametrize(
    ("local", "folder"), [(None, "output/tensorboard"), ("/opt/ml/output/data/board", "output/data/board")]
)
def test_files_of_tensorboard_are_stored_while_the_job_runs_and_after_a_failure(aws, local, folder):
    config = {"S3OutputPath": "s3://bucket/boards/", **({"LocalPath": local} if local else {})}

    def stored(job: str) -> set[str]:
        found = aws.s3.list_objects_v2(Bucket="bucket", Prefix=f"boards/{job}/tensorboard-output/")
        return {one["Key"].rpartition("/")[2] for one in found.get("Contents", ())}

    job = aws.train(hosts=2, tensorboard=folder, sleep_s="60", TensorBoardOutputConfig=config)
    aws.until(lambda: stored(job), lambda found: found == {"events_algo-1", "events_algo-2"})
    assert aws.sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "InProgress"
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    aws.finished(job)
    failed = aws.train(tensorboard=folder, exit="5", TensorBoardOutputConfig=config)
    assert aws.finished(failed)["TensorBoardOutputConfig"] == config
    assert stored(failed) == {"events_algo-1"}


def test_a_reason_shows_paths_as_the_container_documents_them(aws):
    found = aws.finished(aws.train(exit="1", failure="ClientError: {root}/input/data/train/x.csv, row 1: no number."))
    assert found["FailureReason"] == "ClientError: /opt/ml/input/data/train/x.csv, row 1: no number."


def test_augmented_manifests_need_pipe_mode_and_attribute_names(aws, channel):
    kind = {"kind": "AugmentedManifestFile"}
    code, message = rejection(aws.train, channel("s3://bucket/x", **kind, AttributeNames=["a"]))
    assert (code, "AugmentedManifestFile needs input mode Pipe" in message) == ("ValidationException", True)
    code, message = rejection(aws.train, channel("s3://bucket/x", **kind))
    assert (code, "AugmentedManifestFile needs AttributeNames" in message) == ("ValidationException", True)


def test_file_mode_takes_no_compressed_channel(aws, channel):
    assert rejection(aws.train, channel("s3://bucket/x") | {"CompressionType": "Gzip"}) == (
        "ValidationException",
        "Invalid compression type for channel train: File mode only supports NONE, got Gzip instead",
    )


def test_an_unknown_job_is_not_found(aws):
    assert rejection(aws.sagemaker.describe_training_job, TrainingJobName="nobody") == (
        "ValidationException",
        "Requested resource not found.",
    )


def test_lists_page_filter_and_sort(aws):
    jobs = [aws.train(TrainingJobName=f"listed-{letter}") for letter in "cab"]
    for job in jobs:
        aws.finished(job)
    pages = list(
        aws.sagemaker.get_paginator("list_training_jobs").paginate(
            NameContains="LISTED", SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 2}
        )
    )
    assert [[s["TrainingJobName"] for s in page["TrainingJobSummaries"]] for page in pages] == [
        ["listed-c", "listed-b"],
        ["listed-a"],
    ]
    by_time = aws.sagemaker.list_training_jobs(NameContains="listed")["TrainingJobSummaries"]
    assert [s["TrainingJobName"] for s in by_time] == jobs
    later = aws.sagemaker.list_training_jobs(NameContains="listed", CreationTimeAfter=by_time[0]["CreationTime"])
    assert "listed-c" not in [s["TrainingJobName"] for s in later["TrainingJobSummaries"]][1:]
    assert not aws.sagemaker.list_training_jobs(NameContains="listed", StatusEquals="Failed")["TrainingJobSummaries"]
    of_names = aws.sagemaker.list_training_jobs(NameContains="listed", SortBy="Name", MaxResults=1)["NextToken"]
    for token in ("nonsense", of_names):
        assert rejection(aws.sagemaker.list_training_jobs, NextToken=token)[0] == "ValidationException"


def test_an_ended_job_can_be_deleted_and_a_running_one_cannot(aws):
    job = aws.train(sleep_s="60")
    assert rejection(aws.sagemaker.delete_training_job, TrainingJobName=job)[0] == "ResourceInUse"
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    aws.finished(job)
    aws.sagemaker.delete_training_job(TrainingJobName=job)
    assert rejection(aws.sagemaker.describe_training_job, TrainingJobName=job)[0] == "ValidationException"


def test_the_first_poll_of_sdk_v2_waits_for_the_job_and_only_that(aws, tmp_path):
    sdk = aws.client("sagemaker", "lib/AWS-SageMaker-Python-SDK#2.257.7")
    job = aws.train(until=str(tmp_path / "go"))
    assert aws.sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "InProgress"
    threading.Timer(0.5, (tmp_path / "go").touch).start()
    assert sdk.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "Completed"
    long = aws.train(sleep_s="60")
    aws.sagemaker.stop_training_job(TrainingJobName=long)
    assert sdk.describe_training_job(TrainingJobName=long)["TrainingJobStatus"] in ENDED


def test_two_dozen_jobs_at_once_all_finish_in_their_turn(start_aws, tmp_path):
    """No more than the limit at a time: each job notes when it began to train and when it had trained."""
    aws, go = start_aws(tmp_path / "aws", "0", "process", "3"), tmp_path / "go"
    jobs = [aws.train(TrainingJobName=f"queued-{number:02d}", sleep_s="0.2", until=str(go)) for number in range(24)]
    waiting = aws.sagemaker.describe_training_job(TrainingJobName=jobs[-1])
    assert (waiting["TrainingJobStatus"], waiting["SecondaryStatus"]) == ("InProgress", "Pending")
    for job in jobs[:3]:
        aws.until(lambda job=job: secondary(aws, job), lambda found: found == "Training")
    go.touch()
    ended = [aws.finished(job) for job in jobs]
    assert {job["TrainingJobStatus"] for job in ended} == {"Completed"}
    assert [t["Status"] for t in ended[-1]["SecondaryStatusTransitions"]][:3] == ["Pending", "Starting", "Downloading"]
    moments = sorted((job[f"Training{edge}Time"], edge == "Start") for job in ended for edge in ("Start", "End"))
    running = [sum(1 if begins else -1 for _, begins in moments[: place + 1]) for place in range(len(moments))]
    assert max(running) == 3
    for number, job in enumerate(ended):  # all before it had ended, but for two beside it
        assert sum(other["TrainingEndTime"] > job["TrainingStartTime"] for other in ended[:number]) < 3


def test_a_job_that_waits_goes_on_waiting_when_its_server_is_gone(start_aws, tmp_path):
    aws = start_aws(tmp_path / "aws", "0", "process", "1")
    running, waiting = aws.train(sleep_s="60"), aws.train()
    aws.until(lambda: state(aws, running), lambda found: found == "Training")
    aws.stop()
    again = start_aws(tmp_path / "aws", "0", "process", "1")
    assert again.finished(running)["FailureReason"].startswith("InternalServerError: the local SageMaker stopped")
    found = again.finished(waiting)
    assert found["TrainingJobStatus"] == "Completed"
    assert [t["Status"] for t in found["SecondaryStatusTransitions"]][:3] == ["Pending", "Starting", "Downloading"]


def state(aws, job: str) -> str:
    return aws.sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"]


def test_a_job_that_waits_can_be_stopped(start_aws, tmp_path):
    aws = start_aws(tmp_path / "aws", "0", "process", "1")
    running, waiting = aws.train(sleep_s="60"), aws.train()
    aws.sagemaker.stop_training_job(TrainingJobName=waiting)
    found = aws.finished(waiting)
    assert (found["TrainingJobStatus"], "TrainingStartTime" in found) == ("Stopped", False)
    assert "model.tar.gz is missing" in found["SecondaryStatusTransitions"][-1]["StatusMessage"]
    assert aws.sagemaker.describe_training_job(TrainingJobName=running)["TrainingJobStatus"] == "InProgress"
    aws.sagemaker.stop_training_job(TrainingJobName=running)
    aws.finished(running)


def test_a_failure_of_the_platform_is_retried_as_often_as_asked(aws):
    failing = {"exit": "3", "failure": "InternalServerError: the disk is full"}
    found = aws.finished(aws.train(**failing, RetryStrategy={"MaximumRetryAttempts": 2}))
    assert [t["Status"] for t in found["SecondaryStatusTransitions"]].count("Restarting") == 2
    assert found["FailureReason"] == "InternalServerError: the disk is full"
    own = aws.finished(aws.train(exit="1", RetryStrategy={"MaximumRetryAttempts": 2}))
    assert "Restarting" not in [t["Status"] for t in own["SecondaryStatusTransitions"]]


def test_what_a_job_took_is_kept_for_those_who_look_at_the_folder(aws):
    job = aws.train()
    assert "Usage" not in aws.finished(job)
    store = Store(aws.region.state)
    used = store.get("training-job", job)["Usage"]
    store.close()
    assert used["CpuSeconds"] > 0
    assert used["PeakMemoryBytes"] > 1 << 20


def test_a_running_job_takes_notes_and_an_ended_one_does_not(aws):
    job = aws.train(sleep_s="60")
    change = {"TrainingJobName": job, "ResourceConfig": {"KeepAlivePeriodInSeconds": 60}}
    aws.sagemaker.update_training_job(**change)
    found = aws.sagemaker.describe_training_job(TrainingJobName=job)["ResourceConfig"]
    assert (found["KeepAlivePeriodInSeconds"], found["InstanceCount"]) == (60, 1)
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    aws.finished(job)
    assert "in status Stopped" in rejection(aws.sagemaker.update_training_job, **change)[1]


def test_a_training_job_of_too_many(aws):
    with pytest.raises(aws.sagemaker.exceptions.ResourceLimitExceeded) as caught:
        aws.train(hosts=101)
    assert "'ml.c4.xlarge for training job usage' is 100 Instances" in str(caught.value)
    assert "utilization of 0 Instances and a request delta of 101 Instances" in str(caught.value)
