"""Functions that numba compiles, once for each machine where the folder of their package or of the user can hold the result.

numba unpickles what it kept, so that a folder in which other users may write is not used.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def exact(function: Function) -> Function:
    """The function as machine code that runs without Python's lock. Each operation is rounded as IEEE 754 says."""
    return _compiled(function, fastmath=False)


def reordered(function: Function) -> Function:
    """The same, with sums that may be reordered, always in the same way, and as if there were no NaN."""
    return _compiled(function, fastmath=True)


def _compiled(function: Function, fastmath: bool) -> Function:
    options: dict[str, Any] = {"nogil": True, "fastmath": fastmath, "error_model": "numpy"}
    try:
        kept = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written
        kept = None
    if kept is not None and is_private(Path(kept.stats.cache_path)):
        return kept
    return numba.njit(**options)(function)  # compiled in each process


def is_private(folder: Path) -> bool:
    """Whether the folder belongs to this user or to root, and not everybody may write in it."""
    found = folder.stat()
    return found.st_uid in (0, os.getuid()) and not found.st_mode & stat.S_IWOTH
