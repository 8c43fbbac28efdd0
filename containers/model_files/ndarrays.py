"""One NDArray file, `model_<host>`: a list of arrays or a dictionary, as the algorithm has it [contract: formats, section 7]."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.model_files import model_file, only_one


def save(model: Model, folder: Path, host: str) -> None:
    """Write `model_<host>`: a dictionary of arrays if the model names them, otherwise a list."""
    arrays = {name: array.cpu().contiguous().numpy() for name, array in model.arrays().items()}
    content = ndarray.write(arrays if model.named else list(arrays.values()))
    (folder / f"model_{host}").write_bytes(content)


def load(folder: Path, classes: Mapping[str, type[Model]]) -> Model | None:
    """Read `model_<host>`.

    Returns None where it is not an NDArray file. Raises UserError for a damaged file, and for arrays that are not exactly one
    model's.
    """
    path = model_file(folder)
    if path is None or not ndarray.is_file(path):
        return None
    content = ndarray.read(path.read_bytes())
    fitting = {name: arrays for name, model in classes.items() if (arrays := _named(content, model)) is not None}
    held = ", ".join(content) if isinstance(content, dict) else f"{len(content)} arrays without names"
    wanted = " or ".join(_saved(model) for model in classes.values())
    name = only_one(fitting, classes, f"{path.name}: holds {held}", wanted)
    return classes[name].from_arrays(fitting[name], {})


def expected(model: type[Model]) -> str:
    """`an MXNet NDArray file, which …`."""
    return f"an MXNet NDArray file, which begins with {ndarray.MAGIC.hex(' ')}: {_saved(model)}"


def _saved(model: type[Model]) -> str:
    """The call that writes the arrays of a model."""
    pairs = ", ".join(f'"{name}": {name}' for name in model.array_names)
    arrays = f"{{{pairs}}}" if model.named else f"[{', '.join(model.array_names)}]"
    return f'what mx.nd.save("model_algo-1", {arrays}) writes'


def _named(content: dict | list, model: type[Model]) -> dict[str, Tensor] | None:
    """Return the arrays by the model's names, or None if they do not fit the model."""
    if isinstance(content, list):
        if model.named or len(content) != len(model.array_names):
            return None
        content = dict(zip(model.array_names, content, strict=True))
    elif not model.named or not model.fits(frozenset(content)):
        return None
    if not all(isinstance(array, np.ndarray) for array in content.values()):
        raise UserError(f"NDArray file: {', '.join(content)} are not all dense, expected dense arrays.")
    return {name: torch.from_numpy(array.copy()) for name, array in content.items()}
