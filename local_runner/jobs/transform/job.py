"""Batch transform jobs: containers serve a model, the records of S3 objects go through them, answers become objects.

Sources: CreateTransformJob (API reference), "Use Batch Transform" in the developer guide, container contract sections
3 and 5.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wildsage.algorithms.base.errors import WildsageError
from wildsage.containers.contract import failure
from wildsage.local_runner.backends import Backend
from wildsage.local_runner.inputs.channels import InputError, InputFile, Objects, channel_files
from wildsage.local_runner.jobs.hosting import instance
from wildsage.local_runner.jobs.hosting.instance import Instance, NoAnswer, NotHealthy
from wildsage.local_runner.jobs.logs import TRANSFORM_JOBS, Logs, LogWriter
from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.jobs.states import ENDED, MAX_REASON_CHARACTERS
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.jobs.transform.pipeline import STRATEGIES, Flow, Plan, Stopping
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

KIND = "transform-job"
PARAMETERS_TIMEOUT_S = 10.0
STOP_GRACE_S = 10.0
CLOSE_WITHIN_S = 5.0
INTERRUPTED = (
    "InternalServerError: the local SageMaker stopped while this job was running. Start it again under a new name."
)
TOLD_TO_CONTAINERS = {
    "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
    "BatchStrategy": "SAGEMAKER_BATCH_STRATEGY",
    "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What a job runs in.

    Records come from `inputs`, answers go to `objects`, models are unpacked below `folder`; `queue` says whose turn it is.
    """

    store: Store
    logs: Logs
    objects: ObjectStore
    inputs: Objects
    backend: Backend
    folder: Path
    queue: Queue


class TransformJobs:
    """All batch transform jobs; each runs in a thread of its own.

    A job is a DescribeTransformJob document and the `Containers` that its model had when it was made, as
    `instance.start` takes them.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def start(self, job: Document) -> None:
        """Store the new job and run it. Raises NameTaken."""
        job.update(TransformJobStatus="InProgress", LastModifiedTime=time.time())
        run = Run(job, self._surroundings)
        with self._lock:  # who finds the job in the store finds its run too
            self._surroundings.store.insert(KIND, run.name, job)
            run.start()
            self._runs = {other.name: other for other in (*self._runs.values(), run) if other.is_alive()}

    def stop(self, name: str) -> None:
        """Ask a running job to stop; objects not yet finished get no output. No effect on a job that has ended."""
        if run := self._run(name):
            run.stop()

    def wait(self, name: str, timeout_s: float) -> None:
        """Return when the job has ended or the time is over."""
        if run := self._run(name):
            run.join(timeout_s)

    def restore(self) -> None:
        """After a restart. No container outlives its server: what ran was interrupted, what had not begun begins."""
        shutil.rmtree(self._surroundings.folder, ignore_errors=True)
        for job in sorted(self._surroundings.store.all(KIND), key=lambda job: job["CreationTime"]):
            if job["TransformJobStatus"] not in ENDED:
                self._take_up(self._surroundings.store.change(KIND, job["TransformJobName"], _resume_or_end))

    def _take_up(self, job: Document) -> None:
        if job["TransformJobStatus"] not in ENDED:
            run = self._runs[job["TransformJobName"]] = Run(job, self._surroundings)
            run.start()

    def close(self) -> None:
        """End what runs. Their states stay; the next start finds them."""
        runs = list(self._runs.values())
        for run in runs:
            run.abandon()
        deadline = time.monotonic() + CLOSE_WITHIN_S
        for run in runs:
            run.join(max(0.0, deadline - time.monotonic()))

    def _run(self, name: str) -> Run | None:
        with self._lock:
            return self._runs.get(name)


class Run(threading.Thread):
    """One job being run."""

    def __init__(self, job: Document, surroundings: Surroundings) -> None:
        super().__init__(name=job["TransformJobName"], daemon=True)
        self._job = job
        self._in = surroundings
        self._folder = surroundings.folder / self.name
        self._instances: list[Instance] = []
        self._stopping = threading.Event()
        self._abandoned = False

    def stop(self) -> None:
        if not self._stopping.is_set():
            self._change(_begin_to_stop)
            self._interrupt()

    def abandon(self) -> None:
        """End the containers and write no more states."""
        self._abandoned = True
        self._interrupt()

    def run(self) -> None:
        try:
            outcome, reason = self._outcome()
            self._change(lambda job: end(job, outcome, time.time(), reason))
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _outcome(self) -> tuple[str, str | None]:
        """Run the job; how it ended, and why if it failed."""
        try:
            failures = self._in_turn()
        except Stopping:
            return "Stopped", None
        except (InputError, S3Error) as error:
            reason = f"ClientError: {error}"
        except NotHealthy as error:
            if self._stopping.is_set():
                return "Stopped", None
            reason = f"AlgorithmError: {error} Its log may say more: group {TRANSFORM_JOBS}."
        except WildsageError as error:
            reason = failure.reason(error)
        except Exception as error:
            log.exception("transform job %s", self.name)
            reason = f"InternalServerError: {type(error).__name__}: {error} (the server's log has the trace)"
        else:
            if not failures:
                return "Completed", None
            reason = _reason(failures)
        return "Failed", reason

    def _interrupt(self) -> None:
        self._stopping.set()
        self._in.queue.look()
        for machine in self._instances:
            machine.ask_to_stop()

    def _in_turn(self) -> list[str]:
        """As `_transform`, when it is this job's turn."""
        if not self._in.queue.enter(self._stopping.is_set):
            raise Stopping
        try:
            return self._transform()
        finally:
            self._in.queue.leave()

    def _transform(self) -> list[str]:
        """Why objects have no output, for each that has none. Raises Stopping, InputError, NotHealthy."""
        shards = [shard for shard in self._shards() if shard]
        writers = [self._log_writer(f"instance-{number}") for number in range(1, len(shards) + 1)]
        try:
            for number, writer in enumerate(writers, start=1):
                self._instances.append(self._instance(number, writer))
            for machine in self._instances:
                machine.await_healthy()
            plan = Plan.of(self._job, self._proposed())
            writers[0](f"[sagemaker logs]: {plan}")
            self._change(lambda job: job.update(TransformStartTime=time.time()))
            with ThreadPoolExecutor(len(shards), "instance") as pool:
                lanes = [self._flow(number, plan) for number in range(len(shards))]
                return [why for found in pool.map(Flow.run, lanes, shards) for why in found]
        finally:
            for machine in self._instances:
                machine.stop(STOP_GRACE_S)
            for writer in writers:
                writer.close()

    def _shards(self) -> list[list[InputFile]]:
        """The objects of each instance: every n-th in the order of their keys."""
        source = {
            **self._job["TransformInput"]["DataSource"]["S3DataSource"],
            "S3DataDistributionType": "ShardedByS3Key",
        }
        count = self._job["TransformResources"]["InstanceCount"]
        return channel_files({"DataSource": {"S3DataSource": source}}, self._in.inputs, count)

    def _flow(self, number: int, plan: Plan) -> Flow:
        def note(line: str) -> None:
            writer = self._log_writer(f"instance-{number + 1}", "/data-log")
            writer(line)
            writer.close()

        machine = self._instances[number]
        return Flow(self._job, plan, machine, self._in.inputs, self._in.objects, self._stopping, note, self._folder)

    # Containers

    def _instance(self, number: int, writer: LogWriter) -> Instance:
        if self._stopping.is_set():
            raise Stopping
        return instance.start(
            "",
            self._job["Containers"],
            self._folder / f"instance-{number}",
            self._in.backend,
            self._in.inputs,
            lambda name: writer,
            environment=self._job.get("Environment", {}),
            contract=self._contract(),
        )

    def _contract(self) -> dict[str, str]:
        asked = {name: self._job[name] for name in TOLD_TO_CONTAINERS if name in self._job}
        told = {TOLD_TO_CONTAINERS[name]: str(STRATEGIES.get(value, value)) for name, value in asked.items()}
        return {"SAGEMAKER_BATCH": "true", "AWS_REGION": self._job["TransformJobArn"].split(":")[3], **told}

    def _proposed(self) -> Mapping[str, Any]:
        """What the container says at /execution-parameters, if it has that route."""
        container = self._instances[0].containers[0]
        try:
            answer = container.request("GET", "/execution-parameters", timeout_s=PARAMETERS_TIMEOUT_S)
            found = json.loads(answer.data) if answer.status == 200 else {}
        except (NoAnswer, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _log_writer(self, instance: str, suffix: str = "") -> LogWriter:
        began = int(self._job["CreationTime"])
        return self._in.logs.writer(TRANSFORM_JOBS, f"{self.name}/{instance}-{began}{suffix}")

    # States

    def _change(self, edit: Callable[[Document], object]) -> None:
        if not self._abandoned:
            self._in.store.change(KIND, self.name, edit)


def _resume_or_end(job: Document) -> None:
    """What becomes of a job whose server ended: one asked to stop has stopped, one that had not begun has lost nothing."""
    if job["TransformJobStatus"] == "Stopping":
        end(job, "Stopped", time.time())
    elif "TransformStartTime" in job:
        end(job, "Failed", time.time(), INTERRUPTED)


def _begin_to_stop(job: Document) -> None:
    if job["TransformJobStatus"] not in ENDED:
        job.update(TransformJobStatus="Stopping", LastModifiedTime=time.time())


def end(job: Document, outcome: str, now: float, reason: str | None = None) -> None:
    """Completed, Failed with its reason, or Stopped."""
    job.update(TransformJobStatus=outcome, TransformEndTime=now, LastModifiedTime=now)
    if reason:
        job["FailureReason"] = reason[:MAX_REASON_CHARACTERS]


def _reason(failures: Sequence[str]) -> str:
    others = f" {len(failures) - 1} more objects failed." if len(failures) > 1 else ""
    return f"{failures[0]}{others} See job logs for more information."
