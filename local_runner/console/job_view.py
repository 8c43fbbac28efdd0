"""What the page of a job shows of its document, the same for every kind of job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.monitor.overview import DocumentKind


@dataclass(frozen=True)
class Step:
    """A status that a job had, from `start` on, in seconds since 1970; `end` is None while it lasts."""

    status: str
    start: float
    end: float | None
    message: str = ""


@dataclass(frozen=True)
class Place:
    """Data that a job reads or writes: what for, where in S3, and how."""

    name: str
    uri: str
    note: str = ""


def steps(kind: DocumentKind, job: Document) -> list[Step]:
    """The statuses of a job, first to last. Training jobs keep them; for others they follow from the times of the job."""
    if transitions := job.get("SecondaryStatusTransitions"):
        return [Step(one["Status"], one["StartTime"], one.get("EndTime"), one["StatusMessage"]) for one in transitions]
    begun, ended = job.get(kind.end_field.replace("End", "Start")), job.get(kind.end_field)
    found = [Step("Created", job["CreationTime"], begun or ended)]
    if begun:
        found.append(Step("InProgress", begun, ended))
    if ended:
        found.append(Step(job[f"{kind.stem}Status"], ended, ended, job.get("FailureReason", "")))
    return found


def hyperparameters(job: Document) -> Mapping[str, str]:
    """The hyperparameters of a training job, or the environment of another."""
    return job.get("HyperParameters") or job.get("Environment") or {}


def image(job: Document) -> str:
    """The image that a job runs, or the model that it serves."""
    algorithm = job.get("AlgorithmSpecification") or job.get("AppSpecification") or {}
    return algorithm.get("TrainingImage") or algorithm.get("ImageUri") or job.get("ModelName", "")


def machine(job: Document) -> str:
    """How many instances of which type the request asked for."""
    places = (
        job.get("ResourceConfig"),
        job.get("TransformResources"),
        job.get("ProcessingResources", {}).get("ClusterConfig"),
    )
    found: Mapping[str, Any] = next((place for place in places if place), {})
    return f"{found.get('InstanceCount', 1)} × {found['InstanceType']}" if "InstanceType" in found else ""


def inputs(job: Document) -> list[Place]:
    """What a job reads."""
    return [*_channels(job), *_processing_inputs(job), *_transform_input(job)]


def outputs(job: Document) -> list[Place]:
    """What a job writes."""
    found = [Place("model", uri) for uri in [job.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")] if uri]
    if "CheckpointConfig" in job:
        found.append(Place("checkpoints", job["CheckpointConfig"]["S3Uri"]))
    for one in job.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        found.append(Place(one["OutputName"], one.get("S3Output", {}).get("S3Uri", "")))
    if "TransformOutput" in job:
        found.append(Place("answers", job["TransformOutput"]["S3OutputPath"], job["TransformOutput"].get("Accept", "")))
    return found


def _channels(job: Document) -> Iterator[Place]:
    for channel in job.get("InputDataConfig", ()):
        source = channel["DataSource"].get("S3DataSource", {})
        mode = channel.get("InputMode") or job["AlgorithmSpecification"].get("TrainingInputMode", "")
        yield Place(channel["ChannelName"], source.get("S3Uri", ""), _words(channel.get("ContentType"), mode))


def _processing_inputs(job: Document) -> Iterator[Place]:
    for one in job.get("ProcessingInputs", ()):
        source = one.get("S3Input", {})
        yield Place(one["InputName"], source.get("S3Uri", ""), source.get("LocalPath", ""))


def _transform_input(job: Document) -> Iterator[Place]:
    if found := job.get("TransformInput"):
        uri = found["DataSource"]["S3DataSource"]["S3Uri"]
        yield Place("records", uri, _words(found.get("ContentType"), found.get("SplitType")))


def _words(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part and part != "None")
