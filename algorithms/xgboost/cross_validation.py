"""`_kfold` and `_num_cv_round`: one model a fold, and predictions of every row by the model that has not seen it.

Axes: n rows · r rounds of cross-validation · k classes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.boosting import BoostingTask, boost
from wildsage.algorithms.xgboost.log import XGBoostLog
from wildsage.algorithms.xgboost.votes import majority

CLASSIFICATION = ("binary:", "multi:")
PREDICTIONS = "predictions.csv"


@dataclass
class Folds:
    """Number of folds and of repetitions; `objective` says whether folds are to have classes alike."""

    count: int
    rounds: int
    objective: str
    seed: int

    @property
    def classify(self) -> bool:
        """Whether labels are classes, which every fold should have in the same shares."""
        return self.objective.startswith(CLASSIFICATION)

    def split(self, labels_n: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
        """Indices of the rows to train on, and of those to predict, for labels (n,).

        The original's folds are drawn without a seed; these follow the seed of the job. Raises UserError where there are
        more folds than rows.
        """
        from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

        kind = RepeatedStratifiedKFold if self.classify else RepeatedKFold
        try:
            yield from kind(n_splits=self.count, n_repeats=self.rounds, random_state=self.seed).split(
                labels_n, labels_n
            )
        except ValueError as error:
            raise UserError(f"Hyperparameter _kfold: got {self.count}. {error}") from None


def train(task: BoostingTask, folds: Folds, log: XGBoostLog, output_data: Path) -> list[xgboost.Booster]:
    """A model for every fold; metrics go to the log, predictions to the folder. `task.sets` hold all rows as `train`."""
    everything = task.sets["train"]
    labels_n = everything.get_label()
    boosters, metrics = [], []
    predicted: list[NDArray] = []
    for number, (training, scoring) in enumerate(folds.split(labels_n)):
        sets = {
            "train": everything.slice(training.astype(np.int32)),
            "validation": everything.slice(scoring.astype(np.int32)),
        }
        booster, history = boost(
            BoostingTask(task.parameters, task.rounds, sets, task.metrics, task.early_stop, task.callbacks)
        )
        boosters.append(booster)
        metrics.append(_last(history))
        answers = booster.predict(sets["validation"])
        if number % folds.count == 0:
            predicted.append(np.zeros((len(labels_n), *answers.shape[1:])))
        predicted[-1][scoring] = answers
        if number % folds.count == folds.count - 1:
            log.round(task.rounds, _mean(metrics[-folds.count :]))
    if folds.rounds > 1:
        log.info(f"The overall k-fold cross-validation metrics averaged across {folds.rounds} rounds")
        log.round(task.rounds, _mean(metrics))
    output_data.mkdir(parents=True, exist_ok=True)
    np.savetxt(output_data / PREDICTIONS, _table(labels_n, np.stack(predicted), folds), delimiter=",", fmt="%f")
    return boosters


def _last(history: Mapping[str, Mapping[str, list[float]]]) -> dict[str, dict[str, float]]:
    return {channel: {name: values[-1] for name, values in metrics.items()} for channel, metrics in history.items()}


def _mean(metrics: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    first = metrics[0]
    return {
        channel: {name: float(np.mean([one[channel][name] for one in metrics])) for name in names}
        for channel, names in first.items()
    }


def _table(labels_n: NDArray, predicted: NDArray, folds: Folds) -> NDArray:
    """Regression: label, mean. Classes: label, mean probability, majority label [contract: xgboost, Training output].

    `predicted` is (r, n), or (r, n, k) of probabilities. The probability is that of class 1, or of the class that won.
    """
    if not folds.classify:
        return np.column_stack([labels_n, predicted.mean(0)])
    if predicted.ndim == 3:
        return np.column_stack([labels_n, predicted.mean(0).max(-1), majority(predicted.argmax(-1))])
    if folds.objective == "multi:softmax":
        return np.column_stack([labels_n, predicted.mean(0), majority(predicted)])
    threshold = 0.0 if folds.objective == "binary:logitraw" else 0.5
    return np.column_stack([labels_n, predicted.mean(0), majority(predicted > threshold)])
