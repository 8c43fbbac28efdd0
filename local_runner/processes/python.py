"""Commands that run a module of this project in another process: with this Python, or with one of the user's."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import wildsage
from wildsage.containers.contract import layered_environment

IMPORT_ROOT = str(Path(wildsage.__file__).parents[1])
BORROWING = (
    "import runpy, sys; sys.path += sys.argv.pop(1).split(':'); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """`python -m module` without the current folder on the path, because a file there could hide a package."""
    return (sys.executable, "-P", "-m", module, *arguments)


def command_of(interpreter: Path, module: str, *arguments: str) -> tuple[str, ...]:
    """The same with another Python, which finds its own packages first, and those of this one where it lacks them."""
    borrowed = os.pathsep.join([*map(str, layered_environment.packages()), IMPORT_ROOT])
    return (str(interpreter), "-P", "-c", BORROWING, borrowed, module, *arguments)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """`given` with PYTHONPATH starting at the folder that holds the package `wildsage`."""
    entries = (IMPORT_ROOT, given.get("PYTHONPATH"))
    return {**given, "PYTHONPATH": os.pathsep.join(entry for entry in entries if entry)}
