"""The command that runs an entry point: a program, a module of a package, a shell script, or torchrun around a program.

Source: contract script-mode, section 2; entry_point.py, process.py and torch_distributed.py of aws/sagemaker-training-toolkit.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from pathlib import Path

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks import python
from wildsage.containers.frameworks.variables import ScriptJob, count_gpus, module_name

SAFE = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")
EXECUTABLE = 0o777
TORCHRUN = "torch.distributed.run"


class EntryPoint(Enum):
    """What an entry point is."""

    PROGRAM = auto()
    PACKAGE = auto()
    SHELL = auto()


def entry_point(program: str, code: Path) -> EntryPoint:
    """What `program` is in the folder `code`. Raises UserError for a name that is not one of a file in it."""
    if not SAFE.fullmatch(program) or {".", ".."} & set(program.split("/")):
        raise UserError(
            f"The entry point {program!r} cannot be used. Expected the path of a script in the folder of the code, of letters, "
            "digits and . _ + - /, such as train.py."
        )
    if not program.endswith(".sh") and (code / python.SETUP).is_file():
        return EntryPoint.PACKAGE
    if not (code / program).is_file():
        found = ", ".join(sorted(path.name for path in code.iterdir())[:20]) or "nothing"
        raise UserError(f"The entry point {program} is not in the code, which holds {found}.")
    return EntryPoint.PROGRAM if program.endswith(".py") else EntryPoint.SHELL


def command(job: ScriptJob, kind: EntryPoint, interpreter: Path, variables: Mapping[str, str]) -> list[str]:
    """The command line of the script, to be run in the folder of the code. Raises UserError for a distribution without means."""
    arguments = job.hyperparameters.arguments
    asked = job.hyperparameters.of_framework
    if asked.get("sagemaker_mpi_enabled"):
        raise UserError(
            "distribution mpi needs mpirun and a cluster that it reaches by SSH, which are not here. Leave `distribution` out to "
            "run one process for each host, or use torch_distributed."
        )
    if asked.get("sagemaker_torch_distributed_enabled"):
        if kind is not EntryPoint.PROGRAM:
            raise UserError(f"distribution torch_distributed runs a Python script, not {job.program}.")
        return _torchrun(job, interpreter, variables, arguments)
    if kind is EntryPoint.PACKAGE:
        return python.module(interpreter, module_name(job.program).replace("/", "."), *arguments)
    if kind is EntryPoint.PROGRAM:
        return [str(interpreter), job.program, *arguments]
    script = job.opt_ml.code / job.program
    script.chmod(EXECUTABLE)
    return ["/bin/sh", "-c", shlex.join([f"./{job.program}", *arguments])]


def _torchrun(job: ScriptJob, interpreter: Path, variables: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
    """One process for each GPU, or one for each host without."""
    hosts = job.job.hosts
    options = ["--nnodes", str(len(hosts)), "--nproc_per_node", str(count_gpus() or 1)]
    options += ["--master_addr", variables["MASTER_ADDR"], "--master_port", variables["MASTER_PORT"]]
    options += ["--node_rank", str(hosts.index(job.job.current_host))]
    return [*python.module(interpreter, TORCHRUN, *options), job.program, *arguments]
