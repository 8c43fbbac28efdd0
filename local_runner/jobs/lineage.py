"""What jobs and endpoints leave for those who trace results: trial components, artifacts and their associations.

    data sets, image ──ContributedTo──▶ trial component of the job ──Produced──▶ model, or results
    model, image ──ContributedTo──▶ action of the deployment ──AssociatedWith──▶ context of the endpoint

SDK v2 asks for the models of an endpoint from the context down: context, action, model. Hence these two have an association
back as well, which carries `BACK`: lists show it, queries follow it from their start only.

Sources: "Tracking Entities Created by Amazon SageMaker" in the developer guide, DescribeTrialComponent (API reference), and
the tables that `sagemaker.lineage.visualizer` of SDK v2 shows for jobs of AWS.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.states import JobKind
from wildsage.local_runner.jobs.store import TAGS, Document, ListQuery, NameTaken, NotFound, Store

log = logging.getLogger(__name__)

EXPERIMENT = Kind("experiment", "Experiment", "experiment")
TRIAL = Kind("experiment-trial", "Trial", "trial")
COMPONENT = Kind("experiment-trial-component", "TrialComponent", "trial component")
ARTIFACT = Kind("artifact", "Artifact", "artifact")
ACTION = Kind("action", "Action", "action")
CONTEXT = Kind("context", "Context", "context")
ASSOCIATION = "association"
DATA, IMAGE, MODEL, CHECKPOINT = "DataSet", "Image", "Model", "Checkpoint"
CONTRIBUTED, PRODUCED, ASSOCIATED = "ContributedTo", "Produced", "AssociatedWith"
BACK = "Back"

End = tuple[str, str, str | None]
"""One end of an association: ARN, type, and name if it has one."""


@dataclass(frozen=True)
class TracedFile:
    """Something with a URI that a job read or made: its name among the artifacts of the trial component, and its type."""

    name: str
    uri: str
    type: str
    media_type: str | None = None

    def shown(self) -> Document:
        """The entry of InputArtifacts or OutputArtifacts."""
        return {"Value": self.uri} | ({"MediaType": self.media_type} if self.media_type else {})


@dataclass(frozen=True)
class Trace:
    """What one kind of job leaves, read from the document of a job."""

    source_type: str
    parameters: Callable[[Document], Document]
    inputs: Callable[[Document], list[TracedFile]]
    outputs: Callable[[Document], list[TracedFile]]


def record_job(store: Store, kind: JobKind, job: Document, metrics: Iterable[Document] = ()) -> None:
    """Create or update the trial component of a job and its associations. No effect for kinds of jobs that AWS does not trace.

    A failure is logged: no job waits for its traces.
    """
    try:
        _record_job(store, kind, job, metrics)
    except Exception:
        log.exception("trial component of %s %s", kind.noun, job[kind.name_field])


def _record_job(store: Store, kind: JobKind, job: Document, metrics: Iterable[Document]) -> None:
    trace = TRACES.get(kind.stem)
    if trace is None:
        return
    name, arn = _component_of(kind, job)
    inputs = trace.inputs(job)
    outputs = trace.outputs(job) if job[kind.status_field] == "Completed" else []
    component = {
        **_state(kind, job, trace.source_type),
        "Parameters": trace.parameters(job),
        "InputArtifacts": {file.name: file.shown() for file in inputs if file.type == DATA},
        "OutputArtifacts": {file.name: file.shown() for file in outputs},
        "Metrics": [{**summary, "SourceArn": job[kind.arn_field]} for summary in metrics],
    }
    _put_component(store, name, arn, job, component)
    for file in inputs:
        artifact = _put_artifact(store, arn, file)
        _associate(store, artifact, (arn, trace.source_type, name), CONTRIBUTED)
    for file in outputs:
        _associate(store, (arn, trace.source_type, name), _put_artifact(store, arn, file), PRODUCED)


def forget_job(store: Store, kind: JobKind, job: Document) -> None:
    """Delete the trial component of a job that could not begin, and its associations."""
    if kind.stem not in TRACES:
        return
    name, arn = _component_of(kind, job)
    delete_associations(store, arn)
    for its_kind, its_name in ((COMPONENT.name, name), (TAGS, arn)):
        with contextlib.suppress(NotFound):
            store.delete(its_kind, its_name)


def _component_of(kind: JobKind, job: Document) -> tuple[str, str]:
    """Name and ARN of the trial component of a job."""
    name = f"{job[kind.name_field]}-aws-{kind.name}"
    return name, _arn(job[kind.arn_field], COMPONENT, name)


def record_endpoint(store: Store, endpoint: Document) -> None:
    """Create the context of an endpoint and the action that deployed its models, or associate what an update deploys."""
    arn, now = endpoint["EndpointArn"], time.time()
    name = f"{endpoint['EndpointName']}-aws-endpoint"
    shared = {"Source": {"SourceUri": arn, "SourceType": "ARN"}, "CreationTime": now, "LastModifiedTime": now}
    action, context = _arn(arn, ACTION, name), _arn(arn, CONTEXT, name)
    _put(
        store,
        CONTEXT.name,
        name,
        {"ContextName": name, "ContextArn": context, "ContextType": "Endpoint", **shared},
        context,
    )
    deployed = {"ActionName": name, "ActionArn": action, "ActionType": "ModelDeployment", "Status": "Completed"}
    _put(store, ACTION.name, name, {**deployed, **shared}, action)
    deployment, served = (action, "ModelDeployment", name), (context, "Endpoint", name)
    _associate(store, deployment, served, ASSOCIATED)
    _associate(store, served, deployment, ASSOCIATED, back=True)
    for variant in endpoint["Deployment"]["Variants"]:
        for container in variant["Containers"]:
            _record_deployed(store, arn, container, deployment)


def _record_deployed(store: Store, any_arn: str, container: Document, deployment: End) -> None:
    for file in _files_of(container):
        artifact = _put_artifact(store, any_arn, file)
        _associate(store, artifact, deployment, CONTRIBUTED)
        if file.type == MODEL:
            _associate(store, deployment, artifact, ASSOCIATED, back=True)


def artifact_arn(any_arn: str, source: Mapping[str, Any]) -> str:
    """The ARN of the artifact with this source, in the account and region of another ARN."""
    return _arn(any_arn, ARTIFACT, hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()[:32])


def delete_associations(store: Store, arn: str) -> None:
    """Delete all associations of a resource."""
    for end in ("SourceArn", "DestinationArn"):
        for name in store.names(ASSOCIATION, ListQuery(references={end: [arn]})):
            store.delete(ASSOCIATION, name)


def association_name(source_arn: str, destination_arn: str) -> str:
    """The name of the document of an association."""
    return f"{source_arn} with {destination_arn}"


def with_reading(summary: Document | None, value: float, timestamp: Any) -> Document:
    """The summary of a metric with one more reading; mean and deviation by Welford (1962), doi:10.1080/00401706.1962.10490022."""
    before = summary or {"Count": 0, "Avg": 0.0, "StdDev": 0.0}
    count = before["Count"] + 1
    mean = before["Avg"] + (value - before["Avg"]) / count
    squares = before["StdDev"] ** 2 * before["Count"] + (value - before["Avg"]) * (value - mean)
    return {
        "TimeStamp": timestamp,
        "Count": count,
        "Last": value,
        "Min": min(value, before.get("Min", value)),
        "Max": max(value, before.get("Max", value)),
        "Avg": mean,
        "StdDev": math.sqrt(squares / count),
    }


# What each kind of job leaves


def _training_parameters(job: Document) -> Document:
    resources = job["ResourceConfig"]
    return {
        **{name: _parameter(value) for name, value in job.get("HyperParameters", {}).items()},
        "SageMaker.ImageUri": {"StringValue": job["AlgorithmSpecification"]["TrainingImage"]},
        **_machines(resources.get("InstanceCount", 1), resources.get("InstanceType", "")),
        "SageMaker.VolumeSizeInGB": {"NumberValue": float(resources.get("VolumeSizeInGB", 0))},
    }


def _training_inputs(job: Document) -> list[TracedFile]:
    image = TracedFile("SageMaker.ImageUri", job["AlgorithmSpecification"]["TrainingImage"], IMAGE)
    channels = [
        TracedFile(
            channel["ChannelName"], channel["DataSource"]["S3DataSource"]["S3Uri"], DATA, channel.get("ContentType")
        )
        for channel in job.get("InputDataConfig", ())
        if "S3DataSource" in channel["DataSource"]
    ]
    checkpoint = job.get("CheckpointConfig")
    kept = [TracedFile("SageMaker.Checkpoint", checkpoint["S3Uri"], CHECKPOINT)] if checkpoint else []
    return [image, *channels, *kept]


def _training_outputs(job: Document) -> list[TracedFile]:
    return [TracedFile("SageMaker.ModelArtifact", job["ModelArtifacts"]["S3ModelArtifacts"], MODEL)]


def _transform_parameters(job: Document) -> Document:
    machines = job["TransformResources"]
    return {
        "SageMaker.ModelName": {"StringValue": job["ModelName"]},
        **_machines(machines["InstanceCount"], machines["InstanceType"]),
    }


def _transform_inputs(job: Document) -> list[TracedFile]:
    source = job["TransformInput"]
    uri = source["DataSource"]["S3DataSource"]["S3Uri"]
    used = [file for container in job["Containers"] for file in _files_of(container)]
    return [*used, TracedFile("SageMaker.TransformInput", uri, DATA, source.get("ContentType"))]


def _transform_outputs(job: Document) -> list[TracedFile]:
    target = job["TransformOutput"]
    return [TracedFile("SageMaker.TransformOutput", target["S3OutputPath"], DATA, target.get("Accept"))]


def _processing_parameters(job: Document) -> Document:
    machines = job["ProcessingResources"]["ClusterConfig"]
    return {
        **{name: _parameter(value) for name, value in job.get("Environment", {}).items()},
        "SageMaker.ImageUri": {"StringValue": job["AppSpecification"]["ImageUri"]},
        **_machines(machines["InstanceCount"], machines["InstanceType"]),
        "SageMaker.VolumeSizeInGB": {"NumberValue": float(machines["VolumeSizeInGB"])},
    }


def _processing_inputs(job: Document) -> list[TracedFile]:
    image = TracedFile("SageMaker.ImageUri", job["AppSpecification"]["ImageUri"], IMAGE)
    places = [(place["InputName"], place["S3Input"]) for place in job.get("ProcessingInputs", ()) if "S3Input" in place]
    return [image, *(TracedFile(name, s3["S3Uri"], DATA) for name, s3 in places)]


def _processing_outputs(job: Document) -> list[TracedFile]:
    places = job.get("ProcessingOutputConfig", {}).get("Outputs", ())
    return [
        TracedFile(place["OutputName"], place["S3Output"]["S3Uri"], DATA) for place in places if "S3Output" in place
    ]


TRACES = {
    "ProcessingJob": Trace("SageMakerProcessingJob", _processing_parameters, _processing_inputs, _processing_outputs),
    "TrainingJob": Trace("SageMakerTrainingJob", _training_parameters, _training_inputs, _training_outputs),
    "TransformJob": Trace("SageMakerTransformJob", _transform_parameters, _transform_inputs, _transform_outputs),
}
"""By the stem of the kind of job. A tuning job leaves nothing of its own: its training jobs do."""


def _machines(count: int, kind: str) -> Document:
    return {
        "SageMaker.InstanceCount": {"NumberValue": float(count)},
        "SageMaker.InstanceType": {"StringValue": kind},
    }


def _parameter(value: str) -> Document:
    """A hyperparameter as a number if it is a finite one, otherwise as text."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return {"NumberValue": number} if math.isfinite(number) else {"StringValue": value}


def _files_of(container: Document) -> list[TracedFile]:
    model = container.get("ModelDataUrl")
    image = TracedFile("SageMaker.ImageUri", container["Image"], IMAGE)
    return [image, *([TracedFile("SageMaker.ModelArtifact", model, MODEL)] if model else [])]


def _state(kind: JobKind, job: Document, source_type: str) -> Document:
    status = job[kind.status_field]
    details = f"secondary status: {job['SecondaryStatus']}, " if "SecondaryStatus" in job else ""
    message = f"Status: {status}, {details}failure reason: {job.get('FailureReason', '')}."
    times = {"StartTime": kind.start_time_field, "EndTime": kind.end_time_field}
    return {
        "Source": {"SourceArn": job[kind.arn_field], "SourceType": source_type},
        "Status": {"PrimaryStatus": status, "Message": message[:1024]},
        **{name: job[field] for name, field in times.items() if field in job},
        "LastModifiedTime": time.time(),
    }


# Documents


def _put_component(store: Store, name: str, arn: str, job: Document, component: Document) -> None:
    """Store a component in place of that of a deleted job, or give the job's own these fields: the user may have added it to
    trials meanwhile."""
    config = job.get("ExperimentConfig", {})
    new = {
        "TrialComponentName": name,
        "TrialComponentArn": arn,
        "DisplayName": config.get("TrialComponentDisplayName", name),
        "CreationTime": job["CreationTime"],
        "Trials": _trials(store, config),
        **component,
    }
    if _exists_since(store, name, job["CreationTime"]):
        store.change(COMPONENT.name, name, lambda document: document.update(component))
    else:
        store.put(COMPONENT.name, name, new)
        _tag(store, arn)


def _exists_since(store: Store, name: str, moment: float) -> bool:
    """Whether the trial component of that name was created at that moment."""
    try:
        return store.get(COMPONENT.name, name)["CreationTime"] == moment
    except NotFound:
        return False


def _trials(store: Store, config: Document) -> list[str]:
    """The trial that the ExperimentConfig of a job names, if it exists."""
    try:
        return [store.get(TRIAL.name, config["TrialName"])["TrialName"]]
    except (KeyError, NotFound):
        return []


def _put_artifact(store: Store, any_arn: str, file: TracedFile) -> End:
    """The artifact of a URI, which is stored unless it exists."""
    source, now = {"SourceUri": file.uri}, time.time()
    arn = artifact_arn(any_arn, source)
    document = {"ArtifactArn": arn, "Source": source, "ArtifactType": file.type, "Properties": {}}
    try:
        store.insert(ARTIFACT.name, arn, {**document, "CreationTime": now, "LastModifiedTime": now})
    except NameTaken:
        return arn, store.get(ARTIFACT.name, arn)["ArtifactType"], None
    _tag(store, arn)
    return arn, file.type, None


def _associate(store: Store, source: End, destination: End, kind: str, back: bool = False) -> None:
    association: Document = {"AssociationType": kind, "CreationTime": time.time()} | ({BACK: True} if back else {})
    for end, (arn, type_name, name) in (("Source", source), ("Destination", destination)):
        association |= {f"{end}Arn": arn, f"{end}Type": type_name} | ({f"{end}Name": name} if name else {})
    with contextlib.suppress(NameTaken):
        store.insert(ASSOCIATION, association_name(source[0], destination[0]), association)


def _put(store: Store, kind: str, name: str, document: Document, arn: str) -> None:
    """Give an earlier document of the name these fields, or store the document."""
    try:
        store.update(kind, name, **document)
    except NotFound:
        store.put(kind, name, document)
        _tag(store, arn)


def _tag(store: Store, arn: str) -> None:
    """Every resource with an ARN has a document of tags."""
    with contextlib.suppress(NameTaken):
        store.insert(TAGS, arn, {})


def _arn(any_arn: str, kind: Kind, name: str) -> str:
    """The ARN of another resource in the account and region of `any_arn`."""
    return f"{':'.join(any_arn.split(':')[:5])}:{kind.name}/{name.lower()}"
