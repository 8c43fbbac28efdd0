"""What the operations on all kinds of jobs share: creating, listing and stopping them, and the states that they reject."""

from __future__ import annotations

from typing import Any

from wildsage.local_runner.jobs.runner import Jobs
from wildsage.local_runner.jobs.states import JobKind
from wildsage.local_runner.jobs.store import Document, NameTaken
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import resources
from wildsage.local_runner.wire.errors import AwsError, invalid


def create(context: RequestContext, jobs: Jobs, job: Document, request: dict[str, Any]) -> dict[str, Any]:
    """Store and run a new job, whose document holds its ARN, with the tags of the request.

    Raises ResourceInUse if the name is taken, CannotBegin if this machine has no thread for the job.
    """
    kind = jobs.kind
    arn = job[kind.arn_field]
    try:
        jobs.start(job)
    except NameTaken:
        raise AwsError(
            "ResourceInUse",
            f"{kind.noun.capitalize()} names must be unique within an AWS account and region, and a {kind.noun} with this "
            f"name already exists ({arn})",
        ) from None
    resources.save_tags(context, arn, request)
    return {kind.arn_field: arn}


def stop(jobs: Jobs, job: Document) -> None:
    """Ask a job to stop. Raises ValidationException if it has ended."""
    reject_ended(jobs.kind, job)
    jobs.stop(job[jobs.kind.name_field])


def reject_ended(kind: JobKind, job: Document) -> None:
    """Raises ValidationException for a job that has ended."""
    if kind.has_ended(job):
        raise invalid(f"The request was rejected because the {kind.noun} is in status {job[kind.status_field]}.")


def reject_running(kind: JobKind, job: Document) -> None:
    """Raises ResourceInUse for a job that has not ended."""
    if not kind.has_ended(job):
        raise AwsError(
            "ResourceInUse",
            f"{kind.noun.capitalize()} {job[kind.name_field]} is {job[kind.status_field]}. "
            "Stop it, or wait for its end.",
        )


def summary(kind: JobKind, job: Document, *others: str) -> Document:
    """A job as List operations show it, with those of the fields `others` that it has."""
    times = ("CreationTime", kind.end_time_field, "LastModifiedTime")
    fields = (kind.name_field, kind.arn_field, *times, kind.status_field, *others)
    return {field: job[field] for field in fields if field in job}
