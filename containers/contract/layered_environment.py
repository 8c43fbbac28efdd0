"""An environment on top of the user's Python: it sees all packages of that, its own come first, and pip installs into it alone.

Beside the contract, because containers make one for a job's requirements, and the local AWS one for a command of the user's.
"""

from __future__ import annotations

import shlex
import sys
import sysconfig
import venv
from pathlib import Path

import wildsage

IMPORT_ROOT = Path(wildsage.__file__).parents[1]
EXECUTABLE = 0o755


def create(place: Path) -> None:
    """Make the environment. Its `pip` is the user's, which installs into it; `python -m pip` does so as well."""
    venv.create(place, symlinks=True, with_pip=False)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    lines = [f"import site; site.addsitedir({str(folder)!r})" for folder in packages() if folder != own]
    (own / "packages_of_the_user.pth").write_text("\n".join([*lines, str(IMPORT_ROOT)]) + "\n")
    for name in ("pip", "pip3"):
        program = place / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(interpreter(place)))} -m pip "$@"\n')
        program.chmod(EXECUTABLE)


def interpreter(place: Path) -> Path:
    """The Python of an environment."""
    return place / "bin" / "python"


def packages() -> list[Path]:
    """The folders of the installed packages of this Python."""
    return [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
