"""`model_<host>`, a ZIP of an MXNet module and what else the model must know: linear learner [contract: linear-learner, Artifact].

Its members are manifest.json, additional-params.json with the settings, and the module's symbol and parameters. Real
artifacts have them in any order, so they are read by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray, stored_zip, symbol_json
from wildsage.containers.model_files import model_file
from wildsage.containers.model_files.symbol_zip import MXNET_VERSION, PREFIX

MODULE = "mx-mod"
MANIFEST, PARAMETERS = "manifest.json", "additional-params.json"
SYMBOL, ARRAYS = f"{MODULE}-symbol.json", f"{MODULE}-0000.params"


def save(model: Model, folder: Path, host: str) -> None:
    """Write one ZIP, whose bytes follow from the model alone: members are stored in a fixed order with a fixed time."""
    arrays = {PREFIX + name: array.cpu().contiguous().numpy() for name, array in model.arrays().items()}
    manifest = {MODULE: "mxnet_module", PARAMETERS: "json", "version": 1}
    members = {
        SYMBOL: symbol_json.encode(model.graph(), MXNET_VERSION),
        MANIFEST: json.dumps(manifest).encode(),
        PARAMETERS: json.dumps(model.settings()).encode(),
        ARRAYS: ndarray.write(arrays),
    }
    (folder / f"model_{host}").write_bytes(stored_zip.write(members))


def load(folder: Path, classes: Mapping[str, type[Model]]) -> Model | None:
    """Read the ZIP. Returns None where the model file is not a ZIP of a module.

    Raises UserError for damaged members, and for arrays that belong to none of `classes`.
    """
    path = model_file(folder)
    if path is None or not stored_zip.is_file(path):
        return None
    members = stored_zip.read(path, (PARAMETERS, ARRAYS))
    if len(members) < 2:
        return None
    content = ndarray.read(members[ARRAYS])
    if not isinstance(content, dict) or not all(isinstance(array, np.ndarray) for array in content.values()):
        raise UserError(
            f"{path.name}: its {ARRAYS} holds no named dense arrays, expected names such as arg:fc0_weight."
        )
    arrays = {name.removeprefix(PREFIX): torch.from_numpy(np.array(array)) for name, array in content.items()}
    fitting = [model for model in classes.values() if model.fits(frozenset(arrays))]
    if len(fitting) != 1:
        raise UserError(f"{path.name}: holds {', '.join(arrays)}, which do not make a model of {' or '.join(classes)}.")
    return fitting[0].from_arrays(arrays, _settings(members[PARAMETERS], path))


def expected(model: type[Model]) -> str:
    """`a ZIP archive of …`."""
    arrays = ", ".join(PREFIX + name for name in model.array_names)
    return f"a ZIP archive of {MANIFEST}, {PARAMETERS}, {SYMBOL} and {ARRAYS}, an MXNet NDArray file of {arrays}"


def _settings(content: bytes, path: Path) -> dict[str, Any]:
    try:
        settings = json_text.parse(content)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise UserError(f"{path.name}: its {PARAMETERS} is not a JSON object.")
    return settings
