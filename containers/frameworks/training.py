"""`train` with a script of the user's: code → its Python → variables and arguments → the script → success or failure.

Source: contract script-mode, section 2.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

from wildsage.algorithms.base.errors import UserError, WildsageError
from wildsage.containers.contract import failure, frameworks, image_tag
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.paths import DEFAULT_ROOT, OptML
from wildsage.containers.frameworks import cluster, distribution, execution, hyperparameters, python, source
from wildsage.containers.frameworks.command import EntryPoint, command, entry_point
from wildsage.containers.frameworks.errors import CommandFailed
from wildsage.containers.frameworks.variables import ScriptJob, platform_variables, script_variables
from wildsage.containers.training.stopping import StopSignal

SCRIPT_FAILED = 1


def train(environment: Mapping[str, str], stop: StopSignal) -> int:
    """Run the script of the job below /opt/ml and return the exit status; a failure leaves its reason there."""
    opt_ml = OptML.from_environment(environment)
    try:
        _run(opt_ml, environment, stop)
    except CommandFailed as error:
        return _report(opt_ml, str(error), SCRIPT_FAILED)
    except WildsageError as error:
        return _report(opt_ml, failure.reason(error), failure.exit_status(error))
    except Exception as error:
        text = f"Framework Error: \n{traceback.format_exc()}\n{error}"
        return _report(opt_ml, text, getattr(error, "errno", None) or SCRIPT_FAILED)
    _log("Reporting training SUCCESS")
    opt_ml.success.touch()
    return 0


def _run(opt_ml: OptML, environment: Mapping[str, str], stop: StopSignal) -> None:
    job = _read_job(opt_ml, environment)
    distribution.check(job)
    if distribution.by_mpi(job) and not job.job.leads:
        _log(f"distribution mpi: {job.job.hosts[0]} starts the processes of all hosts.")
        return
    code = opt_ml.code
    source.bring(job.submit_directory, code, opt_ml)
    kind = entry_point(job.program, code)
    interpreter = python.of_job(code, installs_code=kind is EntryPoint.PACKAGE)
    found = {**environment, **platform_variables(job, environment), **cluster.variables(job, environment)}
    own = script_variables(job)
    line = command(job, kind, interpreter, found)
    _show(job, own, line)
    opt_ml.output_intermediate.mkdir(parents=True, exist_ok=True)
    execution.run(line, {**found, **own, **_paths(interpreter, code, environment)}, code, stop)


def _read_job(opt_ml: OptML, environment: Mapping[str, str]) -> ScriptJob:
    framework = frameworks.named(environment[frameworks.VARIABLE])
    asked = frameworks.version_of(environment.get(image_tag.VARIABLE, ""))
    _log(f"The image asks for {framework.title} {asked or 'of any version'}; {framework.versions()} runs here.")
    job = TrainingJob.read(opt_ml)
    found = ScriptJob(
        opt_ml,
        framework.name,
        job,
        hyperparameters.decode(job.hyperparameters),
        environment.get("TRAINING_JOB_NAME", ""),
    )
    if not found.program:
        raise UserError(
            f"The job names no script. An image of {framework.title} runs the script that the hyperparameter "
            f"{frameworks.PROGRAM_PARAMETER} names, which the SDK's estimators set from entry_point."
        )
    return found


def _paths(interpreter: Path, code: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Where the script finds modules and programs: its own, then those of its Python, then those of the user."""
    return {
        "PYTHONPATH": python.path_for_scripts(environment, code),
        "PATH": f"{interpreter.parent}:{environment.get('PATH', '')}",
    }


def _show(job: ScriptJob, variables: Mapping[str, str], line: list[str]) -> None:
    """What the toolkit writes before it starts a script."""
    listed = "\n".join(f"{name}={value}" for name, value in variables.items())
    _log("Invoking user script")
    print(f"\nTraining Env:\n\n{json.dumps(job.description, indent=4)}\n\nEnvironment variables:\n\n{listed}")
    print(f"\nInvoking script with the following command:\n\n{' '.join(line)}\n\n", flush=True)


def _report(opt_ml: OptML, reason: str, status: int) -> int:
    """Leave the reason, unless the script has left one, and write it to the log."""
    if str(opt_ml.root) != DEFAULT_ROOT and f"'{DEFAULT_ROOT}" in reason:
        hint = (
            "/opt/ml is not this job's folder on this machine; the log's first line says why. Read the SM_ variables.\n"
        )
        reason = hint + reason
    _log("Reporting training FAILURE", "ERROR")
    _log(reason, "ERROR")
    if not opt_ml.failure.exists():
        failure.write_text(opt_ml, reason)
    return status


def _log(text: str, level: str = "INFO") -> None:
    now = time.time()
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f",{int(now % 1 * 1000):03d}"
    print(f"{moment} sagemaker-training-toolkit {level:<8} {text}", file=sys.stdout, flush=True)
