"""`serve` with a script of the user's: code → its Python → module → model → server.

Source: contract script-mode, section 5.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import flask

from wildsage.algorithms.base.endpoint import Endpoint
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.imports import lasting
from wildsage.containers.contract import frameworks, host_check, image_tag
from wildsage.containers.contract.paths import OptML
from wildsage.containers.contract.whole_number import whole_number
from wildsage.containers.frameworks import python, source
from wildsage.containers.frameworks.defaults import of_framework
from wildsage.containers.frameworks.errors import CommandFailed
from wildsage.containers.frameworks.hooks import ScriptEndpoint, load_module
from wildsage.containers.serving import address
from wildsage.containers.serving.models import LoadedModels, memory_limit
from wildsage.containers.serving.server import EndpointServer, application, multi_model_application

LOG = logging.getLogger(__name__)

WORKERS = "SAGEMAKER_MODEL_SERVER_WORKERS"
TENSORFLOW = "tensorflow"
TENSORFLOW_WORKERS = ("SAGEMAKER_TFS_INSTANCE_COUNT", "SAGEMAKER_GUNICORN_WORKERS")
SUBMIT_DIRECTORY = "SAGEMAKER_SUBMIT_DIRECTORY"
CODE = "code"


def serve(environment: Mapping[str, str]) -> None:
    """Serve the model below /opt/ml/model with the hooks of its code until SIGTERM.

    `SAGEMAKER_PROGRAM` names the module, `SAGEMAKER_SUBMIT_DIRECTORY` where it lies if not in the folder `code` of the model.
    Each of `SAGEMAKER_MODEL_SERVER_WORKERS` processes, by default one for each core, loads the model for itself; TensorFlow,
    which uses all cores in one process, has one by default, as in its image. With `SAGEMAKER_MULTI_MODEL=true` one process
    loads the models that it is asked to load.

    Raises UserError for code that is not there or cannot be installed.
    """
    opt_ml = OptML.from_environment(environment)
    framework = frameworks.named(environment[frameworks.VARIABLE])
    code = _code(opt_ml, environment)
    _run_in_python_of_job(code, environment)
    print(f"Serving with {framework.versions()}.", flush=True)
    if framework.survives_fork:
        _import_once(framework)

    def load_one(folder: Path) -> Endpoint:
        return _model_of_several(folder, code, environment)

    def one_model() -> flask.Flask:
        return application(_endpoint(opt_ml.model, code, environment))

    def several_models() -> flask.Flask:
        return multi_model_application(LoadedModels(opt_ml, load_one, memory_limit(environment)))

    several = environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true"
    workers = 1 if several else count_workers(environment)
    load, local = several_models if several else one_model, host_check.LOCAL in environment
    _ScriptServer(load, address.bind(environment), workers, local=local).run()


def _import_once(framework: frameworks.Framework) -> None:
    """Import the framework before the workers are forked: they share its memory, and the cores import it once and not for each."""
    # mutants: equivalent: time and memory alone
    with lasting():  # the garbage collector of each worker would otherwise look through it, and copy its memory
        for name in framework.packages:
            with contextlib.suppress(Exception):  # the script learns it, if it needs the package
                importlib.import_module(name)


def count_workers(environment: Mapping[str, str]) -> int:
    """The number of processes that answer: that of `SAGEMAKER_MODEL_SERVER_WORKERS`, or of the cores. Raises UserError."""
    of_tensorflow = environment.get(frameworks.VARIABLE) == TENSORFLOW
    names = [WORKERS, *(TENSORFLOW_WORKERS if of_tensorflow else ())]
    default = 1 if of_tensorflow else len(os.sched_getaffinity(0))
    name = next((name for name in names if environment.get(name)), WORKERS)
    given = environment.get(name) or str(default)
    try:
        count = whole_number(given)
    except ValueError:
        count = 0
    if not count:
        raise UserError(f"{name}: got {given!r}, expected a whole number of processes, 1 or more.")
    return count


class _ScriptServer(EndpointServer):
    """gunicorn whose workers load the model each for itself: what a script loads may not survive a fork."""

    shares_model = False


def _endpoint(folder: Path, code: Path, environment: Mapping[str, str]) -> Endpoint:
    """The model below `folder` with the hooks of the module in `code`."""
    if environment[frameworks.VARIABLE] == TENSORFLOW:
        from wildsage.containers.frameworks.tensorflow_serving.endpoint import TensorFlowEndpoint

        return TensorFlowEndpoint(folder, code, environment)
    module = load_module(environment.get(frameworks.PROGRAM_VARIABLE), code)
    defaults = of_framework(environment[frameworks.VARIABLE], environment.get(image_tag.VARIABLE, ""), environment)
    return ScriptEndpoint(module, defaults, folder, environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"))


def _model_of_several(folder: Path, shared_code: Path, environment: Mapping[str, str]) -> Endpoint:
    """A model of a multi-model container, with its own code or the container's. Raises UserError for what its code raises."""
    own = folder / CODE
    try:
        return _endpoint(folder, own if own.is_dir() else shared_code, environment)
    except Exception as error:
        LOG.exception("%s cannot be loaded", folder)
        raise UserError(str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}") from None


def _code(opt_ml: OptML, environment: Mapping[str, str]) -> Path:
    """The folder of the user's code: that in the model, or that of an archive elsewhere, unpacked."""
    uri = environment.get(SUBMIT_DIRECTORY, "")
    if uri.startswith(("s3://", "file://")) and not (opt_ml.model / CODE).is_dir():
        source.bring(uri, opt_ml.code, opt_ml)
        return opt_ml.code
    return opt_ml.model / CODE


def _run_in_python_of_job(code: Path, environment: Mapping[str, str]) -> None:
    """Go on in the environment of the job's requirements, if there are any. Raises UserError in pip's words."""
    if python.in_environment_of_job():
        return
    try:
        interpreter = python.of_job(code)
    except CommandFailed as error:
        raise UserError(str(error)) from None
    if interpreter != Path(sys.executable):
        variables = {**environment, "PYTHONPATH": python.path_for_scripts(environment)}
        os.execve(interpreter, python.module(interpreter, "wildsage.containers", "serve"), variables)
