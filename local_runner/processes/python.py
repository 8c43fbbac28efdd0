"""Another Python of ours: this interpreter and these packages, whatever lies in the folder the user works in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import wildsage

IMPORT_ROOT = str(Path(wildsage.__file__).parents[1])


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """`python -m module`, without the current folder on the path: a user may well have a folder named `algorithms`."""
    return (sys.executable, "-P", "-m", module, *arguments)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """`given`, with the packages beside this one first on the path."""
    entries = (IMPORT_ROOT, given.get("PYTHONPATH"))
    return {**given, "PYTHONPATH": os.pathsep.join(entry for entry in entries if entry)}
