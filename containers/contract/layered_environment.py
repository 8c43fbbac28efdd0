"""An environment on top of the user's Python: it sees all packages of that, its own come first, and pip installs into it alone.

Beside the contract, because containers make one for a job's requirements, and the local AWS one for a command of the user's.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

import platformdirs

import wildsage
from wildsage.algorithms.base.errors import PlatformError

IMPORT_ROOT = Path(wildsage.__file__).parents[1]
EXECUTABLE = 0o755
COMPLETE = "complete"
PROGRAM = """#!/bin/sh
'''exec' {python} "$0" "$@"
' '''
import sys
from {module} import {function} as main
sys.exit(main())
"""
"""A program as pip installs it where the path of the Python is too long for the first line, or has spaces."""


def kept() -> Path:
    """The folder of the environments that are kept for later jobs. Each has a file `COMPLETE`, written at its last use."""
    return platformdirs.user_cache_path("wildsage") / "environments"


def create(place: Path) -> None:
    """Make the environment. Its `pip` is the user's, which installs into it; `python -m pip` does so as well.

    Programs of the user's packages, such as torchrun, run with its Python too: they see what it installs.
    """
    from importlib import metadata  # only here, since it brings the reader of e-mail

    venv.create(place, symlinks=True, with_pip=False)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    lines = [f"import site; site.addsitedir({str(folder)!r})" for folder in packages() if folder != own]
    (own / "packages_of_the_user.pth").write_text("\n".join([*lines, str(IMPORT_ROOT)]) + "\n")
    for program in metadata.entry_points(group="console_scripts"):
        add_program(place, program.name, program.module, program.attr)
    for name in ("pip", "pip3"):
        add_program(place, name, "pip._internal.cli.main", "main")


def create_with(python: Sequence[str], place: Path) -> None:
    """Make the environment on top of another Python; `python` is the command that runs this module with it.

    Raises PlatformError with what it said.
    """
    done = subprocess.run([*python, str(place)], capture_output=True, text=True)
    if done.returncode:
        raise PlatformError(f"{python[0]} cannot make an environment for the job: {done.stderr.strip()[-500:]}")


def interpreter(place: Path) -> Path:
    """The Python of an environment."""
    return place / "bin" / "python"


def add_program(place: Path, name: str, module: str, function: str) -> None:
    """Let `name` run a function without arguments with the Python of the environment."""
    program = place / "bin" / name
    python = shlex.quote(str(interpreter(place)))
    program.write_text(PROGRAM.format(python=python, module=module, function=function))
    program.chmod(EXECUTABLE)


def packages() -> list[Path]:
    """The folders of the installed packages of this Python."""
    return [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]


if __name__ == "__main__":
    create(Path(sys.argv[1]))
