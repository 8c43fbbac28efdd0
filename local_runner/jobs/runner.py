"""Runs the jobs of one kind: from their creation to their end, through a stop and over a restart of the server.

A kind of job is a folder beside this module. It gives a `JobKind` (how the document of a job changes), a `JobRun` (what one
job does) and a `Jobs` (how such a run is made).
"""

from __future__ import annotations

import logging
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from wildsage.algorithms.base.errors import WildsageError
from wildsage.containers.contract import failure
from wildsage.local_runner.inputs.channels import InputError
from wildsage.local_runner.jobs import lineage
from wildsage.local_runner.jobs.queue import CannotBegin, Queue
from wildsage.local_runner.jobs.states import UNENDED, WAITS, JobEnd, JobKind
from wildsage.local_runner.jobs.store import Document, ListQuery, Store
from wildsage.local_runner.processes import disk
from wildsage.local_runner.s3.errors import S3Error

CLOSE_WITHIN_S = 5.0  # mutants: equivalent: a second more or less changes nothing
FORGET_FROM = 16  # mutants: equivalent: nobody sees when a run that has ended is forgotten
"""Runs that have ended are forgotten when there are so many, and from then on each time their number has doubled."""

log = logging.getLogger(__name__)


class JobRun(ABC):
    """One job that has not ended. It holds a thread of the queue from the moment it begins.

    `_stopping` is set once the job has been asked to stop, `_abandoned` once the server closes: from then on the run
    changes the document of the job no more.
    """

    kind: ClassVar[JobKind]

    def __init__(self, job: Document, store: Store, queue: Queue) -> None:
        """`queue` decides when the job begins."""
        self.name: str = job[self.kind.name_field]
        self._job = job
        self._store = store
        self._queue = queue
        self._stopping = threading.Event()
        if job[self.kind.status_field] == "Stopping":
            self._stopping.set()
        self._abandoned = False
        self._has_begun = False
        self._has_ended = threading.Event()

    # What a kind of job gives

    @abstractmethod
    def execute(self) -> JobEnd:
        """Do the work of the job. An exception is a failure; `exception_reason` gives its text."""

    def interrupt(self) -> None:  # noqa: B027, optional
        """Wake up `execute`, because the job is to stop or the server closes."""

    def end_before_begin(self) -> JobEnd:
        """The end of a job that was stopped while it waited."""
        return JobEnd("Stopped")

    def results(self) -> Document:
        """Fields that are added to the document of the job when it ends."""
        return {}

    def metric_summaries(self) -> list[Document]:
        """What the trial component of the job shows of its metrics, after its end."""
        return []

    def clean_up(self) -> None:  # noqa: B027, optional
        """Remove what the job leaves on this machine, after its end."""

    @property
    def may_wait_s(self) -> float:
        """Seconds that the job may wait from now on before it is stopped."""
        return math.inf

    # What the runner does with it

    @property
    def has_ended(self) -> bool:
        """Whether the last status of the job is stored."""
        return self._has_ended.is_set()

    def enter_queue(self) -> None:
        """Execute the job now, or when the queue says so. Raises CannotBegin."""
        self._queue.enter(self.run, self.expire, self.may_wait_s)

    def run(self) -> None:
        """Execute the job and store its end."""
        self._has_begun = True
        threading.current_thread().name = self.name
        try:
            self._execute_and_finish()
        finally:
            self.clean_up()
            self._has_ended.set()

    def stop(self) -> None:
        """Ask the job to stop. A job that waits has stopped when this returns."""
        if not self._stopping.is_set():
            self._stopping.set()
            self.change(lambda job: self.kind.begin_to_stop(job, time.time()))
            self.interrupt()
        self.call_off()

    def call_off(self) -> None:
        """End the job if it waits."""
        if self._queue.remove(self.run):
            self.expire()

    def expire(self) -> None:
        """End the job, which waits no longer."""
        self._end_unbegun(self.end_before_begin())

    def fail(self, reason: str) -> None:
        """End a job that cannot begin."""
        self._end_unbegun(JobEnd("Failed", f"InternalServerError: {reason}"))

    def abandon(self) -> None:
        """Change the document of the job no more, and end what runs."""
        self._abandoned = True
        self.interrupt()

    def wait(self, timeout_s: float) -> None:
        """Return when the job has ended, or after `timeout_s` seconds."""
        self._has_ended.wait(timeout_s)

    def join(self, timeout_s: float) -> None:
        """As `wait`, but return at once if the job has not begun."""
        if self._has_begun:
            self._has_ended.wait(timeout_s)

    def change(self, edit: Callable[[Document], object]) -> None:
        """Edit the document of the job, as one step. No effect once the server closes."""
        if not self._abandoned:
            self._store.change(self.kind.name, self.name, edit)

    def _execute_and_finish(self) -> None:
        try:
            if WAITS in self._job:
                self.change(lambda job: job.pop(WAITS, None))
            end = self.execute()
        except Exception as error:
            end = JobEnd("Failed", exception_reason(error, f"{self.kind.noun} {self.name}", self._store.folder))
        disk.insist(lambda: self._finish(end), lambda: self._abandoned)

    def _end_unbegun(self, end: JobEnd) -> None:
        self._finish(end)
        self._has_ended.set()

    def _finish(self, end: JobEnd) -> None:
        results, now = self.results(), time.time()

        def edit(job: Document) -> None:
            job.update(results)
            self.kind.end(job, end, now)

        if not self._abandoned:  # before the job has ended for others, who may ask for its lineage at once
            ended = self._store.get(self.kind.name, self.name)
            edit(ended)
            lineage.record_job(self._store, self.kind, ended, self.metric_summaries())
        self.change(edit)


class Jobs(ABC):
    """All jobs of one kind."""

    kind: ClassVar[JobKind]

    def __init__(self, store: Store, queue: Queue) -> None:
        self._store = store
        self._queue = queue
        self._runs: dict[str, JobRun] = {}
        self._forget_at = FORGET_FROM
        self._lock = threading.Lock()

    # What a kind of job gives

    @abstractmethod
    def new_run(self, job: Document) -> JobRun:
        """The run of a job."""

    def clear_leftovers(self) -> None:  # noqa: B027, optional
        """Remove what the jobs of a killed server left on this machine."""

    # What the server does with them

    def start(self, job: Document) -> None:
        """Store a new job, a document without a state, and run it.

        Raises NameTaken, and CannotBegin if the job can run neither now nor later. Then nothing of it is left.
        """
        waits = self._queue.is_full
        self.kind.create(job, waits, time.time())
        if waits:
            job[WAITS] = True
        run = self.new_run(job)
        with self._lock:  # a job in the store always has its run
            self._store.insert(self.kind.name, run.name, job)
            lineage.record_job(self._store, self.kind, job)
            try:
                self._take_up(run)
            except CannotBegin:
                lineage.forget_job(self._store, self.kind, job)
                self._store.delete(self.kind.name, run.name)
                raise

    def stop(self, name: str) -> None:
        """Ask a job to stop. No effect on a job that has ended."""
        if run := self._find(name):
            run.stop()

    def wait(self, name: str, timeout_s: float) -> None:
        """Return when the job has ended, or after `timeout_s` seconds."""
        if run := self._find(name):
            run.wait(timeout_s)

    def restore(self) -> None:
        """After a restart: end the jobs that were interrupted, and run the others, in the order of their creation."""
        self.clear_leftovers()
        begun = [self._store.select(self.kind.name, ListQuery(status=status)) for status in UNENDED]
        for job in sorted((job for found in begun for job in found), key=lambda job: job["CreationTime"]):
            self._resume(job[self.kind.name_field])

    def close(self) -> None:
        """End what runs. The documents keep their states, from which `restore` continues."""
        self._queue.close()
        runs = list(self._runs.values())
        for run in runs:
            run.abandon()
        deadline = time.monotonic() + CLOSE_WITHIN_S
        for run in runs:
            run.join(deadline - time.monotonic())

    def _resume(self, name: str) -> None:
        job = self._store.change(self.kind.name, name, lambda job: self.kind.resume(job, time.time()))
        if self.kind.has_ended(job):
            lineage.record_job(self._store, self.kind, job)
            return
        run = self.new_run(job)
        try:
            with self._lock:
                self._take_up(run)
        except CannotBegin as error:
            run.fail(str(error))

    def _take_up(self, run: JobRun) -> None:
        if len(self._runs) >= self._forget_at:
            self._runs = {name: other for name, other in self._runs.items() if not other.has_ended}
            self._forget_at = 2 * len(self._runs) + FORGET_FROM
        self._runs[run.name] = run
        try:
            run.enter_queue()
        except CannotBegin:
            del self._runs[run.name]
            raise

    def _find(self, name: str) -> JobRun | None:
        with self._lock:
            return self._runs.get(name)


def exception_reason(error: Exception, job: str, folder: Path) -> str:
    """The FailureReason of a job, with the category of the error; `job` names the job in the server's log. `folder` is where
    jobs write."""
    if isinstance(error, InputError | S3Error):
        return f"ClientError: {error}"
    if isinstance(error, WildsageError):
        return failure.reason(error)
    if disk.is_full(error):
        return f"InternalServerError: {disk.text(error, folder)}"
    log.error("%s", job, exc_info=error)
    return f"InternalServerError: {type(error).__name__}: {error} (the server's log has the traceback)"
