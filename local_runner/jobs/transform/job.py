"""Batch transform jobs: containers serve a model, and the records of S3 objects become requests, their answers objects.

Sources: CreateTransformJob (API reference), "Use Batch Transform" in the developer guide, container contract sections
3 and 5.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from wildsage.containers.contract import json_text
from wildsage.local_runner.inputs.channels import InputFile, channel_files
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.hosting import instance
from wildsage.local_runner.jobs.hosting.instance import Instance, NoAnswer, NotHealthy
from wildsage.local_runner.jobs.logs import TRANSFORM_JOBS, LogWriter
from wildsage.local_runner.jobs.runner import JobRun, Jobs
from wildsage.local_runner.jobs.states import JobEnd, JobKind
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.jobs.transform.pipeline import STRATEGIES, JobStopping, Pipeline, RequestPlan

KIND = JobKind("transform-job", "TransformJob", "transform job")
PARAMETERS_TIMEOUT_S = 10.0  # mutants: equivalent: a second more or less changes nothing
STOP_GRACE_S = 10.0  # mutants: equivalent: a second more or less changes nothing
BATCH_VARIABLES = {
    "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
    "BatchStrategy": "SAGEMAKER_BATCH_STRATEGY",
    "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
}
"""Environment variables of a container, by the field of the job that they repeat."""


class TransformJobs(Jobs):
    """All batch transform jobs.

    A job is a DescribeTransformJob document with the `Containers` that its model had when the job was created, as
    `instance.start` takes them.
    """

    kind = KIND

    def __init__(self, deps: JobDependencies) -> None:
        super().__init__(deps.store, deps.queue)
        self._deps = deps

    def new_run(self, job: Document) -> TransformJobRun:
        return TransformJobRun(job, self._deps)

    def clear_leftovers(self) -> None:
        shutil.rmtree(self._deps.folder, ignore_errors=True)


class TransformJobRun(JobRun):
    """One batch transform job, from its objects to their answers in S3."""

    kind = KIND

    def __init__(self, job: Document, deps: JobDependencies) -> None:
        super().__init__(job, deps.store, deps.queue)
        self._deps = deps
        self._folder = deps.folder / self.name
        self._instances: list[Instance] = []

    def execute(self) -> JobEnd:
        try:
            failures = self._transform()
        except JobStopping:
            return JobEnd("Stopped")
        except NotHealthy as error:
            if self._stopping.is_set():
                return JobEnd("Stopped")
            return JobEnd("Failed", f"AlgorithmError: {error} Its log may say more: group {TRANSFORM_JOBS}.")
        return JobEnd("Failed", _reason(failures)) if failures else JobEnd("Completed")

    def interrupt(self) -> None:
        self._stopping.set()
        for machine in self._instances:
            machine.ask_to_stop()

    def clean_up(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _transform(self) -> list[str]:
        """The reasons of all objects that have no output. Raises JobStopping, InputError, S3Error, NotHealthy."""
        if self._stopping.is_set():
            raise JobStopping
        shards = [shard for shard in self._shards() if shard]
        writers = [self._log_writer(f"instance-{number}") for number in range(1, len(shards) + 1)]
        try:
            for number, writer in enumerate(writers, start=1):
                self._instances.append(self._instance(number, writer))
            for machine in self._instances:
                machine.await_healthy()
            plan = RequestPlan.from_job(self._job, self._proposed())
            writers[0](f"[sagemaker logs]: {plan}")
            self.change(lambda job: job.update(TransformStartTime=time.time()))
            with ThreadPoolExecutor(len(shards), "instance") as pool:
                pipelines = [self._pipeline(number, plan) for number in range(len(shards))]
                return [why for found in pool.map(Pipeline.run, pipelines, shards) for why in found]
        finally:
            for machine in self._instances:
                machine.stop(STOP_GRACE_S)
            for writer in writers:
                writer.close()

    def _shards(self) -> list[list[InputFile]]:
        """The objects of each instance: every n-th object in the order of their keys."""
        source = {
            **self._job["TransformInput"]["DataSource"]["S3DataSource"],
            "S3DataDistributionType": "ShardedByS3Key",
        }
        count = self._job["TransformResources"]["InstanceCount"]
        return channel_files({"DataSource": {"S3DataSource": source}}, self._deps.inputs, count)

    def _pipeline(self, number: int, plan: RequestPlan) -> Pipeline:
        def note(line: str) -> None:
            writer = self._log_writer(f"instance-{number + 1}", "/data-log")
            writer(line)
            writer.close()

        machine = self._instances[number]
        return Pipeline(
            self._job, plan, machine, self._deps.inputs, self._deps.objects, self._stopping, note, self._folder
        )

    # Containers

    def _instance(self, number: int, writer: LogWriter) -> Instance:
        if self._stopping.is_set():
            raise JobStopping
        return instance.start(
            "",
            self._job["Containers"],
            self._folder / f"instance-{number}",
            self._deps.backend,
            self._deps.inputs,
            lambda name: writer,
            self._contract(),
            environment=self._job.get("Environment", {}),
            shares_log=True,
        )

    def _contract(self) -> dict[str, str]:
        asked = {name: self._job[name] for name in BATCH_VARIABLES if name in self._job}
        variables = {BATCH_VARIABLES[name]: str(STRATEGIES.get(value, value)) for name, value in asked.items()}
        return {"SAGEMAKER_BATCH": "true", "AWS_REGION": self._job["TransformJobArn"].split(":")[3], **variables}

    def _proposed(self) -> Mapping[str, Any]:
        """The answer of the container to GET /execution-parameters; {} if it does not have that route."""
        container = self._instances[0].containers[0]
        try:
            answer = container.request("GET", "/execution-parameters", timeout_s=PARAMETERS_TIMEOUT_S)
            found = json_text.parse(answer.data) if answer.status == 200 else {}
        except (NoAnswer, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _log_writer(self, instance: str, suffix: str = "") -> LogWriter:
        began = int(self._job["CreationTime"])
        return self._deps.logs.writer(TRANSFORM_JOBS, f"{self.name}/{instance}-{began}{suffix}")


def _reason(failures: Sequence[str]) -> str:
    others = f" {len(failures) - 1} more objects failed." if len(failures) > 1 else ""
    return f"{failures[0]}{others} See job logs for more information."
