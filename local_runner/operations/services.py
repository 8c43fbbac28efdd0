"""What the operations work with: the services of one region, which live as long as the server."""

from __future__ import annotations

from dataclasses import dataclass

from wildsage.local_runner.backends import Backend
from wildsage.local_runner.inputs.channels import Objects
from wildsage.local_runner.jobs.hosting.async_inference import AsyncInferences
from wildsage.local_runner.jobs.hosting.data_capture import Captures
from wildsage.local_runner.jobs.hosting.endpoint import Endpoints
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.processing.job import ProcessingJobs
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.training.job import TrainingJobs
from wildsage.local_runner.jobs.transform.job import TransformJobs
from wildsage.local_runner.jobs.tuning.job import TuningJobs
from wildsage.local_runner.operations.request_slots import RequestSlots
from wildsage.local_runner.processes.line_file import LineFile
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.settings import RegionFolder, ServerSettings


@dataclass(frozen=True)
class Services:
    """The services of one region.

    `settings`, `objects`, `inputs`, `backend`, `slots` and `foreign_images` are the server's, the same in all regions. Data and
    models are read from `inputs`: where the settings ask for it, also from buckets of Amazon's public S3.
    """

    settings: ServerSettings
    folder: RegionFolder
    store: Store
    objects: ObjectStore
    inputs: Objects
    logs: Logs
    backend: Backend
    training: TrainingJobs
    tuning: TuningJobs
    transforms: TransformJobs
    processing: ProcessingJobs
    endpoints: Endpoints
    inferences: AsyncInferences
    captures: Captures
    slots: RequestSlots
    foreign_images: LineFile

    def restore(self) -> None:
        """Resume what the last server left unfinished."""
        self.training.restore()
        self.tuning.restore()
        self.transforms.restore()
        self.processing.restore()
        self.endpoints.restore()
        self.inferences.restore()

    def close(self) -> None:
        """End everything that runs in this region."""
        self.tuning.close()
        self.training.close()
        self.transforms.close()
        self.processing.close()
        self.inferences.close()
        self.endpoints.close()
        self.captures.write()
        self.store.close()
