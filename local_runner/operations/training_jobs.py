"""Training jobs: CreateTrainingJob and what follows it."""

from __future__ import annotations

import re
import time
from typing import Any

from local_runner import images
from local_runner.cloud import Cloud
from local_runner.inputs import InputError, split_uri
from local_runner.jobs import metrics
from local_runner.jobs.store import Document, NameTaken, NotThere
from local_runner.jobs.training import DEFAULT_MAX_RUNTIME_S, ENDED, KIND
from local_runner.operations import resources
from local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"
SDK_V2 = re.compile(r"AWS-SageMaker-Python-SDK[/#]2\.")
SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
)


def create_training_job(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    _check(cloud, request)
    job = _document(cloud, request)
    try:
        cloud.training.start(job)
    except NameTaken:
        raise AwsError(
            "ResourceInUse",
            "Training job names must be unique within an AWS account and region, and a training job with this name "
            f"already exists ({job['TrainingJobArn']})",
        ) from None
    resources.save_tags(cloud, job["TrainingJobArn"], request)
    return {"TrainingJobArn": job["TrainingJobArn"]}


def describe_training_job(cloud: Cloud, request: dict[str, Any]) -> Document:
    name = request["TrainingJobName"]
    job = _find(cloud, name)
    if _is_first_look(cloud, job):
        cloud.store.update(KIND, name, Described=True)
        cloud.training.wait(name, cloud.settings.hold_first_describe_s)
        job = _find(cloud, name)
    return job


def list_training_jobs(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    resources.refuse_unsupported(request, ("WarmPoolStatusEquals", "TrainingPlanArnEquals"))
    jobs, token = resources.page(
        cloud.store.all(KIND), request, "TrainingJobName", "TrainingJobStatus", order="Ascending"
    )
    summaries = [{field: job[field] for field in SUMMARY if field in job} for job in jobs]
    return {"TrainingJobSummaries": summaries, **token}


def stop_training_job(cloud: Cloud, request: dict[str, Any]) -> None:
    job = _find(cloud, request["TrainingJobName"])
    if job["TrainingJobStatus"] in ENDED:
        raise invalid(f"The request was rejected because the training job is in status {job['TrainingJobStatus']}.")
    cloud.training.stop(request["TrainingJobName"])


def delete_training_job(cloud: Cloud, request: dict[str, Any]) -> None:
    """Forgets an ended job. Its artifacts and logs stay."""
    job = _find(cloud, request["TrainingJobName"])
    if job["TrainingJobStatus"] not in ENDED:
        raise AwsError(
            "ResourceInUse",
            f"Training job {job['TrainingJobName']} is {job['TrainingJobStatus']}. Stop it, or wait for its end.",
        )
    cloud.store.delete(KIND, job["TrainingJobName"])
    cloud.store.delete(resources.TAGS, job["TrainingJobArn"])


def _find(cloud: Cloud, name: str) -> Document:
    try:
        return cloud.store.get(KIND, name)
    except NotThere:
        raise invalid("Requested resource not found.") from None


def _is_first_look(cloud: Cloud, job: Document) -> bool:
    """SDK v2's first look at a running job is held: its next comes only after 30 s. Everybody else is answered at once."""
    return (
        cloud.settings.hold_first_describe_s > 0
        and SDK_V2.search(cloud.user_agent) is not None
        and "Described" not in job
        and job["TrainingJobStatus"] not in ENDED
    )


def _check(cloud: Cloud, request: dict[str, Any]) -> None:
    """Refuse what would not run as asked. Data that is not there is no matter of the request: the job fails with it."""
    resources.refuse_unsupported(request, ("ServerlessJobConfig", "ModelPackageConfig"))
    algorithm = request.get("AlgorithmSpecification", {})
    resources.refuse_unsupported(algorithm, ("AlgorithmName", "ContainerEntrypoint", "ContainerArguments"))
    machines = request.get("ResourceConfig", {})
    resources.refuse_unsupported(machines, ("InstanceGroups", "InstancePlacementConfig"))
    if machines.get("InstanceCount", 1) < 1:
        raise invalid("ResourceConfig.InstanceCount must be 1 or more.")
    if request["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP":
        raise invalid("OutputDataConfig.CompressionType NONE is not implemented by Sagebrush yet. Leave it out.")
    resources.check_image(cloud, algorithm.get("TrainingImage"))
    _check_target(cloud, "S3OutputPath", request["OutputDataConfig"]["S3OutputPath"])
    if "CheckpointConfig" in request:
        _check_target(cloud, "CheckpointConfig.S3Uri", request["CheckpointConfig"]["S3Uri"])
    for channel in request.get("InputDataConfig", ()):
        _check_channel(channel)
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", ())]
    if len(set(names)) < len(names):
        raise invalid(f"Channel names must be unique, got {', '.join(names)}.")
    _check_pipes(request)


def _check_pipes(request: dict[str, Any]) -> None:
    """The FIFOs of channel `train` are `train_0`, `train_1` and so on: no channel of files can have such a name."""
    mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    channels = request.get("InputDataConfig", ())
    piped = {c["ChannelName"] for c in channels if (c.get("InputMode") or mode) == "Pipe"}
    for name in {c["ChannelName"] for c in channels} - piped:
        stem, _, number = name.rpartition("_")
        if stem in piped and number.isdecimal():
            raise invalid(f"Channel {name}: its folder is where the pipes of channel {stem} go. Give it another name.")


def _check_channel(channel: dict[str, Any]) -> None:
    if channel["ChannelName"] in (".", ".."):
        raise invalid(f"Channel name {channel['ChannelName']!r} cannot be a folder's name.")
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise invalid(f"Channel {channel['ChannelName']}: only S3DataSource is implemented by Sagebrush yet.")
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise invalid(
            f"Channel {channel['ChannelName']}: S3DataType {source['S3DataType']} is not implemented by Sagebrush yet. "
            "Use S3Prefix or ManifestFile."
        )
    if channel.get("RecordWrapperType", "None") != "None":
        raise invalid(
            f"Channel {channel['ChannelName']}: RecordWrapperType RecordIO is not implemented by Sagebrush yet."
        )
    _check_address(source["S3Uri"])


def _check_target(cloud: Cloud, field: str, uri: str) -> None:
    """A job must not learn for hours what nothing can take."""
    bucket = _check_address(uri)
    if not cloud.objects.has_bucket(bucket):
        raise invalid(f"{field} {uri}: the bucket {bucket} does not exist. Create it before the job.")


def _check_address(uri: str) -> str:
    """The bucket of an S3 address. Raises ValidationException for what is none."""
    try:
        return split_uri(uri)[0]
    except InputError as error:
        raise invalid(str(error)) from None


def _document(cloud: Cloud, request: dict[str, Any]) -> Document:
    """The job as DescribeTrainingJob shows it, without a state. SDK v2 needs OutputDataConfig.KmsKeyId to be there."""
    name = request["TrainingJobName"]
    algorithm = request["AlgorithmSpecification"]
    found = metrics.definitions(images.algorithm(algorithm["TrainingImage"]), algorithm.get("MetricDefinitions", ()))
    output = request["OutputDataConfig"]
    return {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        "HyperParameters": {},
        **{field: value for field, value in request.items() if field != "Tags"},
        "TrainingJobArn": cloud.arn("training-job", name),
        "AlgorithmSpecification": {**algorithm, "MetricDefinitions": found},
        "ResourceConfig": {"InstanceCount": 1, **request.get("ResourceConfig", {})},
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME_S, **request.get("StoppingCondition", {})},
        "OutputDataConfig": {"KmsKeyId": "", **output},
        "ModelArtifacts": {"S3ModelArtifacts": f"{output['S3OutputPath'].rstrip('/')}/{name}/output/model.tar.gz"},
        "CreationTime": time.time(),
    }
