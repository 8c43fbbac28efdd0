"""A faiss index, the labels of its rows, and a JSON document, in one file each [contract: knn, Artifact].

model_<host>          as faiss.write_index writes it
model_<host>.labels   float32, one per row of the index
model_<host>.json     k, predictor_type, dimension_reduction, normalize, version; k and predictor_type may be edited
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import faiss
import numpy as np
import orjson
import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Model, ModelSettings
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.model_files import model_file, only_one

VERSION = "1.0"
GENERATOR = "pcg64"
"""The random number generator of a reduction. Another generator gives another matrix for the same seed."""

FLAT, LISTS = b"IxF", b"Iw"
"""The first bytes of faiss's files of flat indexes and of inverted lists."""


class IndexModel(Protocol):
    """What this layout needs of a model."""

    index: faiss.Index
    labels_r: Tensor

    def settings(self) -> ModelSettings:
        """`k`, `predictor_type` and what else the document beside the index holds."""

    @classmethod
    def from_index(cls, index: faiss.Index, labels_r: Tensor, settings: ModelSettings) -> Model:
        """The model of an index of r rows and their labels (r,). Raises UserError if they do not fit together."""


def save(model: Model, folder: Path, host: str) -> None:
    """Write the index, the labels of its rows and the document of settings."""
    indexed = cast(IndexModel, model)
    path = folder / f"model_{host}"
    faiss.write_index(indexed.index, str(path))
    indexed.labels_r.numpy().astype("<f4").tofile(_labels(path))
    _document(path).write_text(json.dumps(_metadata(model.settings()), indent=2) + "\n")


def load(folder: Path, classes: Mapping[str, type[Model]]) -> Model | None:
    """Read the index and the files beside it.

    Returns None where the model file is not an index of faiss. Raises UserError for missing, damaged or unfitting files.
    """
    path = model_file(folder)
    if path is None:
        return None
    with path.open("rb") as content:
        kind = content.read(4)
    if not kind.startswith((FLAT, LISTS)):
        return None
    for needed in (_labels(path), _document(path)):
        if not needed.is_file():
            raise UserError(f"{path.name} is a faiss index, but {needed.name} is missing beside it.")
    model_class = classes[only_one(classes, classes, f"{path.name} is a faiss index")]
    try:
        return cast(type[IndexModel], model_class).from_index(_index(path, kind), _read_labels(path), _settings(path))
    except UserError as error:
        raise UserError(f"{path.name}: {error}") from None


def expected(model: type[Model]) -> str:
    """`an index as faiss writes it, …`."""
    return (
        'an index as faiss.write_index(index, "model_algo-1") writes it, with model_algo-1.labels and model_algo-1.json'
    )


def _index(path: Path, kind: bytes) -> faiss.Index:
    """Open the index. Its rows stay in the file, which is mapped into memory that all workers share."""
    flags = faiss.IO_FLAG_MMAP_IFC if kind.startswith(FLAT) else faiss.IO_FLAG_MMAP
    _check_in_a_process_of_its_own(path, flags)
    index = faiss.read_index(str(path), flags)
    if isinstance(index, faiss.IndexIVF):
        lists: Any = faiss.downcast_InvertedLists(index.invlists)
        lists.prefetch_nthread = 0  # by default faiss starts 32 threads per search, which cost more than they gain
    return index


def _check_in_a_process_of_its_own(path: Path, flags: int) -> None:
    """Raises UserError for a file that faiss cannot read, or that ends a process that reads it."""
    command = [sys.executable, str(Path(__file__).with_name("faiss_trial.py")), str(path), str(flags)]
    trial = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if trial.returncode:
        reason = (trial.stderr.strip().splitlines() or ["no reason"])[-1]
        ended = f"a process that read it ended by signal {-trial.returncode}" if trial.returncode < 0 else reason
        raise UserError(f"faiss cannot read the index, the file is damaged: {ended}.")


def _read_labels(path: Path) -> Tensor:
    return torch.from_numpy(np.fromfile(_labels(path), "<f4"))


def _metadata(settings: ModelSettings) -> dict[str, Any]:
    """The document of the contract, with `feature_dim` and `generator`, which the original does not have."""
    reduction = None
    if "reduction_type" in settings:
        reduction = {
            "type": settings["reduction_type"],
            "seed": settings["reduction_seed"],
            "target_dim": settings["reduction_target_dim"],
            "input_dim": settings["feature_dim"],
            "generator": GENERATOR,
        }
    plain = {name: settings[name] for name in ("k", "predictor_type", "normalize", "feature_dim")}
    return {**plain, "dimension_reduction": reduction, "version": VERSION}


def _settings(path: Path) -> ModelSettings:
    """The inverse of `_metadata`. Raises UserError for an invalid document, and for a reduction that cannot be repeated."""
    name = _document(path).name
    try:
        document = orjson.loads(_document(path).read_bytes())
    except orjson.JSONDecodeError as error:
        raise UserError(f"{name} is not valid JSON ({error}).") from None
    if not isinstance(document, dict):
        raise UserError(f"{name}: got {type(document).__name__}, expected an object with k and predictor_type.")
    settings = {key: document[key] for key in ("k", "predictor_type", "normalize", "feature_dim") if key in document}
    width = settings.get("feature_dim", 1)
    if type(width) is not int or width < 1:
        raise UserError(f"{name}: feature_dim: got {width!r}, expected an integer ≥ 1.")
    reduction = document.get("dimension_reduction")
    if not reduction:
        return settings
    if not isinstance(reduction, dict) or reduction.get("generator") != GENERATOR:
        raise UserError(
            f"{name}: dimension_reduction was not made here. The artifact holds its seed but not its matrix, and how the "
            "original draws that is unknown. Train again, or without dimension_reduction_type."
        )
    missing = [key for key in ("type", "seed", "target_dim", "input_dim") if key not in reduction]
    if missing:
        raise UserError(f"{name}: dimension_reduction lacks {', '.join(missing)}.")
    for key, least in (("seed", 0), ("target_dim", 1), ("input_dim", 1)):
        if type(reduction[key]) is not int or reduction[key] < least:
            raise UserError(
                f"{name}: dimension_reduction {key}: got {reduction[key]!r}, expected an integer ≥ {least}."
            )
    named = {f"reduction_{key}": reduction[key] for key in ("type", "seed", "target_dim")}
    return {**settings, **named, "feature_dim": reduction["input_dim"]}


def _labels(path: Path) -> Path:
    return path.with_name(f"{path.name}.labels")


def _document(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
