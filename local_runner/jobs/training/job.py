"""A training job from Starting to its end. It enters each state when what the state names begins; times are measured."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Launch, Running
from wildsage.local_runner.images import uris
from wildsage.local_runner.inputs import code, workspace
from wildsage.local_runner.inputs.channels import InputError, split_uri
from wildsage.local_runner.inputs.workspace import Host
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs, LogWriter
from wildsage.local_runner.jobs.runner import JobRun, Jobs
from wildsage.local_runner.jobs.states import JobEnd
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.jobs.training import checkpoints, intermediate_output, tensorboard
from wildsage.local_runner.jobs.training.description import DEFAULT_MAX_RUNTIME_S
from wildsage.local_runner.jobs.training.failures import EndedHost, failure_reason
from wildsage.local_runner.jobs.training.readings import final_metrics, summaries
from wildsage.local_runner.jobs.training.states import KIND, enter_secondary, stopped
from wildsage.local_runner.s3.errors import S3Error

POLL_S = 0.1
PEER_GRACE_S = 10.0  # for a host that cannot finish because another one has failed


class TrainingJobs(Jobs):
    """All training jobs: those that run, and those that wait."""

    kind = KIND

    def __init__(self, deps: JobDependencies) -> None:
        super().__init__(deps.store, deps.queue)
        self._deps = deps

    @property
    def logs(self) -> Logs:
        """The logs that training jobs write to, in the group /aws/sagemaker/TrainingJobs."""
        return self._deps.logs

    def new_run(self, job: Document) -> TrainingJobRun:
        return TrainingJobRun(job, self._deps)

    def clear_leftovers(self) -> None:
        for folder in self._deps.folder.glob("*"):
            self._deps.put_away(folder)


class TrainingJobRun(JobRun):
    """One training job on all its hosts, from its input to its model in S3."""

    kind = KIND

    def __init__(self, job: Document, deps: JobDependencies) -> None:
        super().__init__(job, deps.store, deps.queue)
        self._deps = deps
        self._folder = deps.folder / self.name
        self._containers: Sequence[Running] = ()
        self._stopped_as = "Stopped"

    def execute(self) -> JobEnd:
        """Train, and train again after a failure of the platform, as often as the RetryStrategy says."""
        if self._stopping.is_set():
            return self.end_before_begin()
        if self._deps.store.get(KIND.name, self.name)["SecondaryStatus"] == "Pending":
            self._enter("Starting")
        retries = self._job.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        end = self._attempt()
        while retries and (end.reason or "").startswith("InternalServerError"):
            retries -= 1
            self._enter("Restarting")
            shutil.rmtree(self._folder, ignore_errors=True)
            end = self._attempt()
        return end

    def end_before_begin(self) -> JobEnd:
        return stopped("Stopped", has_model=False)

    def results(self) -> Document:
        found = final_metrics(self._job, self._deps.logs)
        return {"FinalMetricDataList": found} if found else {}

    def metric_summaries(self) -> list[Document]:
        return summaries(self._job, self._deps.logs)

    def clean_up(self) -> None:
        self._deps.put_away(self._folder)

    @property
    def may_wait_s(self) -> float:
        limit_s = self._job["StoppingCondition"].get("MaxPendingTimeInSeconds", math.inf)
        return self._job["CreationTime"] + limit_s - time.time()

    def _attempt(self) -> JobEnd:
        """Bring the data, train, and store the model."""
        self._containers = ()
        self._enter("Downloading")
        self.change(lambda job: job.setdefault("TrainingStartTime", time.time()))
        hosts = workspace.lay_out(self._job, self._folder, self._deps.inputs, self._deps.backend.isolates)
        try:
            self._bring_code(hosts)
            with self._checkpoints(hosts), self._intermediate_output(hosts), self._tensorboard(hosts):
                self._enter("Training")
                ended = self._train(hosts)
        finally:
            for host in hosts:
                host.close()
        if self._abandoned:
            return JobEnd("Stopped")
        if not self._stopping.is_set():
            if problem := next((host.problem for host in hosts if host.problem), None):
                raise InputError(problem)
            if reason := failure_reason(ended):
                return JobEnd("Failed", reason)
        has_model = False
        if self._containers:
            self._enter("Uploading")
            has_model = self._upload(hosts)
        return stopped(self._stopped_as if self._stopping.is_set() else "Completed", has_model)

    def _bring_code(self, hosts: list[Host]) -> None:
        """Give the archive of a script to containers of our image that runs one, which do not reach S3 in Docker."""
        image = self._job["AlgorithmSpecification"]["TrainingImage"]
        if self._deps.backend.isolates and uris.may_run_script(image):
            place = self._job.get("HyperParameters", {}).get(code.SUBMIT_DIRECTORY)
            code.bring(place, (host.folder for host in hosts), self._deps.inputs)

    def _checkpoints(self, hosts: list[Host]) -> AbstractContextManager[None]:
        if "CheckpointConfig" not in self._job:
            return nullcontext()
        config = self._job["CheckpointConfig"]
        inside = config.get("LocalPath", str(OptML().checkpoints)) if self._deps.backend.isolates else None
        return checkpoints.mirrored(config["S3Uri"], [host.folder for host in hosts], self._deps.objects, inside)

    def _intermediate_output(self, hosts: list[Host]) -> AbstractContextManager[None]:
        uri = intermediate_output.asked_for(self._job.get("HyperParameters", {}))
        if uri is None:
            return nullcontext()
        return intermediate_output.mirrored(uri, self.name, [host.folder for host in hosts], self._deps.objects)

    def _tensorboard(self, hosts: list[Host]) -> AbstractContextManager[None]:
        config = self._job.get("TensorBoardOutputConfig")
        if config is None:
            return nullcontext()
        return tensorboard.mirrored(config, self.name, [host.folder for host in hosts], self._deps.objects)

    def _enter(self, secondary: str) -> None:
        """Enter a secondary status. The status stays: a job that is stopping may still upload its model."""
        self.change(lambda job: enter_secondary(job, job["TrainingJobStatus"], secondary, time.time()))

    # Training

    def _train(self, hosts: list[Host]) -> list[EndedHost]:
        """Hosts and exit statuses in the order in which they ended."""
        writers = [self._log_writer(host) for host in hosts]
        try:
            if not self._stopping.is_set():
                launches = [self._launch(host, writer) for host, writer in zip(hosts, writers, strict=True)]
                self._containers = self._deps.backend.train(launches)
            ended = self._watch(hosts)
            full = {host.name: writer.full_disk for host, writer in zip(hosts, writers, strict=True)}
            return [one._replace(full_disk=full[one.host.name]) for one in ended]
        finally:
            for writer in writers:
                writer.close()

    def _watch(self, hosts: list[Host]) -> list[EndedHost]:
        """Wait for all hosts. When one fails, the others are stopped: they would wait for it forever."""
        limits = self._job["StoppingCondition"]
        deadline = time.monotonic() + limits.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_S)
        wait_deadline_s = self._job["CreationTime"] + limits.get("MaxWaitTimeInSeconds", math.inf)
        running = list(zip(hosts, self._containers, strict=False))
        ended: list[EndedHost] = []
        kill_at = None
        while running:
            statuses = [(host, container, container.wait(POLL_S)) for host, container in running]
            ended += [
                EndedHost(host, status, container.out_of_memory)
                for host, container, status in statuses
                if status is not None
            ]
            running = [(host, container) for host, container, status in statuses if status is None]
            if time.monotonic() > deadline:  # mutants: equivalent: what is due now is due a moment later as well
                self._stop_as("MaxRuntimeExceeded")
            if time.time() > wait_deadline_s:  # mutants: equivalent: what is due now is due a moment later as well
                self._stop_as("MaxWaitTimeExceeded")
            if kill_at is None and (self._stopping.is_set() or any(one.status for one in ended)):
                kill_at = time.monotonic() + self._grace_s()
                for _, container in running:
                    container.terminate()
            if self._abandoned or (kill_at is not None and time.monotonic() > kill_at):
                for _, container in running:
                    container.kill()
        self._note_usage()
        return ended

    def _stop_as(self, outcome: str) -> None:
        """Stop because of a limit; `outcome` names it as a secondary status."""
        if not self._stopping.is_set():
            self._stopped_as = outcome
            self.stop()

    def _grace_s(self) -> float:
        grace_s = self._deps.stop_grace_s
        return grace_s if self._stopping.is_set() else min(PEER_GRACE_S, grace_s)

    def _note_usage(self) -> None:
        """Store what all hosts used together. AWS has no such field; `wildsage jobs` shows it."""
        used = [container.usage for container in self._containers if container.usage]
        if used:
            cpu_s, peak_bytes = sum(one.cpu_s for one in used), sum(one.peak_bytes for one in used)
            self.change(lambda job: job.update(Usage={"CpuSeconds": cpu_s, "PeakMemoryBytes": peak_bytes}))

    def _launch(self, host: Host, writer: LogWriter) -> Launch:
        algorithm, arn = self._job["AlgorithmSpecification"], self._job["TrainingJobArn"]
        region = arn.split(":")[3]
        if warning := uris.foreign_warning(algorithm["TrainingImage"], region):
            writer(warning)
        return Launch(
            image=algorithm["TrainingImage"],
            root=host.folder.root,
            environment=self._job.get("Environment", {}),
            contract={"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": arn, "AWS_REGION": region},
            log=writer,
            host=host.name,
            entrypoint=algorithm.get("ContainerEntrypoint"),
            arguments=algorithm.get("ContainerArguments"),
            checkpoints=self._job.get("CheckpointConfig", {}).get("LocalPath"),
            tensorboard=self._job.get("TensorBoardOutputConfig", {}).get("LocalPath"),
            network_isolation=self._job.get("EnableNetworkIsolation", False),
        )

    def _log_writer(self, host: Host) -> LogWriter:
        return self._deps.logs.writer(TRAINING_JOBS, f"{self.name}/{host.name}-{int(time.time())}")

    # Results

    def _upload(self, hosts: list[Host]) -> bool:
        """Store model.tar.gz and output.tar.gz, each if it has content. Returns True if there is a model.

        Raises InputError if the bucket does not exist.
        """
        uri = self._job["ModelArtifacts"]["S3ModelArtifacts"]
        bucket, key = split_uri(uri)
        model, output = self._folder / "model.tar.gz", self._folder / "output.tar.gz"
        has_model = workspace.pack_model(hosts, model)
        try:
            if has_model:
                self._deps.objects.put_file(bucket, key, model)
            if workspace.pack_output(hosts, output):
                self._deps.objects.put_file(bucket, key.removesuffix(model.name) + output.name, output)
        except S3Error as error:
            raise InputError(f"Artifact upload failed:{error.code}: {error} ({uri})") from None
        return has_model
