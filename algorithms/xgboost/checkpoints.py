"""Checkpoints: `xgboost-checkpoint.N` is the model after N + 1 rounds [contract: xgboost, Training output]."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xgboost
from xgboost.callback import TrainingCallback

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost import model_files

NAME = re.compile(r"xgboost-checkpoint\.(\d+)")
KEPT = 5
SAMPLED = ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode")


def newest(folder: Path) -> tuple[xgboost.Booster, int] | None:
    """The model to resume from, and its rounds; None where there is none. Raises UserError for a file that is not a model."""
    found = _numbered(folder)
    if not found:
        return None
    number = max(found)
    try:
        booster, _ = model_files.read(found[number].read_bytes())
    except UserError as error:
        raise UserError(f"Checkpoint {found[number]}: {error} Empty the checkpoint folder.") from None
    return booster, number + 1


class SaveCheckpoints(TrainingCallback):
    """Keeps the newest `KEPT` of them. A kill at any moment leaves whole files."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Write the model of the round and delete the oldest file beyond `KEPT`; never ends training."""
        path = self._folder / f"xgboost-checkpoint.{epoch}"
        partial = path.with_name(f"{path.name}.sagemaker-ignore")
        partial.write_bytes(model.save_raw("ubj"))
        partial.replace(path)
        for _, old in sorted(_numbered(self._folder).items())[:-KEPT]:
            old.unlink(missing_ok=True)
        return False


class ReseedEachRound(TrainingCallback):
    """Makes what is drawn at random in a round follow from the number of the round alone.

    Otherwise a resumed job would sample other rows and columns than an uninterrupted one. XGBoost's `seed_per_iteration` was
    for that, but from 2.0 on its samplers keep random numbers of their own; they are made anew when the tree method changes.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__()
        self._sampled = any(parameters.get(name, 1) < 1 for name in SAMPLED) or parameters.get("booster") == "dart"
        self._method = parameters.get("tree_method", "auto")
        self._seed = parameters.get("seed", 0)

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Give the samplers the seed of the round, `seed` + `epoch`; never ends training."""
        if self._sampled:
            model.set_param({"tree_method": "hist" if self._method == "exact" else "exact"})
            model.save_config()  # the library looks at parameters when it next needs them: now
            model.set_param({"tree_method": self._method, "seed": self._seed + epoch})
        return False


def _numbered(folder: Path) -> dict[int, Path]:
    paths = folder.iterdir() if folder.is_dir() else ()
    return {int(match[1]): path for path in paths if (match := NAME.fullmatch(path.name))}
