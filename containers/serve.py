"""`serve`: model → handler → server. A multi-model container starts without a model and loads models on request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import flask

from wildsage import algorithms
from wildsage.algorithms.base.endpoint import Endpoint
from wildsage.containers import programs
from wildsage.containers.contract import form_variable, host_check
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact
from wildsage.containers.serving import address
from wildsage.containers.serving.handler import Handler
from wildsage.containers.serving.models import LoadedModels, memory_limit
from wildsage.containers.serving.server import EndpointServer, application, multi_model_application


def serve(environment: Mapping[str, str]) -> None:
    """Serve the model below the job's folder until SIGTERM; with `SAGEMAKER_MULTI_MODEL=true`, the models that it is asked to load.

    `SAGEMAKER_BIND_TO_PORT` sets the port [contract: container, section 5]. `WILDSAGE_BIND_HOST` opens it to other hosts, which
    an image needs. `WILDSAGE_SERVE_AS` names the user that workers run as in a container started as root.
    `WILDSAGE_LISTEN_FD` is a descriptor to use in place of both: a socket that listens already. `WILDSAGE_LOCAL` is set where
    only programs of this machine may ask.
    `SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT` is the type of answers to requests without Accept, as in Amazon's own images.

    Raises UserError where the model is missing or cannot be read.
    """
    cores = len(os.sched_getaffinity(0))
    if _is_true(environment, "SAGEMAKER_MULTI_MODEL"):
        app, workers = _multi_model(environment, cores), 1  # one process holds them all, and its threads compute
    else:
        app, workers = _single_model(environment, cores), cores
    user, local = environment.get("WILDSAGE_SERVE_AS"), host_check.LOCAL in environment
    EndpointServer(lambda: app, address.bind(environment), workers, user, local).run()


def _single_model(environment: Mapping[str, str], cores: int) -> flask.Flask:
    endpoint = _endpoint(OptML.from_environment(environment).model, environment, cores)
    app = application(endpoint)
    if name := environment.get(form_variable.NAME):
        from wildsage.containers.serving import try_form  # Jinja and Pillow, which a container does not need

        try_form.add_to(app, endpoint, name)
    return app


def _multi_model(environment: Mapping[str, str], cores: int) -> flask.Flask:
    def load(folder: Path) -> Endpoint:
        return _endpoint(folder, environment, cores)

    return multi_model_application(LoadedModels(OptML.from_environment(environment), load, memory_limit(environment)))


def _endpoint(folder: Path, environment: Mapping[str, str], cores: int) -> Endpoint:
    name = environment.get("WILDSAGE_ALGORITHM")
    program = programs.named(environment) if name else algorithms.program_in(folder)
    if program:
        with artifact.other_owner_named(folder, program):
            return programs.load(program, folder, environment)
    algorithm, model = artifact.load(folder, name)
    artifact.check_finite(model)
    batch = _is_true(environment, "SAGEMAKER_BATCH")
    return Handler(model, algorithm.spec, batch, cores, environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"))


def _is_true(environment: Mapping[str, str], variable: str) -> bool:
    return environment.get(variable, "").lower() == "true"
