"""Everything an operation may touch, seen from the region and client of one request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import botocore.session
from botocore.exceptions import UnknownRegionError

from wildsage.local_runner.backends import Backend
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.backends.warm import WarmInterpreter
from wildsage.local_runner.jobs.hosting.async_inference import AsyncInferences
from wildsage.local_runner.jobs.hosting.data_capture import Captures
from wildsage.local_runner.jobs.hosting.endpoint import Endpoints
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.queue import Queue, default_limit
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.training.job import Surroundings, TrainingJobs
from wildsage.local_runner.jobs.transform import job
from wildsage.local_runner.jobs.transform.job import TransformJobs
from wildsage.local_runner.jobs.tuning.job import TuningJobs
from wildsage.local_runner.operations.request_slots import Seats
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.settings import ACCOUNT, CONTAINERS, ServerSettings

WARM_IMPORTS = ("wildsage.containers.train", "wildsage.containers.serve")


@dataclass(frozen=True)
class Cloud:
    """The local AWS. Names are shared by all regions; a resource's ARN shows the region it was made from.

    `public` also reads buckets that are not here, if the settings say so.
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
    seats: Seats = field(default_factory=Seats)
    region: str = "us-east-1"
    user_agent: str = ""

    def arn(self, kind: str, name: str) -> str:
        """ARN of a SageMaker resource: `kind` is `training-job`, `model`, `endpoint-config` or `endpoint`."""
        return f"arn:{self.partition}:sagemaker:{self.region}:{ACCOUNT}:{kind}/{name.lower()}"

    @property
    def partition(self) -> str:
        """Second part of every ARN: `aws`, or `aws-cn` and its like for the regions that are clouds of their own."""
        return _partition(self.region)

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


@cache
def _partition(region: str) -> str:
    try:
        return botocore.session.get_session().get_partition_for_region(region)
    except UnknownRegionError:
        return "aws"


def open_cloud(settings: ServerSettings) -> Cloud:
    """The cloud in a data folder: interrupted jobs have failed or go on from their checkpoints, endpoints are on their way back."""
    settings.data.mkdir(parents=True, exist_ok=True)
    backend = BACKENDS[settings.backend](settings)
    store = Store(settings.state)
    logs = Logs(settings.logs)
    objects = ObjectStore(settings.objects)
    public = PublicBuckets(objects) if settings.public_s3 else None
    kept = settings.kept if settings.keep else None
    queue = Queue(settings.max_jobs or default_limit())
    training = TrainingJobs(
        Surroundings(store, logs, objects, public or objects, backend, settings.jobs, kept, queue=queue)
    )
    endpoints = Endpoints(store, logs, public or objects, backend, settings.endpoints)
    tuning = TuningJobs(store, training)
    transforms = TransformJobs(
        job.Surroundings(store, logs, objects, public or objects, backend, settings.transforms, queue)
    )
    training.restore()
    tuning.restore()
    transforms.restore()
    inferences = AsyncInferences(store, logs, endpoints, public or objects, objects)
    endpoints.restore()
    inferences.restore()
    return Cloud(
        settings,
        store,
        objects,
        public,
        logs,
        backend,
        training,
        tuning,
        transforms,
        endpoints,
        inferences,
        Captures(objects),
    )


def _processes(settings: ServerSettings) -> Backend:
    """With an interpreter kept warm where forking is safe: other systems' libraries start threads when imported."""
    if settings.command != CONTAINERS or sys.platform != "linux":
        return ProcessBackend(settings.command)
    warm = WarmInterpreter(CONTAINERS[-1], WARM_IMPORTS)
    if settings.warm_up:
        warm.prepare()
    return ProcessBackend(settings.command, warm)


def _docker(settings: ServerSettings) -> Backend:
    from wildsage.local_runner.backends.docker import DockerBackend, Limits  # an extra

    return DockerBackend(settings.data, Limits(settings.memory, settings.shm_size))


BACKENDS: Mapping[str, Callable[[ServerSettings], Backend]] = {"process": _processes, "docker": _docker}
