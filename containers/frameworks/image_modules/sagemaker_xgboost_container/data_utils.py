"""Channels as matrices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xgboost


def get_dmatrix(
    data_path: str, content_type: str, csv_weights: int = 0, is_pipe: bool = False, combine_train_val: bool = False
) -> xgboost.DMatrix | None:
    """The rows of all files in a folder, or of a file; None where there is none. The first column of CSV and Parquet is the label.

    `csv_weights`: 1 if the second column of CSV is the weight. Raises ValueError for another content type.
    """
    del is_pipe, combine_train_val  # the original's arguments: a script's channel has files, and is one
    kind = content_type.partition(";")[0].strip().lower().rpartition("/")[2].removeprefix("x-")
    readers: dict[str, Callable[[list[Path]], Any]] = {"csv": _csv, "parquet": _parquet}
    files = sorted(path for path in _below(Path(data_path)) if path.is_file() and not path.name.startswith("."))
    if not files:
        return None
    if kind == "libsvm":
        return xgboost.DMatrix(f"{data_path}?format=libsvm")
    if kind not in readers:
        raise ValueError(f"get_dmatrix: got the content type {content_type!r}, expected libsvm, csv or parquet.")
    table = readers[kind](files)
    first = 1 + int(csv_weights) if kind == "csv" else 1
    return xgboost.DMatrix(table[:, first:], label=table[:, 0], weight=table[:, 1] if first == 2 else None)


def _below(path: Path) -> list[Path]:
    return [path] if path.is_file() else list(path.rglob("*"))


def _csv(files: list[Path]) -> Any:
    return np.concatenate([np.loadtxt(file, delimiter=",", ndmin=2) for file in files])


def _parquet(files: list[Path]) -> Any:
    import pandas  # a second that only such files need

    return np.concatenate([pandas.read_parquet(file).to_numpy() for file in files])
