"""Failures of a script, as Amazon's toolkit words them in the failure file.

Source: contract script-mode, section 2; errors.py of aws/sagemaker-training-toolkit.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from wildsage.containers.contract.failure import MAX_CHARACTERS

CATEGORY = "AlgorithmError: "
"""The platform puts this before the text of a failure file; both have to fit."""


Failure = Callable[[Sequence[str], int, str], "CommandFailed"]


class CommandFailed(Exception):
    """A command that ended with another status than 0. `kind` is the toolkit's name for such a failure.

    The text keeps the end of `output`, where Python names the exception, and cuts its beginning.
    """

    def __init__(self, kind: str, command: Sequence[str], status: int, output: str) -> None:
        self.status = status
        before, after = f'{kind}:\nExitCode {status}\nErrorMessage "', f'"\nCommand "{shlex.join(command)}"'
        room = MAX_CHARACTERS - len(CATEGORY) - len(before) - len(after)
        super().__init__(before + _end(output.strip(), room) + after)


def execute_user_script(command: Sequence[str], status: int, output: str) -> CommandFailed:
    """The failure of the user's script."""
    return CommandFailed("ExecuteUserScriptError", command, status, _traceback(output))


def install_requirements(command: Sequence[str], status: int, output: str) -> CommandFailed:
    """The failure to install requirements.txt."""
    return CommandFailed("InstallRequirementsError", command, status, output)


def install_module(command: Sequence[str], status: int, output: str) -> CommandFailed:
    """The failure to install code that is a package."""
    return CommandFailed("InstallModuleError", command, status, output)


def _traceback(output: str) -> str:
    """The last traceback, or all that is known."""
    _, found, last = output.rpartition("Traceback (most recent call last):")
    return found + last if found else output


def _end(output: str, room: int) -> str:
    return output if len(output) <= room else "…" + output[len(output) - max(room - 1, 0) :]
