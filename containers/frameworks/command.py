"""The command that runs an entry point: a program, a module of a package, a shell script, or a distribution around a program.

Source: contract script-mode, section 2; entry_point.py, process.py and torch_distributed.py of aws/sagemaker-training-toolkit.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks import distribution, python
from wildsage.containers.frameworks.variables import ScriptJob, module_name

SAFE = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")
EXECUTABLE = 0o777


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
    if launch := distribution.launcher(job):
        if kind is not EntryPoint.PROGRAM:
            raise UserError(f"The distribution runs a Python script, not {job.program}.")
        return launch(job, interpreter, variables, [job.program, *arguments])
    if kind is EntryPoint.PACKAGE:
        return python.module(interpreter, module_name(job.program).replace("/", "."), *arguments)
    if kind is EntryPoint.PROGRAM:
        return [str(interpreter), job.program, *arguments]
    script = job.opt_ml.code / job.program
    script.chmod(EXECUTABLE)
    return ["/bin/sh", "-c", shlex.join([f"./{job.program}", *arguments])]
