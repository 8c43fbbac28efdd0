"""What the operations work with: the services that live as long as the server."""

from __future__ import annotations

from dataclasses import dataclass, field

from wildsage.local_runner.backends import Backend
from wildsage.local_runner.inputs.channels import Objects
from wildsage.local_runner.jobs.hosting.async_inference import AsyncInferences
from wildsage.local_runner.jobs.hosting.data_capture import Captures
from wildsage.local_runner.jobs.hosting.endpoint import Endpoints
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.training.job import TrainingJobs
from wildsage.local_runner.jobs.transform.job import TransformJobs
from wildsage.local_runner.jobs.tuning.job import TuningJobs
from wildsage.local_runner.operations.request_slots import RequestSlots
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.settings import ServerSettings


@dataclass(frozen=True)
class Services:
    """The services of one server.

    `public`, where the settings ask for it, also reads buckets of Amazon's public S3.
    """

    settings: ServerSettings
    store: Store
    objects: ObjectStore
    public: PublicBuckets | None
    logs: Logs
    backend: Backend
    training: TrainingJobs
    tuning: TuningJobs
    transforms: TransformJobs
    endpoints: Endpoints
    inferences: AsyncInferences
    captures: Captures
    slots: RequestSlots = field(default_factory=RequestSlots)

    @property
    def inputs(self) -> Objects:
        """Where data and models are read from."""
        return self.public or self.objects

    def close(self) -> None:
        """End everything that runs."""
        self.tuning.close()
        self.training.close()
        self.transforms.close()
        self.inferences.close()
        self.endpoints.close()
        self.captures.write()
        self.backend.close()
        self.store.close()
        self.objects.close()
