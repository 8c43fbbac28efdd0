"""Moves a new file to its place, and back out if the transaction that names it fails."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from wildsage.local_runner.processes.disk import FULL

NUMBERS = itertools.count()


class Placement:
    """Files that were moved to their places in a block; see `placing`."""

    def __init__(self, temp: Path) -> None:
        self._temp = temp
        self._undo = contextlib.ExitStack()
        self._kept: list[Path] = []

    def move(self, pending: Path, target: Path) -> None:
        """Replace `target`, whose folder is made if it is missing. Raises OSError."""
        put_back = self._keep(target)
        try:
            os.replace(pending, target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(pending, target)
        self._undo.callback(put_back)

    def _keep(self, target: Path) -> Callable[[], object]:
        """Link what is about to be replaced. Returns how it comes back."""
        kept = self._temp / f"replaced-{next(NUMBERS)}"
        try:
            os.link(target, kept)
        except FileNotFoundError:
            return partial(target.unlink, missing_ok=True)  # the file is new
        except OSError as error:
            if error.errno in FULL or isinstance(error, NotADirectoryError):
                raise
            return lambda: None  # a file system without links; or a folder is there, which cannot be replaced
        self._kept.append(kept)
        return partial(os.replace, kept, target)

    def keep(self) -> None:
        """What was moved stays."""
        self._undo.pop_all()
        self._forget()

    def _forget(self) -> None:
        for kept in self._kept:
            kept.unlink(missing_ok=True)

    def undo(self) -> None:
        """What was moved is gone, and what it replaced is back."""
        self._undo.close()
        self._forget()


@contextlib.contextmanager
def placing(temp: Path) -> Iterator[Placement]:
    """Move files in a block, inside of which a transaction begins and ends; `temp` is a folder on the same disk."""
    placement = Placement(temp)
    try:
        yield placement
    except BaseException:
        placement.undo()
        raise
    placement.keep()
