"""`model_<host>`, a ZIP of meta.json, symbol.json and params: factorization machines [contract: factorization-machines, Artifact].

The symbol says which parameters are row-sparse; meta.json holds the settings as `training_parameters`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray, stored_zip, symbol_json
from wildsage.containers.codecs.mxnet.ndarray import CompressedRows, RowSparse
from wildsage.containers.contract import archive
from wildsage.containers.model_files import model_file, only_one

META, SYMBOL, PARAMS = "meta.json", "symbol.json", "params"
VERSION = 1
LABEL_NAMES = ["out_label"]
MXNET_VERSION = 10301
"""The version that real artifacts of this layout state, 1.3.1."""

STORAGE, ROW_SPARSE = "__storage_type__", "1"
PREFIX = "arg:"
ALWAYS_BYTES = 64 << 20
"""An array may take this much whatever the size of the file that stores some of its rows."""


def save(model: Model, folder: Path, host: str) -> None:
    """Write `model_<host>`; parameters that the symbol declares row-sparse are stored so."""
    graph = model.graph()
    sparse = {node.name for node in graph.nodes if node.attributes.get(STORAGE) == ROW_SPARSE}
    arrays = {name: array.cpu().contiguous().numpy() for name, array in model.arrays().items()}
    stored = {PREFIX + name: _every_row(array) if name in sparse else array for name, array in arrays.items()}
    meta = {"version": VERSION, "epoch_number": 1, "training_parameters": model.settings(), "label_names": LABEL_NAMES}
    members = {
        META: json.dumps(meta).encode(),
        SYMBOL: symbol_json.encode(graph, MXNET_VERSION),
        PARAMS: ndarray.write(stored),
    }
    (folder / f"model_{host}").write_bytes(stored_zip.write(members))


def load(folder: Path, classes: Mapping[str, type[Model]]) -> Model | None:
    """Read `model_<host>`.

    Returns None where it is not a ZIP with meta.json and params. Raises UserError for damaged or unfitting members.
    """
    path = model_file(folder)
    if path is None or not stored_zip.is_file(path):
        return None
    members = stored_zip.read(path, (META, PARAMS))
    if len(members) < 2:
        return None
    arrays = _arrays(members[PARAMS], path)
    fitting = [name for name, model in classes.items() if model.fits(frozenset(arrays))]
    wanted = " or ".join(f"the arrays {', '.join(model.array_names)}" for model in classes.values())
    name = only_one(fitting, classes, f"{path.name}: holds {', '.join(arrays)}", wanted)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return classes[name].from_arrays(tensors, _settings(members[META], path))


def expected(model: type[Model]) -> str:
    """`a ZIP archive of …`."""
    arrays = ", ".join(PREFIX + name for name in model.array_names)
    return f"a ZIP archive of {META}, {SYMBOL} and {PARAMS}, of which {PARAMS} is an MXNet NDArray file of {arrays}"


def _every_row(array: NDArray) -> RowSparse:
    """Store all rows, as the original does even if few of them were trained."""
    return RowSparse(array, np.arange(len(array), dtype=np.int64), array.shape)


def _arrays(params: bytes, path: Path) -> dict[str, NDArray]:
    """The parameters by name, dense."""
    content = ndarray.read(params)
    if not isinstance(content, dict):
        raise UserError(f"{path.name}: its params hold arrays without names, expected names such as arg:v.")
    return {name.removeprefix(PREFIX): _dense(array, name, path) for name, array in content.items()}


def _dense(array: Any, name: str, path: Path) -> NDArray:
    if isinstance(array, CompressedRows):
        raise UserError(f"{path.name}: {name} is stored as a CSR matrix, expected a dense or row-sparse array.")
    if not isinstance(array, RowSparse):
        return array
    whole_bytes = math.prod(array.shape) * array.values.itemsize
    if whole_bytes > max(ALWAYS_BYTES, archive.MOST_GROWTH * path.stat().st_size):
        raise UserError(
            f"{path.name}: {name} has {array.shape[0]:,} rows, of which {len(array.indices):,} are stored: {whole_bytes:,} bytes. "
            f"Expected at most {archive.MOST_GROWTH} times the size of the file."
        )
    return array.dense()


def _settings(meta: bytes, path: Path) -> dict[str, str]:
    try:
        settings = json_text.parse(meta)["training_parameters"]
        return {str(name): str(value) for name, value in settings.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path.name}: its meta.json has no object training_parameters.") from None
