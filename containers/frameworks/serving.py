"""`serve` with a script of the user's: code → its Python → module → model → server.

Source: contract script-mode, section 5.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import flask

from wildsage.algorithms.base.endpoint import Endpoint
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import frameworks, image_tag
from wildsage.containers.contract.paths import OptML
from wildsage.containers.frameworks import python, source
from wildsage.containers.frameworks.defaults import of_framework
from wildsage.containers.frameworks.errors import CommandFailed
from wildsage.containers.frameworks.hooks import ScriptEndpoint, load_module
from wildsage.containers.serving import address
from wildsage.containers.serving.models import LoadedModels, memory_limit
from wildsage.containers.serving.server import EndpointServer, application, multi_model_application

WORKERS = "SAGEMAKER_MODEL_SERVER_WORKERS"
SUBMIT_DIRECTORY = "SAGEMAKER_SUBMIT_DIRECTORY"
CODE = "code"


def serve(environment: Mapping[str, str]) -> None:
    """Serve the model below /opt/ml/model with the hooks of its code until SIGTERM.

    `SAGEMAKER_PROGRAM` names the module, `SAGEMAKER_SUBMIT_DIRECTORY` where it lies if not in the folder `code` of the model.
    Each of `SAGEMAKER_MODEL_SERVER_WORKERS` processes, by default one for each core, loads the model for itself. With
    `SAGEMAKER_MULTI_MODEL=true` one process loads the models that it is asked to load.

    Raises UserError for code that is not there or cannot be installed.
    """
    opt_ml = OptML.from_environment(environment)
    framework = frameworks.named(environment[frameworks.VARIABLE])
    code = _code(opt_ml, environment)
    _run_in_python_of_job(code, environment)
    print(f"Serving with {framework.versions()}.", flush=True)

    if environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true":
        limit = memory_limit(environment)
        server = _ScriptServer(
            lambda: multi_model_application(
                LoadedModels(opt_ml, lambda folder: _endpoint(folder, folder / CODE, environment), limit)
            ),
            address.bind(environment),
            workers=1,
        )
    else:
        workers = int(environment.get(WORKERS) or len(os.sched_getaffinity(0)))
        server = _ScriptServer(
            lambda: application(_endpoint(opt_ml.model, code, environment)), address.bind(environment), workers
        )
    server.run()


class _ScriptServer(EndpointServer):
    """gunicorn whose workers load the model each for itself: what a script loads may not survive a fork."""

    shares_model = False

    def __init__(self, load: Callable[[], flask.Flask], bind: str, workers: int) -> None:
        super().__init__(load, bind, workers)


def _endpoint(folder: Path, code: Path, environment: Mapping[str, str]) -> Endpoint:
    """The model below `folder` with the hooks of the module in `code`."""
    module = load_module(environment.get(frameworks.PROGRAM_VARIABLE), code)
    defaults = of_framework(environment[frameworks.VARIABLE], environment.get(image_tag.VARIABLE, ""))
    return ScriptEndpoint(module, defaults, folder, environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"))


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
