"""What jobs that run containers work with."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from wildsage.local_runner.backends import Backend
from wildsage.local_runner.inputs.channels import Objects
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.s3.store import ObjectStore


@dataclass(frozen=True)
class JobDependencies:
    """The services that the jobs of one kind use.

    Jobs read data from `inputs` and write results to `objects`. `folder` holds the files of running jobs; `kept`, if it is
    given, those of ended ones. `stop_grace_s` lies between SIGTERM and SIGKILL. `queue` decides when a job begins.
    """

    store: Store
    logs: Logs
    objects: ObjectStore
    inputs: Objects
    backend: Backend
    folder: Path
    queue: Queue
    kept: Path | None = None
    stop_grace_s: float = 120.0

    def put_away(self, job_folder: Path) -> None:
        """Move the folder of an ended job to `kept`, in place of an earlier job's with that name, or remove it."""
        if self.kept and job_folder.is_dir():
            self.kept.mkdir(exist_ok=True)
            shutil.rmtree(self.kept / job_folder.name, ignore_errors=True)
            job_folder.rename(self.kept / job_folder.name)
        shutil.rmtree(job_folder, ignore_errors=True)
