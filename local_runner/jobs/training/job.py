"""A training job from Starting to its end. Each state is entered when what it names begins; times are measured."""

from __future__ import annotations

import logging
import math
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wildsage.containers.contract.paths import DEFAULT_ROOT as OPT_ML
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Backend, Launch, Running
from wildsage.local_runner.inputs import workspace
from wildsage.local_runner.inputs.channels import InputError, Objects, split_uri
from wildsage.local_runner.inputs.workspace import Host
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs, LogWriter
from wildsage.local_runner.jobs.queue import Queue, default_limit
from wildsage.local_runner.jobs.states import ENDED, MAX_REASON_CHARACTERS
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.jobs.training import checkpoints
from wildsage.local_runner.jobs.training.description import DEFAULT_MAX_RUNTIME_S
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

KIND = "training-job"
POLL_S = 0.1
CLOSE_WITHIN_S = 5.0
PEER_GRACE_S = 10.0  # for a host that another's failure leaves without a purpose
MESSAGES = {
    "Pending": "Waiting for other jobs to end",
    "Restarting": "Starting again after an internal error",
    "Starting": "Preparing the instances for training",
    "Interrupted": "The local SageMaker stopped; the job goes on from its checkpoints",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Stopping": "Stopping the training job",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job exceeded MaxWaitTimeInSeconds provided",
}
INTERRUPTED = (
    "InternalServerError: the local SageMaker stopped while this job was running. Start it again under a new name; with a "
    "CheckpointConfig it would have gone on by itself."
)
NO_MODEL = "No model had been written, so there is no model.tar.gz."
BLAME = ("ClientError:", "AlgorithmError:", "InternalServerError:", "PlatformError:")
STOPPED = 128 + signal.SIGTERM
"""Exit status of a container that was stopped because another had failed, unless it chose one of its own."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What a job runs in.

    Data comes from `inputs`, artifacts go to `objects`. `folder` holds the trees of running jobs, `kept`, where it is
    given, those of ended ones; `stop_grace_s` lies between SIGTERM and SIGKILL; `queue` says whose turn it is.
    """

    store: Store
    logs: Logs
    objects: ObjectStore
    inputs: Objects
    backend: Backend
    folder: Path
    kept: Path | None = None
    stop_grace_s: float = 120.0
    queue: Queue = field(default_factory=lambda: Queue(default_limit()))

    def put_away(self, job_folder: Path) -> None:
        """Keep the tree of an ended job, in place of an earlier job's of that name, or remove it."""
        if self.kept and job_folder.is_dir():
            self.kept.mkdir(exist_ok=True)
            shutil.rmtree(self.kept / job_folder.name, ignore_errors=True)
            job_folder.rename(self.kept / job_folder.name)
        shutil.rmtree(job_folder, ignore_errors=True)


class TrainingJobs:
    """All training jobs; each runs in a thread of its own."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    @property
    def logs(self) -> Logs:
        return self._surroundings.logs

    def start(self, job: Document) -> None:
        """Store the new job, a DescribeTrainingJob document that has no state yet, and run it. Raises NameTaken."""
        name = job["TrainingJobName"]
        enter(job, "InProgress", "Pending" if self._surroundings.queue.is_full else "Starting", time.time())
        run = Run(job, self._surroundings)
        with self._lock:  # who finds the job in the store finds its run too
            self._surroundings.store.insert(KIND, name, job)
            run.start()
            self._runs = {other.name: other for other in (*self._runs.values(), run) if other.is_alive()}

    def stop(self, name: str) -> None:
        """Ask a running job to stop; its state so far becomes its model. No effect on a job that has ended."""
        if run := self._run(name):
            run.stop("Stopped")

    def wait(self, name: str, timeout_s: float) -> None:
        """Return when the job has ended or the time is over."""
        if run := self._run(name):
            run.join(timeout_s)

    def close(self) -> None:
        """Kill what runs. Their states stay; the next start finds them."""
        runs = list(self._runs.values())
        for run in runs:  # all of them before one ends: else its place would go to a job that waits
            run.abandon()
        self._surroundings.queue.look()
        deadline = time.monotonic() + CLOSE_WITHIN_S
        for run in runs:
            run.join(max(0.0, deadline - time.monotonic()))

    def _run(self, name: str) -> Run | None:
        with self._lock:
            return self._runs.get(name)

    def restore(self) -> None:
        """After a restart. No process outlives its server: what ran was interrupted, what waited goes on waiting."""
        for left in self._surroundings.folder.glob("*"):
            self._surroundings.put_away(left)
        for job in sorted(self._surroundings.store.all(KIND), key=lambda job: job["CreationTime"]):
            if job["TrainingJobStatus"] not in ENDED:
                self._take_up(self._surroundings.store.change(KIND, job["TrainingJobName"], _resume_or_end))

    def _take_up(self, job: Document) -> None:
        if job["TrainingJobStatus"] not in ENDED:
            run = self._runs[job["TrainingJobName"]] = Run(job, self._surroundings)
            run.start()


class Run(threading.Thread):
    """One job being run."""

    def __init__(self, job: Document, surroundings: Surroundings) -> None:
        super().__init__(name=job["TrainingJobName"], daemon=True)
        self._job = job
        self._in = surroundings
        self._folder = surroundings.folder / self.name
        self._containers: Sequence[Running] = ()
        self._stop_reason: str | None = None
        self._abandoned = False

    def stop(self, reason: str) -> None:
        """`reason` is the secondary status the job will end with: Stopped, MaxRuntimeExceeded or MaxWaitTimeExceeded."""
        if self._stop_reason is None:
            self._stop_reason = reason
            self._change(_begin_to_stop)
            self._in.queue.look()

    def abandon(self) -> None:
        """Write no more states; containers are killed at the next look at them."""
        self._abandoned = True

    def run(self) -> None:
        try:
            if self._in.queue.enter(self._called_off):
                try:
                    self._in_turn()
                finally:
                    self._in.queue.leave()
            else:
                self._end(self._stop_reason or "Stopped", message=f"{MESSAGES['Stopped']}. {NO_MODEL}")
        except InputError as error:
            self._end("Failed", f"ClientError: {error}")
        except Exception as error:
            log.exception("training job %s", self.name)
            self._end(
                "Failed", f"InternalServerError: {type(error).__name__}: {error} (the server's log has the trace)"
            )
        finally:
            self._in.put_away(self._folder)

    def _called_off(self) -> bool:
        """Whether the job shall no longer wait. One that may only wait so long stops itself."""
        limits = self._job["StoppingCondition"]
        waited_s = time.time() - self._job["CreationTime"]
        if waited_s > limits.get("MaxPendingTimeInSeconds", math.inf):
            self._stop_reason = self._stop_reason or "Stopped"
        return self._abandoned or self._stop_reason is not None

    def _in_turn(self) -> None:
        """Run, and run again after a failure of the platform, as often as the RetryStrategy says."""
        if self._in.store.get(KIND, self.name)["SecondaryStatus"] == "Pending":
            self._enter("Starting")
        retries = self._job.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        while (failure := self._to_the_end()) and retries and failure.startswith("InternalServerError"):
            retries -= 1
            self._enter("Restarting")
            shutil.rmtree(self._folder, ignore_errors=True)
        if failure:
            self._end("Failed", failure)

    def _to_the_end(self) -> str | None:
        """The reason of a failure; the job has ended if there is none."""
        self._containers = ()
        self._enter("Downloading")
        self._change(lambda job: job.setdefault("TrainingStartTime", time.time()))
        hosts = workspace.lay_out(self._job, self._folder, self._in.inputs, self._in.backend.isolates)
        try:
            with self._checkpoints(hosts):
                self._enter("Training")
                ended = self._train(hosts)
        finally:
            for host in hosts:
                host.close()
        if self._abandoned:
            return None
        failure = None if self._stop_reason else failure_reason(ended)
        if failure:
            return failure
        learned = False
        if self._containers:
            self._enter("Uploading")
            learned = self._upload(hosts)
        outcome = self._stop_reason or "Completed"
        self._end(outcome, message=None if learned else f"{MESSAGES[outcome]}. {NO_MODEL}")
        return None

    def _checkpoints(self, hosts: list[Host]) -> AbstractContextManager[None]:
        if "CheckpointConfig" not in self._job:
            return nullcontext()
        config = self._job["CheckpointConfig"]
        inside = config.get("LocalPath", str(OptML().checkpoints)) if self._in.backend.isolates else None
        return checkpoints.mirrored(config["S3Uri"], [host.folder for host in hosts], self._in.objects, inside)

    # Training

    def _train(self, hosts: list[Host]) -> list[tuple[Host, int]]:
        """Hosts and exit statuses in the order in which they ended."""
        writers = [self._log_writer(host) for host in hosts]
        try:
            if self._stop_reason is None:
                launches = [self._launch(host, writer) for host, writer in zip(hosts, writers, strict=True)]
                self._containers = self._in.backend.train(launches)
            return self._watch(hosts)
        finally:
            for writer in writers:
                writer.close()

    def _watch(self, hosts: list[Host]) -> list[tuple[Host, int]]:
        """Wait for all. When one fails, the others are stopped: they would wait for it forever."""
        limits = self._job["StoppingCondition"]
        deadline = time.monotonic() + limits.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_S)
        wait_deadline_s = self._job["CreationTime"] + limits.get("MaxWaitTimeInSeconds", math.inf)
        running = list(zip(hosts, self._containers, strict=False))
        ended: list[tuple[Host, int]] = []
        kill_at = None
        while running:
            statuses = [(host, container, container.wait(POLL_S)) for host, container in running]
            ended += [(host, status) for host, _, status in statuses if status is not None]
            running = [(host, container) for host, container, status in statuses if status is None]
            if time.monotonic() > deadline:
                self.stop("MaxRuntimeExceeded")
            if time.time() > wait_deadline_s:
                self.stop("MaxWaitTimeExceeded")
            if kill_at is None and (self._stop_reason or any(status for _, status in ended)):
                grace_s = self._in.stop_grace_s if self._stop_reason else min(PEER_GRACE_S, self._in.stop_grace_s)
                kill_at = time.monotonic() + grace_s
                for _, container in running:
                    container.terminate()
            if self._abandoned or (kill_at is not None and time.monotonic() > kill_at):
                for _, container in running:
                    container.kill()
        self._account()
        return ended

    def _account(self) -> None:
        """Remember what all hosts took together, for those who ask this machine and not AWS."""
        used = [container.usage for container in self._containers if container.usage]
        if used:
            cpu_s, peak_bytes = sum(one.cpu_s for one in used), sum(one.peak_bytes for one in used)
            self._change(lambda job: job.update(Usage={"CpuSeconds": cpu_s, "PeakMemoryBytes": peak_bytes}))

    def _launch(self, host: Host, writer: LogWriter) -> Launch:
        algorithm, arn = self._job["AlgorithmSpecification"], self._job["TrainingJobArn"]
        return Launch(
            image=algorithm["TrainingImage"],
            root=host.folder.root,
            environment=self._job.get("Environment", {}),
            contract={"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": arn, "AWS_REGION": arn.split(":")[3]},
            log=writer,
            host=host.name,
            entrypoint=algorithm.get("ContainerEntrypoint"),
            arguments=algorithm.get("ContainerArguments"),
            checkpoints=self._job.get("CheckpointConfig", {}).get("LocalPath"),
        )

    def _log_writer(self, host: Host) -> LogWriter:
        return self._in.logs.writer(TRAINING_JOBS, f"{self.name}/{host.name}-{int(time.time())}")

    # Results

    def _upload(self, hosts: list[Host]) -> bool:
        """Store model.tar.gz and output.tar.gz, each if it has content; True if there is a model.

        Raises InputError if the bucket is not there.
        """
        uri = self._job["ModelArtifacts"]["S3ModelArtifacts"]
        bucket, key = split_uri(uri)
        model, output = self._folder / "model.tar.gz", self._folder / "output.tar.gz"
        learned = workspace.pack_model(hosts, model)
        try:
            if learned:
                self._in.objects.put_file(bucket, key, model)
            if workspace.pack_output(hosts, output):
                self._in.objects.put_file(bucket, key.removesuffix(model.name) + output.name, output)
        except S3Error as error:
            raise InputError(f"Artifact upload failed:{error.code}: {error} ({uri})") from None
        return learned

    def _final_metrics(self) -> list[dict[str, Any]]:
        readings = metrics.latest(job_readings(self._job, self._in.logs))
        return [
            {"MetricName": datum.name, "Value": datum.value, "Timestamp": datum.timestamp_ms / 1000}
            for datum in readings
        ]

    # States

    def _enter(self, secondary: str) -> None:
        """Go on to a secondary status; a job that is stopping keeps that as its status."""
        self._change(lambda job: enter(job, job["TrainingJobStatus"], secondary, time.time()))

    def _end(self, outcome: str, reason: str | None = None, message: str | None = None) -> None:
        readings = self._final_metrics()

        def edit(job: Document) -> None:
            if readings:
                job["FinalMetricDataList"] = readings
            end(job, outcome, time.time(), reason, message)

        self._change(edit)

    def _change(self, edit: Callable[[Document], object]) -> None:
        if not self._abandoned:
            self._in.store.change(KIND, self.name, edit)


def job_readings(job: Document, logs: Logs) -> list[metrics.Datum]:
    """Every reading of the job's metrics so far, from the logs of all its hosts."""
    wanted = job["AlgorithmSpecification"].get("MetricDefinitions", ())
    if not wanted or TRAINING_JOBS not in logs.groups(TRAINING_JOBS):
        return []
    streams = logs.streams(TRAINING_JOBS, f"{job['TrainingJobName']}/")
    return [datum for stream in streams for datum in metrics.scrape(logs.events(TRAINING_JOBS, stream.name), wanted)]


def _resume_or_end(job: Document) -> None:
    """What becomes of a job whose server ended: one asked to stop has stopped, one that waited has lost nothing, and of
    those that ran one with checkpoints starts again."""
    now = time.time()
    if job["TrainingJobStatus"] == "Stopping":
        end(job, "Stopped", now, message=f"{MESSAGES['Stopped']}. {NO_MODEL}")
    elif job["SecondaryStatus"] == "Pending":
        return
    elif "CheckpointConfig" in job:
        enter(job, "InProgress", "Interrupted", now)
        enter(job, "InProgress", "Starting", now)
    else:
        end(job, "Failed", now, INTERRUPTED)


def _begin_to_stop(job: Document) -> None:
    if job["TrainingJobStatus"] not in ENDED:
        enter(job, "Stopping", "Stopping", time.time())


def enter(job: Document, status: str, secondary: str, now: float) -> None:
    """Close the secondary status of before and open the next."""
    transitions = job.setdefault("SecondaryStatusTransitions", [])
    if transitions:
        transitions[-1]["EndTime"] = now
    transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]})
    job.update(TrainingJobStatus=status, SecondaryStatus=secondary, LastModifiedTime=now)


def end(job: Document, outcome: str, now: float, reason: str | None = None, message: str | None = None) -> None:
    """Completed, Failed, Stopped, or one of the ways to be Stopped (MaxRuntimeExceeded, MaxWaitTimeExceeded), with the
    time it took, in whole seconds begun, as they are billed. `reason` is that of a failure, `message` says more of any
    other end."""
    enter(job, outcome if outcome in ENDED else "Stopped", outcome, now)
    job["SecondaryStatusTransitions"][-1]["EndTime"] = now
    job["TrainingEndTime"] = now
    if "TrainingStartTime" in job:
        job["TrainingTimeInSeconds"] = job["BillableTimeInSeconds"] = math.ceil(now - job["TrainingStartTime"])
    if reason:
        message = job["FailureReason"] = reason[:MAX_REASON_CHARACTERS]
    if message:
        job["SecondaryStatusTransitions"][-1]["StatusMessage"] = message


def failure_reason(ended: Iterable[tuple[Host, int]]) -> str | None:
    """Why a job failed, given hosts and exit statuses in the order in which they ended; None if all succeeded.

    One host's failure ends the others, which then complain too, so order alone tells nothing: the user's mistake comes
    before the algorithm's failure (a written reason before a bare exit status) and that before the platform's.
    """
    failed = [(host, status) for host, status in ended if status]
    if not failed:
        return None
    reasons = [text for host, _ in failed if (text := _told(host))]
    silent = [(host, status) for host, status in failed if not _told(host)]
    died = [(host, status) for host, status in silent if status != STOPPED]
    reasons += [_silence(host, status) for host, status in died or (silent if not reasons else [])]
    return min(reasons, key=lambda text: BLAME.index(text.partition(":")[0] + ":"))


def _silence(host: Host, status: int) -> str:
    return (
        f"AlgorithmError: {host.name} ended with exit code {status} and left no reason in {OPT_ML}/output/failure. "
        f"The job's log may say more: group {TRAINING_JOBS}."
    )


def _told(host: Host) -> str | None:
    """The text in a host's failure file, its category first, with paths as they are inside a container."""
    failure = host.folder.failure
    text = failure.read_text(errors="replace").strip() if failure.is_file() else ""
    text = text.replace(str(host.folder.root), OPT_ML)[:MAX_REASON_CHARACTERS]
    return f"AlgorithmError: {text}" if text and not text.startswith(BLAME) else text or None
