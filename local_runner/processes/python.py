"""Commands that run a module of this project in another process: same interpreter, same packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import wildsage

IMPORT_ROOT = str(Path(wildsage.__file__).parents[1])


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """`python -m module` without the current folder on the path, because a file there could hide a package."""
    return (sys.executable, "-P", "-m", module, *arguments)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """`given` with PYTHONPATH starting at the folder that holds the package `wildsage`."""
    entries = (IMPORT_ROOT, given.get("PYTHONPATH"))
    return {**given, "PYTHONPATH": os.pathsep.join(entry for entry in entries if entry)}
