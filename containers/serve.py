"""`serve`: load the model → handler → server."""

from __future__ import annotations

import os
from collections.abc import Mapping

from containers import artifact
from containers.contract.paths import OptML
from containers.serving.handler import Handler
from containers.serving.server import Server, application

DEFAULT_PORT = "8080"


def serve(environment: Mapping[str, str]) -> None:
    """Serve the model below the job's folder until SIGTERM.

    `SAGEMAKER_BIND_TO_PORT` moves the port [contract: container, section 5]; `SAGEBRUSH_BIND_HOST` opens it to other hosts, as
    an image must.
    """
    opt_ml = OptML.from_environment(environment)
    algorithm, model = artifact.load(opt_ml.model, environment.get("SAGEBRUSH_ALGORITHM"))
    workers = len(os.sched_getaffinity(0))
    handler = Handler(model, algorithm.spec, environment.get("SAGEMAKER_BATCH", "").lower() == "true", workers)
    host = environment.get("SAGEBRUSH_BIND_HOST", "127.0.0.1")
    port = environment.get("SAGEMAKER_BIND_TO_PORT") or environment.get("SAGEMAKER_HTTP_PORT") or DEFAULT_PORT
    Server(application(handler), f"{host}:{port}", workers).run()
