"""SageMaker's built-in algorithms on torch tensors. A sub-folder is an algorithm; nothing is registered."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from typing import TYPE_CHECKING

from algorithms.base.errors import UserError

if TYPE_CHECKING:  # the local runner comes by here for errors alone, and has no use for torch
    from algorithms.base.algorithm import Algorithm


def names() -> list[str]:
    """Folder names of all algorithms, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base")


def find(name: str) -> type[Algorithm]:
    """The algorithm of that name, in folder spelling (`factorization_machines`) or image spelling (with hyphens).

    Raises UserError with the nearest known name.
    """
    folder = name.replace("-", "_")
    if folder not in names():
        near = difflib.get_close_matches(folder, names(), n=1)
        advice = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names())}."
        raise UserError(f"Algorithm {name!r} is not known here. {advice}")
    return importlib.import_module(f"algorithms.{folder}").ALGORITHM
