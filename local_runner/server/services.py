"""Opens the services of a server on its data folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from wildsage.local_runner.backends import Backend
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.backends.warm import WarmInterpreter
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.hosting.async_inference import AsyncInferences
from wildsage.local_runner.jobs.hosting.data_capture import Captures
from wildsage.local_runner.jobs.hosting.endpoint import Endpoints
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.queue import Queue, default_limit
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.training.job import TrainingJobs
from wildsage.local_runner.jobs.transform.job import TransformJobs
from wildsage.local_runner.jobs.tuning.job import TuningJobs
from wildsage.local_runner.operations.services import Services
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.settings import CONTAINERS, ServerSettings

WARM_IMPORTS = ("wildsage.containers.train", "wildsage.containers.serve")


def open_services(settings: ServerSettings) -> Services:
    """The services of a data folder. Interrupted jobs have failed or go on from their checkpoints, endpoints start again."""
    settings.data.mkdir(parents=True, exist_ok=True)
    backend = BACKENDS[settings.backend](settings)
    store = Store(settings.state)
    logs = Logs(settings.logs)
    objects = ObjectStore(settings.objects)
    public = PublicBuckets(objects) if settings.public_s3 else None
    queue = Queue(settings.max_jobs or default_limit())
    deps = JobDependencies(store, logs, objects, public or objects, backend, settings.jobs, queue)
    training = TrainingJobs(replace(deps, kept=settings.kept if settings.keep else None))
    endpoints = Endpoints(store, logs, public or objects, backend, settings.endpoints)
    tuning = TuningJobs(store, training)
    transforms = TransformJobs(replace(deps, folder=settings.transforms))
    training.restore()
    tuning.restore()
    transforms.restore()
    inferences = AsyncInferences(store, logs, endpoints, public or objects, objects)
    endpoints.restore()
    inferences.restore()
    return Services(
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


def _process_backend(settings: ServerSettings) -> Backend:
    """Keeps an interpreter warm where forking is safe. Libraries of other systems start threads when they are imported."""
    if settings.command != CONTAINERS or sys.platform != "linux":
        return ProcessBackend(settings.command)
    warm = WarmInterpreter(CONTAINERS[-1], WARM_IMPORTS)
    if settings.warm_up:
        warm.prepare()
    return ProcessBackend(settings.command, warm)


def _docker_backend(settings: ServerSettings) -> Backend:
    from wildsage.local_runner.backends.docker import DockerBackend, Limits  # needs an extra

    return DockerBackend(settings.data, Limits(settings.memory, settings.shm_size))


BACKENDS: Mapping[str, Callable[[ServerSettings], Backend]] = {"process": _process_backend, "docker": _docker_backend}
