"""Opens the services of each region on the data folder of a server."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from wildsage.local_runner.backends import Backend
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.backends.user_code import UserCode
from wildsage.local_runner.backends.warm import WarmInterpreter
from wildsage.local_runner.client import environment
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.hosting.async_inference import AsyncInferences
from wildsage.local_runner.jobs.hosting.data_capture import Captures
from wildsage.local_runner.jobs.hosting.endpoint import Endpoints
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.processing.job import ProcessingJobs
from wildsage.local_runner.jobs.queue import Queue, default_limit
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.training.job import TrainingJobs
from wildsage.local_runner.jobs.transform.job import TransformJobs
from wildsage.local_runner.jobs.tuning.job import TuningJobs
from wildsage.local_runner.operations.request_slots import RequestSlots
from wildsage.local_runner.operations.services import Services
from wildsage.local_runner.processes.line_file import LineFile
from wildsage.local_runner.s3.missed import JobReads
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.server import lock
from wildsage.local_runner.settings import CONTAINERS, RegionFolder, ServerSettings

WARM_IMPORTS = ("wildsage.containers.train", "wildsage.containers.serve")


class Regions:
    """The services of a data folder, by region. A region is opened by its first request, or at once if it was used before.

    When a region is opened, interrupted jobs have failed or resume from their checkpoints, and endpoints start again.
    """

    def __init__(self, settings: ServerSettings) -> None:
        settings.regions.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.backend = BACKENDS[settings.backend](settings)
        self.objects = ObjectStore(settings.objects)
        self.public = PublicBuckets(self.objects) if settings.public_s3 else None
        self.queue = Queue(settings.max_jobs or default_limit())
        self._slots = RequestSlots()
        self.missed_buckets = LineFile(settings.missed_buckets)
        self.not_implemented = LineFile(settings.not_implemented)
        self._foreign_images = LineFile(settings.foreign_images)
        self._lock = threading.Lock()
        self._opened: dict[str, Services] = {}
        for folder in settings.existing_regions():
            self.services(folder.name)

    def services(self, region: str) -> Services:
        """The services of a region."""
        with self._lock:
            if region not in self._opened:
                self._opened[region] = self._open(self.settings.region(region))
            return self._opened[region]

    def close(self) -> None:
        """End everything that runs in any region, and close the stores."""
        with self._lock:
            opened = list(self._opened.values())
        for services in opened:
            services.close()
        self.backend.close()
        self.objects.close()

    def _open(self, folder: RegionFolder) -> Services:
        folder.path.mkdir(exist_ok=True)
        store, logs = Store(folder.state), Logs(folder.logs)
        objects, backend = self.objects, self.backend
        inputs = JobReads(self.public or objects, self.missed_buckets)
        deps = JobDependencies(store, logs, objects, inputs, backend, folder.jobs, self.queue)
        training = TrainingJobs(replace(deps, kept=folder.kept if self.settings.keep else None))
        endpoints = Endpoints(store, logs, inputs, backend, folder.endpoints, folder.name)
        services = Services(
            settings=self.settings,
            folder=folder,
            store=store,
            objects=objects,
            inputs=inputs,
            logs=logs,
            backend=backend,
            training=training,
            tuning=TuningJobs(store, training),
            transforms=TransformJobs(replace(deps, folder=folder.transforms)),
            processing=ProcessingJobs(replace(deps, folder=folder.processing)),
            endpoints=endpoints,
            inferences=AsyncInferences(store, logs, endpoints, inputs, objects),
            captures=Captures(objects),
            slots=self._slots,
            foreign_images=self._foreign_images,
        )
        services.restore()
        return services


def _process_backend(settings: ServerSettings) -> Backend:
    """Keeps an interpreter warm where forking is safe. Libraries of other systems start threads when they are imported."""
    warm = None
    if settings.command == CONTAINERS and sys.platform == "linux":
        warm = WarmInterpreter(CONTAINERS[-1], WARM_IMPORTS)
        if settings.warm_up:
            warm.prepare()
    return ProcessBackend(
        settings.command,
        warm,
        UserCode(partial(_client_environment, settings)),
        settings.images,
        settings.pretrained_weights,
        settings.pythons,
    )


def _client_environment(settings: ServerSettings) -> Mapping[str, str]:
    """The variables with which code of the user's in a job calls this AWS, as its script outside does."""
    server = lock.address(settings.data)
    return environment.client_environment(server.endpoint, settings.data, False, os.environ) if server else os.environ


def _docker_backend(settings: ServerSettings) -> Backend:
    from wildsage.local_runner.backends.docker import DockerBackend, Limits  # needs an extra

    return DockerBackend(settings.data, Limits(settings.memory, settings.shm_size), settings.pretrained_weights)


BACKENDS: Mapping[str, Callable[[ServerSettings], Backend]] = {"process": _process_backend, "docker": _docker_backend}
