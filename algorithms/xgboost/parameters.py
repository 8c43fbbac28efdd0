"""Hyperparameters of a job → parameters of the library at hand, so that it does what the version asked for would do.

[contract: xgboost, Versions and Real figures]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xgboost

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.hyperparameters import Values
from wildsage.algorithms.xgboost.versions import Version

OF_THE_JOB = frozenset({
    "num_round", "csv_weights", "early_stopping_rounds", "eval_metric", "save_model_on_termination", "use_dask_gpu_training",
    "prob_buffer_row", "_kfold", "_nfold", "_num_cv_round", "_tuning_objective_metric",
})  # fmt: skip
GONE_WITH_2 = frozenset(
    {"predictor", "dsplit", "sketch_eps", "deterministic_histogram", "single_precision_histogram", "silent"}
)
"""What the library used to know, and would now warn about in every job."""

EXACT_BELOW_ROWS = 1 << 22
"""`auto` was `exact` for fewer rows than these, and `approx` for more, until XGBoost 2.0 made it `hist`."""

DEFAULT_MAX_BIN = 256
LOGISTIC = ("binary:logistic", "binary:logitraw", "reg:logistic")

LIBRARY = Version(*map(int, xgboost.__version__.split(".")[:2]))


def for_library(values: Values, version: Version, rows: int, hosts: int) -> dict[str, Any]:
    """Parameters for `xgboost.train`. `rows` are those of this host.

    Raises UserError for a GPU that this host or this build of the library does not have, and for a base score out of range.
    """
    _check_base_score(values)
    chosen = {name: value for name, value in values.items() if name not in OF_THE_JOB}
    if Version(2, 0) <= LIBRARY:
        chosen = {name: value for name, value in chosen.items() if name not in GONE_WITH_2}
        chosen |= _semantics_of_1(chosen, version, rows, hosts)
    chosen |= _device(chosen)
    for name in ("updater", "monotone_constraints", "interaction_constraints"):
        if name in chosen:
            chosen[name] = _as_text(chosen[name])
    return chosen


def _check_base_score(values: Values) -> None:
    """What the library itself checked until 3.0."""
    base_score = values.get("base_score", 0.5)
    if values.get("objective") in LOGISTIC and not 0 < base_score < 1:
        raise UserError(f"base_score must be in (0,1) for logistic loss, got: {base_score}")


def max_bin(values: Values, version: Version) -> int | None:
    """The number of bins of a column where trees are grown from bins alone, by `hist` on a CPU; None elsewhere."""
    method = values.get("tree_method", "auto")
    by_default = method == "auto" and Version(2, 0) <= LIBRARY and version.estimates_base_score
    if not by_default and method != "hist":
        return None
    if values.get("booster") == "gblinear" or "updater" in values or values.get("device") == "cuda":
        return None
    return values.get("max_bin", DEFAULT_MAX_BIN)


def _semantics_of_1(chosen: dict[str, Any], version: Version, rows: int, hosts: int) -> dict[str, Any]:
    """What a version before 2.0 assumed where nothing is said."""
    if version.estimates_base_score:
        return {}
    assumed: dict[str, Any] = {} if "base_score" in chosen else {"base_score": 0.5}
    if chosen.get("tree_method", "auto") == "auto" and "updater" not in chosen and chosen.get("booster") != "gblinear":
        exact = rows < EXACT_BELOW_ROWS and hosts == 1 and chosen.get("grow_policy") != "lossguide"
        assumed["tree_method"] = "exact" if exact else "approx"
    return assumed


def _device(chosen: dict[str, Any]) -> dict[str, Any]:
    """A GPU in the words of the library at hand."""
    if chosen.get("tree_method") != "gpu_hist" and chosen.get("device") != "cuda":
        return {}
    if not xgboost.build_info().get("USE_CUDA"):
        raise UserError(
            "XGBoost version not compiled with GPU support. Hyperparameter tree_method: got gpu_hist, or device: got cuda; take "
            "hist or cpu, or install the package xgboost in place of xgboost-cpu."
        )
    if not gpus():
        raise UserError("No visible GPU is found for XGBoost. Take an instance with a GPU, or tree_method hist.")
    if Version(2, 0) <= LIBRARY:
        return {"tree_method": "hist", "device": "cuda"}
    return {"tree_method": "gpu_hist"}


def gpus(devices: Path = Path("/dev")) -> int:
    """GPUs of NVIDIA that this host has, by the names of its devices."""
    return sum(path.name.removeprefix("nvidia").isdigit() for path in devices.glob("nvidia*"))


def _as_text(value: str | Sequence[Any]) -> str:
    """Lists and tuples as the library reads them."""
    if isinstance(value, tuple):
        return f"({','.join(map(str, value))})"
    if value and isinstance(value[0], list):
        return str(value)
    return ",".join(value)
