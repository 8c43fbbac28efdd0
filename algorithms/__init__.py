"""SageMaker's built-in algorithms on torch tensors. A sub-folder is an algorithm; nothing is registered."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from contextlib import suppress
from typing import TYPE_CHECKING

from wildsage.algorithms.base.errors import MissingPackage, UserError

if TYPE_CHECKING:  # the local runner comes by here for errors alone, and has no use for torch
    from wildsage.algorithms.base.algorithm import Algorithm


def names() -> list[str]:
    """Folder names of all algorithms, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base")


def find(name: str) -> type[Algorithm]:
    """The algorithm of that name, in folder spelling (`factorization_machines`) or image spelling (with hyphens).

    Raises UserError with the nearest known name, and MissingPackage where the algorithm needs what is not installed.
    """
    folder = name.replace("-", "_")
    if folder not in names():
        near = difflib.get_close_matches(folder, names(), n=1)
        advice = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names())}."
        raise UserError(f"Algorithm {name!r} is not known here. {advice}")
    try:
        return importlib.import_module(f"{__name__}.{folder}").ALGORITHM
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == __name__:
            raise
        raise MissingPackage(
            f"Algorithm {name} needs the package {error.name}, which is not installed here: pip install 'wildsage[{name}]'."
        ) from error


def available() -> list[type[Algorithm]]:
    """All algorithms, in the order of their names, but those whose packages are missing."""
    found = []
    for name in names():
        with suppress(MissingPackage):
            found.append(find(name))
    return found
