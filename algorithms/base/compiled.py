"""Functions that numba compiles, once for each machine where a folder can hold the machine code.

The code lies in a folder whose name has a digest of the sources. numba notices a change of the file of a function, but not of
the functions and numbers that it takes from other files, which are its algorithm's or lie here. So an upgrade in place compiles
again.

numba unpickles what it kept, so that a folder in which other users may write is not used.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numba
import platformdirs
from numba.core.event import Listener, install_listener

Function = TypeVar("Function", bound=Callable[..., Any])
ALGORITHMS = Path(__file__).resolve().parents[1]
DIGITS = 16  # mutants: equivalent: any number that keeps digests apart
CONFIG: Any = numba.config  # sets its names as it is loaded


def exact(function: Function) -> Function:
    """The function as machine code that runs without Python's lock. Each operation is rounded as IEEE 754 says."""
    return _compiled(function, fastmath=False)


def reordered(function: Function) -> Function:
    """The same, with sums that may be reordered, always in the same way, and as if there were no NaN."""
    return _compiled(function, fastmath=True)


@contextmanager
def announced(say: Callable[[str], None]) -> Iterator[None]:
    """Say at once that functions are compiled, if any are within the block; loading what was kept says nothing."""
    with install_listener("numba:compile", _Announcer(say)):
        yield


class _Announcer(Listener):
    def __init__(self, say: Callable[[str], None]) -> None:
        self._say: Callable[[str], None] | None = say

    def on_start(self, event: Any) -> None:
        say, self._say = self._say, None
        folder = event.data["dispatcher"].stats.cache_path
        if say is not None and folder:
            say(f"Compiling the loops, once for this machine and version. The machine code is kept in {folder}.")
        elif say is not None:
            say("Compiling the loops, for this process alone: no folder of this user can keep the machine code.")

    def on_end(self, event: Any) -> None:
        """Only the start is of interest."""


def _compiled(function: Function, fastmath: bool) -> Function:
    options: dict[str, Any] = {"nogil": True, "fastmath": fastmath, "error_model": "numpy"}
    folder = folder_for(_algorithm_of(Path(function.__code__.co_filename).resolve()))
    if folder is None:
        return numba.njit(**options)(function)
    with _kept_in(folder):
        return numba.njit(cache=True, **options)(function)


@contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """numba's setting of its folder, which it reads when a function is declared."""
    before = CONFIG.CACHE_DIR
    CONFIG.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        CONFIG.CACHE_DIR = before


def _algorithm_of(source: Path) -> Path:
    """The folder of the algorithm that a source belongs to; the source itself if it belongs to none."""
    if not source.is_relative_to(ALGORITHMS):
        return source
    return ALGORITHMS / source.relative_to(ALGORITHMS).parts[0]


@functools.cache
def folder_for(sources: Path) -> Path | None:
    """The folder for the machine code of a file or of all files below a folder; None where nothing can be kept.

    It lies in NUMBA_CACHE_DIR if that is set, else beside the sources, else in the user's cache. The code of other versions of
    these sources is removed. A folder that holds the code but cannot be written, as in a read-only container, is copied,
    because numba writes in any folder that it reads.
    """
    name = f"{sources.stem}-{hashlib.sha256(str(sources).encode()).hexdigest()[:DIGITS]}"
    beside = (sources if sources.is_dir() else sources.parent) / "__pycache__"
    given = CONFIG.CACHE_DIR
    for base in [Path(given)] if given else [beside, platformdirs.user_cache_path("wildsage") / "compiled"]:
        folder = base / name / digest_of(sources)
        parts = (base, folder.parent, folder)
        if all(_is_usable(each) for each in parts):
            _remove_others(folder)
            return folder
        if all(_is_readable(each) for each in parts):
            return _copy_of(folder)
    return None


def _copy_of(folder: Path) -> Path | None:
    """A copy for this process, which it removes at its end; None where there is no room."""
    try:
        copy = Path(tempfile.mkdtemp(prefix="wildsage-loops-"))
        atexit.register(shutil.rmtree, copy, ignore_errors=True)
        shutil.copytree(folder, copy, dirs_exist_ok=True)
    except OSError:
        return None
    return copy


def digest_of(sources: Path) -> str:
    """A digest of a file, or of all files below a folder, with those of this folder and numba's version."""
    own = sources.rglob("*.py") if sources.is_dir() else [sources]
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted([*own, *Path(__file__).parent.glob("*.py")]):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:DIGITS]


def _is_usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return is_private(folder) and os.access(folder, os.W_OK)
    except OSError:
        return False


def _is_readable(folder: Path) -> bool:
    try:
        return folder.is_dir() and is_private(folder)
    except OSError:  # a folder above it, such as root's, may not be entered
        return False


def is_private(folder: Path) -> bool:
    """Whether the folder belongs to this user or to root, and not everybody may write in it."""
    found = folder.stat()
    return found.st_uid in (0, os.getuid()) and not found.st_mode & stat.S_IWOTH


def _remove_others(folder: Path) -> None:
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
