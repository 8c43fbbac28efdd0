"""The states of a job, as changes of its document. A kind of job overrides what is different for it."""

from __future__ import annotations

from dataclasses import dataclass

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.store import Document

ENDED = ("Completed", "Failed", "Stopped")
UNENDED = ("InProgress", "Stopping")
MAX_REASON_CHARACTERS = 1024
WAITS = "Waits"
"""Field of ours in the document of a job that waits for other jobs to end. AWS shows that of training jobs only, as Pending."""
INTERRUPTED = (
    "InternalServerError: the local SageMaker stopped while this job was running. Start it again under a new name."
)


@dataclass(frozen=True)
class JobEnd:
    """How a job ended: Completed, Failed or Stopped, or a kind's own word for one of them.

    `reason` says why it failed, `message` explains any other end.
    """

    outcome: str
    reason: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class JobKind(Kind):
    """A kind of job. All times are seconds since 1970."""

    @property
    def start_time_field(self) -> str:
        """AWS's field of the time when the job began, such as `TrainingStartTime`; absent from a job that has not begun."""
        return f"{self.stem.removesuffix('Job')}StartTime"

    @property
    def end_time_field(self) -> str:
        """AWS's field of the time when the job ended, such as `TrainingEndTime`; absent from a job that has not ended."""
        return f"{self.stem.removesuffix('Job')}EndTime"

    def has_ended(self, job: Document) -> bool:
        """Whether the status is one of `ENDED`, which no job leaves."""
        return job[self.status_field] in ENDED

    def enter(self, job: Document, status: str, now: float) -> None:
        """Change to a status."""
        job.update({self.status_field: status, "LastModifiedTime": now})

    def create(self, job: Document, waits: bool, now: float) -> None:
        """Enter the first status; `waits`: other jobs have to end before the job can begin."""
        self.enter(job, "InProgress", now)

    def begin_to_stop(self, job: Document, now: float) -> None:
        """Enter Stopping. No effect on a job that has ended."""
        if not self.has_ended(job):
            self.enter(job, "Stopping", now)

    def end(self, job: Document, end: JobEnd, now: float) -> None:
        """Enter the last status at `now`, with the reason cut to the 1024 characters that AWS allows."""
        self.enter(job, end.outcome, now)
        job[self.end_time_field] = now
        if end.reason:
            job["FailureReason"] = end.reason[:MAX_REASON_CHARACTERS]

    def resume(self, job: Document, now: float) -> None:
        """After a restart of the server: end the job, unless it can be resumed.

        A job that was asked to stop has stopped, and one that ran has failed. One that had not begun has lost nothing.
        """
        if job[self.status_field] == "Stopping":
            self.end(job, JobEnd("Stopped"), now)
        elif self.start_time_field in job:
            self.end(job, JobEnd("Failed", INTERRUPTED), now)
