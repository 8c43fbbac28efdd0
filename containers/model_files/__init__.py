"""How a model lies below /opt/ml/model. A layout is a module here; a model names its own, and nothing is registered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.errors import UserError


class Layout(Protocol):
    """What a module of this folder offers."""

    def save(self, model: Model, folder: Path, host: str) -> None:
        """Write the model's files into `folder`, which exists. Equal models give equal bytes."""

    def load(self, folder: Path, classes: Mapping[str, type[Model]]) -> Model | None:
        """Read a model of one of `classes`, which go by the names of their algorithms and all have this layout.

        None where the files are of another layout. Raises UserError where they are of this one and cannot be used.
        """

    def expected(self, model: type[Model]) -> str:
        """What a file of the layout is, and how it is written, for messages about files that are something else."""


def find(name: str) -> Layout:
    """The layout that `Model.layout` names."""
    return cast(Layout, import_module(f"{__name__}.{name}"))


def only_one(fitting: Collection[str], known: Collection[str], held: str, expected: str = "") -> str:
    """The one algorithm whose model a file can be. `held` says what lies in which file, `expected` what should.

    Raises UserError where none of those `known` fits, or where several do: then only a name tells them apart.
    """
    match list(fitting):
        case [name]:
            return name
        case []:
            advice = f"; expected {expected}" if expected else ""
            raise UserError(f"{held}, which is not a model of {' or '.join(known)}{advice}.")
        case names:
            raise UserError(
                f"{held}, which may be a model of {' or '.join(names)}. Say of which: `wildsage serve --algorithm NAME`, "
                "or WILDSAGE_ALGORITHM in a container's environment."
            )


def model_file(folder: Path) -> Path | None:
    """`model_algo-1`, or the only `model_*`, beside which other members, such as `state_*`, may lie."""
    files = sorted(path for path in folder.glob("model_*") if path.is_file())
    return files[0] if files else None
