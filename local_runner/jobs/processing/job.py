"""Processing jobs: objects become files below /opt/ml/processing, a command of the user's runs, and its files become objects.

A job is a DescribeProcessingJob document.

Sources: CreateProcessingJob (API reference), "How Amazon SageMaker Processing configures your processing container" in the
developer guide.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Launch, Running
from wildsage.local_runner.inputs.channels import InputError, channel_files, split_uri
from wildsage.local_runner.inputs.workspace import link_file
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.logs import PROCESSING_JOBS, LogWriter
from wildsage.local_runner.jobs.runner import JobRun, Jobs
from wildsage.local_runner.jobs.states import MAX_REASON_CHARACTERS, JobEnd, JobKind
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.s3.errors import S3Error

KIND = JobKind("processing-job", "ProcessingJob", "processing job")
DEFAULT_MAX_RUNTIME_S = 86_400
POLL_S = 0.1
UPLOAD_EVERY_S = 2.0  # mutants: equivalent: a second more or less changes nothing
CONTINUOUS = "Continuous"


class ProcessingJobs(Jobs):
    """All processing jobs."""

    kind = KIND

    def __init__(self, deps: JobDependencies) -> None:
        super().__init__(deps.store, deps.queue)
        self._deps = deps

    def new_run(self, job: Document) -> ProcessingJobRun:
        return ProcessingJobRun(job, self._deps)

    def clear_leftovers(self) -> None:
        shutil.rmtree(self._deps.folder, ignore_errors=True)


class ProcessingJobRun(JobRun):
    """One processing job, from its inputs to its outputs in S3."""

    kind = KIND

    def __init__(self, job: Document, deps: JobDependencies) -> None:
        super().__init__(job, deps.store, deps.queue)
        self._deps = deps
        self._folder = deps.folder / self.name
        self._cluster = job["ProcessingResources"]["ClusterConfig"]
        self._hosts = [f"algo-{number}" for number in range(1, self._cluster["InstanceCount"] + 1)]
        self._message: str | None = None
        self._full_disks: list[str] = []

    def execute(self) -> JobEnd:
        if self._stopping.is_set():
            return JobEnd("Stopped")
        self.change(lambda job: job.update(ProcessingStartTime=time.time()))
        self._lay_out()
        with self._uploads():
            statuses = self._run_command()
        self._read_message()
        if self._stopping.is_set():
            return JobEnd("Stopped")
        if failed := next((status for status in statuses if status), None):
            why = f"See job logs for more information, exit code: {failed}"
            return JobEnd("Failed", f"AlgorithmError: {'. '.join([why, *self._full_disks])}")
        return JobEnd("Completed")

    def results(self) -> Document:
        return {"ExitMessage": self._message} if self._message else {}

    def clean_up(self) -> None:
        self._deps.put_away(self._folder)

    # Inputs

    def _lay_out(self) -> None:
        """Create the tree of every host with the inputs, the folders of the outputs, and the two files of the configuration."""
        for host in self._hosts:
            tree = self._tree(host)
            tree.failure.parent.mkdir(parents=True, exist_ok=True)
            for output in self._outputs():
                tree.inside(output["LocalPath"]).mkdir(parents=True, exist_ok=True)
            self._write_config(tree.root / "config", host)
        for one in self._job.get("ProcessingInputs", ()):
            if "S3Input" in one:
                self._bring(one["S3Input"])

    def _bring(self, source: Mapping[str, Any]) -> None:
        channel = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", **source}}}
        for host, files in zip(self._hosts, channel_files(channel, self._deps.inputs, len(self._hosts)), strict=True):
            folder = self._tree(host).inside(source["LocalPath"])
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                link_file(file, folder / file.name)

    def _write_config(self, folder: Path, host: str) -> None:
        folder.mkdir(exist_ok=True)
        kept = (
            "ProcessingJobArn",
            "ProcessingJobName",
            "ProcessingInputs",
            "ProcessingOutputConfig",
            "AppSpecification",
        )
        about = {
            name: self._job[name]
            for name in (*kept, "ProcessingResources", "Environment", "RoleArn")
            if name in self._job
        }
        instance_type = self._cluster["InstanceType"]
        resources = {"current_host": host, "current_instance_type": instance_type, "hosts": sorted(self._hosts)}
        (folder / "processingjobconfig.json").write_text(json.dumps(about))
        (folder / "resourceconfig.json").write_text(json.dumps(resources))

    def _tree(self, host: str) -> OptML:
        return OptML(self._folder / host)

    # The command

    def _run_command(self) -> list[int]:
        """Exit statuses of all hosts in the order in which they ended."""
        writers = [self._log_writer(host) for host in self._hosts]
        try:
            launches = [self._launch(host, writer) for host, writer in zip(self._hosts, writers, strict=True)]
            statuses = self._watch(self._deps.backend.train(launches))
            self._full_disks = [writer.full_disk for writer in writers if writer.full_disk][:1]
            return statuses
        finally:
            for writer in writers:
                writer.close()

    def _watch(self, running: Sequence[Running]) -> list[int]:
        """Wait for all hosts. A failure of one, a stop and the time limit end the others: with SIGTERM, then with SIGKILL."""
        limits = self._job.get("StoppingCondition", {})
        deadline = time.monotonic() + limits.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_S)
        left, statuses, kill_at = list(running), list[int](), None
        while left:
            found = [(container, container.wait(POLL_S)) for container in left]
            statuses += [status for _, status in found if status is not None]
            left = [container for container, status in found if status is None]
            if time.monotonic() > deadline:  # mutants: equivalent: what is due now is due a moment later as well
                self.stop()
            if kill_at is None and (self._stopping.is_set() or any(statuses)):
                kill_at = time.monotonic() + self._deps.stop_grace_s
                for container in left:
                    container.terminate()
            if self._abandoned or (kill_at is not None and time.monotonic() > kill_at):
                for container in left:
                    container.kill()
        return statuses

    def _launch(self, host: str, writer: LogWriter) -> Launch:
        application, arn = self._job["AppSpecification"], self._job["ProcessingJobArn"]
        return Launch(
            image=application["ImageUri"],
            root=self._tree(host).root,
            environment=self._job.get("Environment", {}),
            contract={"PROCESSING_JOB_NAME": self.name, "PROCESSING_JOB_ARN": arn, "AWS_REGION": arn.split(":")[3]},
            log=writer,
            host=host,
            entrypoint=application.get("ContainerEntrypoint"),
            arguments=application.get("ContainerArguments", ()),
        )

    def _log_writer(self, host: str) -> LogWriter:
        return self._deps.logs.writer(PROCESSING_JOBS, f"{self.name}/{host}-{int(self._job['CreationTime'])}")

    def _read_message(self) -> None:
        """The text that a host left in /opt/ml/output/message, as the exit message of the job."""
        files = [self._tree(host).failure.with_name("message") for host in self._hosts]
        texts = [file.read_text(errors="replace").strip() for file in files if file.is_file()]
        self._message = next((text[:MAX_REASON_CHARACTERS] for text in texts if text), None)

    # Outputs

    @contextmanager
    def _uploads(self) -> Iterator[None]:
        """Upload what is continuous while the block runs, and everything once more when it ends. Raises InputError."""
        stop = threading.Event()
        copier = threading.Thread(target=self._upload_until, args=(stop,), name=f"outputs of {self.name}", daemon=True)
        copier.start()
        try:
            yield
        finally:
            stop.set()
            copier.join()
        if not self._abandoned:
            self._upload(self._outputs())

    def _upload_until(self, stop: threading.Event) -> None:
        continuous = [output for output in self._outputs() if output.get("S3UploadMode") == CONTINUOUS]
        while continuous and not stop.wait(UPLOAD_EVERY_S):
            with suppress(InputError):  # the last upload meets the same error and reports it
                self._upload(continuous)

    def _upload(self, outputs: Sequence[Mapping[str, Any]]) -> None:
        for output in outputs:
            bucket, prefix = split_uri(output["S3Uri"])
            for host in self._hosts:
                folder = self._tree(host).inside(output["LocalPath"])
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    key = "/".join(part for part in (prefix.rstrip("/"), path.relative_to(folder).as_posix()) if part)
                    self._put(bucket, key, path)

    def _put(self, bucket: str, key: str, path: Path) -> None:
        try:
            self._deps.objects.put_file(bucket, key, path)
        except FileNotFoundError:  # the command replaced it at this moment; the last upload brings it
            return
        except S3Error as error:
            raise InputError(f"Upload of the outputs failed:{error.code}: {error} (s3://{bucket}/{key})") from None

    def _outputs(self) -> list[Mapping[str, Any]]:
        outputs = self._job.get("ProcessingOutputConfig", {}).get("Outputs", ())
        return [output["S3Output"] for output in outputs if "S3Output" in output]
