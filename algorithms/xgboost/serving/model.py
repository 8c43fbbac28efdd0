"""The model files of a folder as one model: each is loaded, and several are averaged or vote [contract: xgboost, Serving].

Axes: n rows · d columns · k classes
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost import model_files
from wildsage.algorithms.xgboost.data.table import Rows
from wildsage.algorithms.xgboost.votes import majority

VOTING = ("multi:softmax", "binary:hinge")
ROWS_WORTH_A_THREAD = 500


@dataclass(frozen=True)
class LoadedBooster:
    """A Booster and the number of rounds that answer; 0 is all.

    The library computes on one thread, as in the original. The rows of a large request are shared out among the cores.
    """

    booster: xgboost.Booster
    rounds: int
    objective: str
    num_class: int
    linear: bool

    @classmethod
    def read(cls, path: Path) -> LoadedBooster:
        """The model of a file that any version wrote. Raises UserError for a file that is not a model."""
        booster, best = model_files.read(path.read_bytes())
        if not model_files.is_finite(booster):
            raise UserError(
                "its leaves, weights or base_score hold NaN or infinity, expected finite numbers. Train again on scaled data."
            )
        booster.set_param({"nthread": 1})
        learner = model_files.configuration(booster)["learner"]
        return cls(
            booster,
            best or 0,
            learner["objective"]["name"],
            int(learner["learner_model_param"]["num_class"]),
            learner["gradient_booster"]["name"] == "gblinear",
        )

    def predict(self, rows: Rows, margins: bool = False) -> NDArray:
        """(n,), or (n, k) for probabilities of classes and their margins."""
        if self.linear:
            matrix = xgboost.DMatrix(rows, missing=np.nan, nthread=1)
            return self.booster.predict(matrix, output_margin=margins, validate_features=False)
        cores = min(len(os.sched_getaffinity(0)), rows.shape[0] // ROWS_WORTH_A_THREAD)
        if cores <= 1:
            return self._in_place(rows, margins)
        starts = [number * rows.shape[0] // cores for number in range(cores + 1)]
        parts = [rows[start:end] for start, end in itertools.pairwise(starts)]
        with ThreadPoolExecutor(cores) as pool:
            return np.concatenate(list(pool.map(lambda part: self._in_place(part, margins), parts)))

    def _in_place(self, rows: Rows, margins: bool) -> NDArray:
        return self.booster.inplace_predict(
            rows,
            iteration_range=(0, self.rounds),
            predict_type="margin" if margins else "value",
            missing=np.nan,
        )


class Ensemble:
    """All models of a folder."""

    def __init__(self, models: Sequence[LoadedBooster]) -> None:
        self._models = models
        self.objective = models[0].objective
        self.num_class = models[0].num_class
        self.num_features = models[0].booster.num_features()

    @classmethod
    def read(cls, folder: Path, several: bool, log: Callable[[str], None]) -> Ensemble:
        """Every file but hidden ones; the first alone unless `several`. Raises UserError for one that is not a model."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in paths:
            if path.name.startswith("."):
                log(f"Ignoring dotfile '{path}' found in model directory")
        paths = [path for path in paths if not path.name.startswith(".")]
        if not paths:
            raise UserError(
                f"Unable to load model: no model file in {folder}; expected the members of a model.tar.gz, such as xgboost-model."
            )
        return cls([_read(path) for path in (paths if several else paths[:1])])

    def predict(self, rows: Rows) -> NDArray:
        """The mean of the models, (n,) or (n, k), or the class (n,) that most of them choose."""
        answers = [model.predict(rows) for model in self._models]
        if len(answers) == 1:
            return answers[0]
        if self.objective in VOTING:
            return majority(np.stack(answers))
        return np.stack(answers).mean(axis=0, dtype=np.float32)

    def margins(self, rows: Rows) -> NDArray:
        """The mean of the models' scores before the objective's transformation: (n,), or (n, k) for k classes."""
        return np.stack([model.predict(rows, margins=True) for model in self._models]).mean(axis=0)


def _read(path: Path) -> LoadedBooster:
    try:
        return LoadedBooster.read(path)
    except UserError as error:
        raise UserError(f"Unable to load model: Model {path} cannot be loaded: {error}") from None
