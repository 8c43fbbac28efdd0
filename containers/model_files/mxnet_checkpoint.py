"""An MXNet checkpoint: `<prefix>-symbol.json`, `<prefix>-NNNN.params`, `model-shapes.json` [contract: image-classification]."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph
from wildsage.containers.codecs.mxnet import ndarray, symbol_json
from wildsage.containers.model_files import only_one

PREFIX = "image-classification"
SHAPES = "model-shapes.json"
INPUT = "data"
PARAMS = re.compile(r"(?P<prefix>.+)-(?P<epoch>\d{4,})\.params")
ARGUMENT, AUXILIARY = "arg:", "aux:"

Shape = tuple[int, int, int]


class GraphModel(Protocol):
    """What this layout needs of a model: its graph, and its arrays by epoch."""

    epochs: Mapping[int, Mapping[str, Tensor]]
    image_shape: Shape
    batch_size: int

    def graph(self) -> Graph:
        """The network, as MXNet's symbol will describe it."""

    @classmethod
    def from_checkpoint(cls, graph: Graph, epoch: int, arrays: Mapping[str, Tensor], image_shape: Shape) -> Model:
        """The model of a graph and its arrays by name, for images (channels, height, width).

        Raises UserError if graph and arrays do not fit together.
        """


def save(model: Model, folder: Path, host: str) -> None:
    """Write one file of arrays per kept epoch. The first number of the shape is the batch size of the training."""
    checkpoint = cast(GraphModel, model)
    (folder / f"{PREFIX}-symbol.json").write_bytes(symbol_json.encode(checkpoint.graph()))
    auxiliary = set(checkpoint.graph().auxiliary)
    for epoch, arrays in checkpoint.epochs.items():
        named = {_prefixed(name, auxiliary): array.cpu().contiguous().numpy() for name, array in arrays.items()}
        (folder / f"{PREFIX}-{epoch:04d}.params").write_bytes(ndarray.write(named))
    shape = [checkpoint.batch_size, *checkpoint.image_shape]
    (folder / SHAPES).write_text(json.dumps([{"shape": shape, "name": INPUT}]))


def load(folder: Path, classes: Mapping[str, type[Model]]) -> Model | None:
    """Read the last epoch of the folder. Any network is accepted, because its symbol says how to compute it.

    Returns None where no symbol lies. Raises UserError for several symbols, and for damaged or missing arrays or shapes.
    """
    symbols = sorted(folder.glob("*-symbol.json"))
    if not symbols:
        return None
    if len(symbols) > 1:
        raise UserError(f"{folder}: {', '.join(path.name for path in symbols)}, expected one symbol.")
    (symbol,) = symbols
    graph = symbol_json.decode(symbol.read_bytes(), symbol.name)
    epoch, arrays = read_arrays(folder, symbol.name.removesuffix("-symbol.json"))
    model = cast(type[GraphModel], classes[only_one(classes, classes, f"{symbol.name} is a network's symbol")])
    return model.from_checkpoint(graph, epoch, arrays, _image_shape(folder))


def expected(model: type[Model]) -> str:
    """`an MXNet checkpoint: …`."""
    return f"an MXNet checkpoint: NAME-symbol.json, NAME-0001.params, which is an NDArray file, and {SHAPES}"


def _prefixed(name: str, auxiliary: set[str]) -> str:
    return (AUXILIARY if name in auxiliary else ARGUMENT) + name


def read_arrays(folder: Path, prefix: str) -> tuple[int, dict[str, Tensor]]:
    """Return the last epoch of `<prefix>-NNNN.params`, and its arrays as float32 under names without `arg:` and `aux:`.

    Raises UserError if there is no such file, or its arrays are sparse or have no names.
    """
    matches = ((PARAMS.fullmatch(path.name), path) for path in folder.iterdir())
    found = {int(match["epoch"]): path for match, path in matches if match and match["prefix"] == prefix}
    if not found:
        raise UserError(f"{folder}: no {prefix}-NNNN.params.")
    epoch = max(found)
    return epoch, read_params(found[epoch])


def read_params(path: Path) -> dict[str, Tensor]:
    """Return the arrays of a .params file as float32 under names without `arg:` and `aux:`.

    Raises UserError if it is not one, or its arrays are sparse or have no names.
    """
    content = ndarray.read(path.read_bytes())
    if not isinstance(content, dict):
        raise UserError(f"{path.name}: its arrays have no names, expected arg:… and aux:….")
    arrays = {}
    for name, array in content.items():
        if isinstance(array, (ndarray.RowSparse, ndarray.CompressedRows)):
            raise UserError(f"{path.name}: {name} is sparse, expected dense arrays.")
        arrays[name.removeprefix(ARGUMENT).removeprefix(AUXILIARY)] = torch.from_numpy(array).float()
    return arrays


def _image_shape(folder: Path) -> Shape:
    """Read the shape of an image: the last entry of the file, without its first number, a batch size."""
    path = folder / SHAPES
    expected = f'expected [{{"shape": [1, 3, 224, 224], "name": "{INPUT}"}}]'
    if not path.exists():
        raise UserError(f"{folder}: no {SHAPES}, which says the size of images; {expected}.")
    try:
        _, channels, height, width = (int(length) for length in json_text.parse(path.read_bytes())[-1]["shape"])
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):
        raise UserError(f"{SHAPES}: {expected}.") from None
    if channels not in (1, 3) or height < 1 or width < 1:
        raise UserError(f"{SHAPES}: {channels} × {height} × {width}, {expected}, of 1 or 3 channels.")
    return channels, height, width
