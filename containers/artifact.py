"""A model ⇄ its files below /opt/ml/model [contract: formats, section 7]. One writer and one reader for all algorithms."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from pathlib import Path

import numpy as np
import torch

import algorithms
from algorithms.base.algorithm import Algorithm, Model
from algorithms.base.errors import AlgorithmError, UserError
from containers.codecs import ndarray
from containers.contract import archive

Arrays = dict[str, torch.Tensor]
STATES = uuid.UUID("5f0c3a52-6d0b-4c55-9d1e-0f3a7c1f8e21")


def save(model: Model, folder: Path, host: str) -> None:
    """Write `model_<host>` as an NDArray file: a list of arrays or a dictionary, as the algorithm has it.

    Raises AlgorithmError for a model that holds NaN or infinity.
    """
    arrays = {name: array.cpu().contiguous().numpy() for name, array in model.arrays().items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise AlgorithmError(
                f"The model's {name} holds NaN or infinity: the training data has numbers too large for float32 "
                "arithmetic. Scale it and train again."
            )
    folder.mkdir(parents=True, exist_ok=True)
    content = ndarray.write(arrays if model.named else list(arrays.values()))
    (folder / f"model_{host}").write_bytes(content)


def save_state(state: Arrays, folder: Path) -> None:
    """Write the arrays beside the model as `state_<uuid>`, as real jobs did; the name follows from the bytes."""
    content = ndarray.write({name: array.cpu().contiguous().numpy() for name, array in state.items()})
    (folder / f"state_{uuid.uuid5(STATES, hashlib.sha256(content).hexdigest())}").write_bytes(content)


def load_state(channel: Path) -> Arrays:
    """The state inside the model.tar.gz that a `model` channel holds. Raises UserError if there is none."""
    archives = sorted(channel.rglob("*.tar.gz"))
    if len(archives) != 1:
        names = ", ".join(path.name for path in archives) or "none"
        raise UserError(f"Channel model: got {names}, expected one model.tar.gz of an earlier job.")
    with tempfile.TemporaryDirectory() as folder:
        archive.unpack(archives[0], Path(folder))
        states = sorted(Path(folder).glob("state_*"))
        content = ndarray.read(states[0].read_bytes()) if states else None
    if not isinstance(content, dict):
        raise UserError(
            f"Channel model, {archives[0].name}: holds no state_… member to go on from. "
            "Train the earlier job with _keep_state=true."
        )
    return {name: torch.from_numpy(np.array(array)) for name, array in content.items()}


def load(folder: Path, algorithm: str | None = None) -> tuple[type[Algorithm], Model]:
    """Read the model below `folder`; without a name, the algorithm is told from the arrays' names.

    Raises UserError if there is no model file, or its arrays are those of another algorithm or of several.
    """
    path = _model_file(folder)
    content = ndarray.read(path.read_bytes())
    candidates = [algorithms.find(algorithm)] if algorithm else [algorithms.find(name) for name in algorithms.names()]
    fitting = [
        (candidate, arrays)
        for candidate in candidates
        if (arrays := _named(content, candidate.model_class)) is not None
    ]
    if len(fitting) != 1:
        held = ", ".join(content) if isinstance(content, dict) else f"{len(content)} arrays without names"
        if algorithm:
            raise UserError(f"{path.name}: holds {held}, which is no model of {algorithm}.")
        raise UserError(
            f"{path.name}: holds {held}, expected a model of {' or '.join(algorithms.names())}. Name the algorithm."
        )
    found, arrays = fitting[0]
    return found, found.model_class.from_arrays(arrays)


def _model_file(folder: Path) -> Path:
    """`model_algo-1`, or the only `model_*` beside which other members, such as `state_*`, may lie."""
    files = sorted(path for path in folder.glob("model_*") if path.is_file()) if folder.is_dir() else []
    if not files:
        present = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir()) if folder.is_dir() else []
        raise UserError(f"No model file in {folder}: found {', '.join(present) or 'nothing'}, expected model_algo-1.")
    return files[0]


def _named(content: dict | list, model: type[Model]) -> Arrays | None:
    """The arrays by the model's names, or None if they are not this model's."""
    if isinstance(content, list):
        if model.named or len(content) != len(model.array_names):
            return None
        content = dict(zip(model.array_names, content, strict=True))
    elif not model.named or set(content) != set(model.array_names):
        return None
    return {name: torch.from_numpy(array.copy()) for name, array in content.items()}
