"""SageMaker's built-in algorithms on torch tensors. A sub-folder is an algorithm; nothing is registered."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from wildsage.algorithms.base.errors import MissingPackage, UserError

if TYPE_CHECKING:  # the local AWS imports only errors from here and does not need torch
    from pathlib import Path

    from wildsage.algorithms.base.algorithm import Algorithm
    from wildsage.algorithms.base.hyperparameters import ToolkitHyperparameters
    from wildsage.algorithms.base.program import Program
    from wildsage.algorithms.base.spec import Spec


def names() -> list[str]:
    """Folder names of all algorithms, sorted."""
    return list(_folders())


@cache
def _folders() -> tuple[str, ...]:
    """The folders are looked through once: to load a model asks for them hundreds of times."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base"))


@cache
def spec(name: str) -> Spec:
    """What the algorithm of that name says of itself; neither its code nor the packages that it needs are imported.

    Raises UserError with the nearest known name.
    """
    return importlib.import_module(f"{__name__}.{_folder(name)}.spec").SPEC


def summary(name: str) -> str:
    """One sentence on the algorithm of that name: the first line of its folder's docstring.

    Raises UserError with the nearest known name.
    """
    return (importlib.import_module(f"{__name__}.{_folder(name)}").__doc__ or "").partition("\n")[0]


def require_packages(name: str) -> None:
    """Raise MissingPackage where the algorithm of that name needs a package that is not installed."""
    declared = spec(name)
    for package in declared.packages:
        if importlib.util.find_spec(package) is None:
            raise MissingPackage(
                f"Algorithm {declared.image} needs the package {package}, which is not installed here: "
                f"pip install 'wildsage[{declared.image}]'."
            )


def find(name: str) -> type[Algorithm]:
    """The algorithm of that name, in folder spelling (`factorization_machines`) or image spelling (with hyphens).

    Raises UserError with the nearest known name, or for an algorithm that brings its own program, and MissingPackage where the
    algorithm needs what is not installed.
    """
    return importlib.import_module(f"{__name__}.{_folder_on_the_toolkit(name)}.algorithm").ALGORITHM


def hyperparameters_of(name: str) -> type[ToolkitHyperparameters] | None:
    """The hyperparameters of the algorithm of that name, found without torch: those of the module `hyperparameters` of its folder.

    None for a folder without that module, whose algorithm declares them itself. Raises as `find` does.
    """
    module = f"{__name__}.{_folder_on_the_toolkit(name)}.hyperparameters"
    return importlib.import_module(module).HYPERPARAMETERS if importlib.util.find_spec(module) else None


def program(name: str) -> Program:
    """The program of an algorithm whose spec says that it brings its own.

    Raises UserError with the nearest known name, and MissingPackage where the algorithm needs what is not installed.
    """
    folder = _folder(name)
    require_packages(folder)
    return importlib.import_module(f"{__name__}.{folder}.algorithm").PROGRAM


def program_in(folder: Path) -> str | None:
    """The algorithm whose model files lie in the folder, if it brings its own program."""
    for name in names():
        declared = spec(name)
        if declared.program and any(any(folder.glob(pattern)) for pattern in declared.model_files):
            return name
    return None


def on_the_toolkit() -> list[str]:
    """Folder names of the algorithms that do not bring their own program, sorted."""
    return [name for name in names() if not spec(name).program]


def available() -> list[type[Algorithm]]:
    """The algorithms on the toolkit, in the order of their names, but those whose packages are missing."""
    found = []
    for name in on_the_toolkit():
        with suppress(MissingPackage):
            found.append(find(name))
    return found


def unavailable() -> list[str]:
    """The image names of all algorithms whose packages are missing."""
    missing = []
    for name in names():
        try:
            require_packages(name)
        except MissingPackage:
            missing.append(spec(name).image)
    return missing


def _folder_on_the_toolkit(name: str) -> str:
    folder = _folder(name)
    if spec(folder).program:
        raise UserError(
            f"Algorithm {name!r} brings its own program, expected one that shares the toolkit: {', '.join(on_the_toolkit())}. "
            f"algorithms.program({name!r}) gives the program."
        )
    require_packages(folder)
    return folder


def _folder(name: str) -> str:
    folder = name.replace("-", "_")
    if folder in names():
        return folder
    near = difflib.get_close_matches(folder, names(), n=1)
    advice = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names())}."
    raise UserError(f"Algorithm {name!r} is not known here. {advice}")
