"""Checkpoints: `xgboost-checkpoint.N` is the model after N + 1 rounds [contract: xgboost, Training output]."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import xgboost
from xgboost.callback import TrainingCallback

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost import model_files

NAME = re.compile(r"xgboost-checkpoint\.(\d+)")
KEPT = 5


def newest(folder: Path) -> tuple[xgboost.Booster, int] | None:
    """The model to go on from, and its rounds; None where there is none. Raises UserError for a file that is not a model."""
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
        path = self._folder / f"xgboost-checkpoint.{epoch}"
        partial = path.with_name(f"{path.name}.sagemaker-ignore")
        partial.write_bytes(model.save_raw("ubj"))
        partial.replace(path)
        for _, old in sorted(_numbered(self._folder).items())[:-KEPT]:
            old.unlink(missing_ok=True)
        return False


def _numbered(folder: Path) -> dict[int, Path]:
    paths = folder.iterdir() if folder.is_dir() else ()
    return {int(match[1]): path for path in paths if (match := NAME.fullmatch(path.name))}
