"""One training job: settings, data, boosting, model file."""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost
from xgboost.callback import TrainingCallback

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.program import Job
from wildsage.algorithms.xgboost import (
    boosting,
    checkpoints,
    cross_validation,
    hosts,
    hyperparameters,
    labels,
    model_files,
    parameters,
)
from wildsage.algorithms.xgboost.boosting import BoostingTask, EarlyStop, RoundReport, StopOnRequest
from wildsage.algorithms.xgboost.data import content_types
from wildsage.algorithms.xgboost.data.channel import ChannelReader
from wildsage.algorithms.xgboost.data.matrix import MatrixSettings
from wildsage.algorithms.xgboost.hyperparameters import Values
from wildsage.algorithms.xgboost.log import XGBoostLog, log_header
from wildsage.algorithms.xgboost.versions import Version

MODEL_FILE = "xgboost-model"
CHANNELS = ("train", "validation", "code")
INPUT_MODES = ("File", "FastFile", "Pipe")
STOPPED_STATUS = 143


class BoostingJob:
    """A job of the version that its image's tag asks for."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._version = Version.from_tag(job.tag)
        self._log = XGBoostLog(job.log, self._version)
        log_header(self._log, self._version, xgboost.__version__, job.hyperparameters, parameters.gpus())
        self._values: Values = hyperparameters.parse(job.hyperparameters, self._version)
        _check_channels(job)

    def run(self) -> None:
        """Read, train, save. Hosts without rows end early; the others do it together.

        Raises UserError for channels without rows, and for data or hyperparameters that cannot be used.
        """
        train, validation = self._read()
        rows = train.num_row() if train else 0
        self._check_rows(rows, validation)
        with hosts.together(self._job, rows) as joined:
            if train is None and joined:
                self._log.warning(
                    f"Host {self._job.host} does not have data. Will broadcast to cluster and will not be used in "
                    "distributed training."
                )
            elif train is not None:
                self._boost(train, validation, joined)
        if not joined:
            raise UserError(f"No data in training channel path {self._job.channels['train'].folder}")

    def _read(self) -> tuple[xgboost.DMatrix | None, xgboost.DMatrix | None]:
        """Both channels, in the format that the training channel names."""
        channels = self._job.channels
        form = content_types.parse(channels["train"].content_type)
        weights = self._values.get("csv_weights") == 1
        settings = MatrixSettings(self._max_bin(), self._values.get("nthread"))
        reader = ChannelReader(form, self._version, weights, settings, self._job.records, self._job.log)
        train = reader.read(channels["train"])
        validation = reader.read(channels["validation"], train) if "validation" in channels else None
        if train is not None and validation is None and len(self._job.hosts) > 1:
            validation = _without_rows(train)
        if train is not None and validation is not None and form in (content_types.CSV, content_types.PARQUET):
            _check_widths(train.num_col(), validation.num_col())
        return train, validation

    def _max_bin(self) -> int | None:
        """The number of bins where a matrix of them is all that the job needs: one host, and no rows to be dealt into folds."""
        if len(self._job.hosts) > 1 or self._folds():
            return None
        return parameters.max_bin(self._values, self._version)

    def _check_rows(self, rows: int, validation: xgboost.DMatrix | None) -> None:
        """On one host both channels must hold rows."""
        if len(self._job.hosts) > 1:
            return
        for name, empty in (("train", not rows), ("validation", validation is None)):
            if name in self._job.channels and empty:
                kind = "training" if name == "train" else name
                raise UserError(f"No data in {kind} channel path {self._job.channels[name].folder}")

    def _boost(self, train: xgboost.DMatrix, validation: xgboost.DMatrix | None, joined: list[str]) -> None:
        master = self._job.host == joined[0]
        labels.check(train.get_label(), self._values.get("objective", ""), self._values.get("num_class", 0))
        self._log.info(
            "Single node training."
            if len(self._job.hosts) == 1
            else f"Distributed node training with {len(joined)} hosts: {joined}"
        )
        self._log.matrix("Train", train.num_row(), train.num_col())
        sets = {"train": train}
        if hosts.on_any(validation is not None and validation.num_row() > 0):
            assert validation is not None
            self._log.matrix("Validation", validation.num_row(), validation.num_col())
            sets["validation"] = validation
        if self._values.get("objective") == "survival:aft" or "interval-regression-accuracy" in self._metrics():
            for matrix in sets.values():
                labels.set_exact_times(matrix)
        task = BoostingTask(
            self._parameters(train, joined),
            self._values["num_round"],
            sets,
            self._metrics(),
            self._early_stop(sets, master),
        )
        if folds := self._folds():
            self._cross_validate(task, folds)
        else:
            self._train(task, master)

    def _parameters(self, train: xgboost.DMatrix, joined: list[str]) -> dict[str, Any]:
        return parameters.for_library(self._values, self._version, train.num_row(), len(joined))

    def _train(self, task: BoostingTask, master: bool) -> None:
        begin = None
        if self._job.checkpoints and (found := checkpoints.newest(self._job.checkpoints)):
            begin, done = found
            task.rounds = max(0, task.rounds - done)
            self._log.info(f"Checkpoint loaded from {self._job.checkpoints}/xgboost-checkpoint.{done - 1}")
            self._log.info(f"Resuming from iteration {done}")
        callbacks: list[TrainingCallback] = [RoundReport(self._log)] if master else []
        if self._job.checkpoints:
            callbacks.append(checkpoints.ReseedEachRound(task.parameters))
        if self._job.checkpoints and master:
            callbacks.append(checkpoints.SaveCheckpoints(self._job.checkpoints))
        task.callbacks = [*callbacks, StopOnRequest(self._job.stopping)]
        booster = begin if begin and not task.rounds else boosting.boost(task, begin)[0]
        if master:
            self._end(booster)

    def _end(self, booster: xgboost.Booster) -> None:
        """Save the model; a job that was stopped has one only if it asked for it."""
        if not self._job.stopping() or self._values.get("save_model_on_termination") == "true":
            self._save(booster, MODEL_FILE)
            return
        self._log.warning("SIGTERM received; save_model_on_termination is not true, so no model is saved.")

    def _cross_validate(self, task: BoostingTask, folds: cross_validation.Folds) -> None:
        task.callbacks = [StopOnRequest(self._job.stopping)]
        boosters = cross_validation.train(task, folds, self._log, self._job.output_data)
        for number, booster in enumerate(boosters):
            self._save(booster, f"{MODEL_FILE}-{number}")

    def _folds(self) -> cross_validation.Folds | None:
        count = self._values.get("_kfold") or self._values.get("_nfold")
        if not count:
            return None
        objective = self._values.get("objective", "")
        return cross_validation.Folds(
            count, self._values.get("_num_cv_round", 1), objective, self._values.get("seed", 0)
        )

    def _save(self, booster: xgboost.Booster, name: str) -> None:
        self._job.model.mkdir(parents=True, exist_ok=True)
        path = self._job.model / name
        path.write_bytes(model_files.write(booster, self._version.pickles))
        self._log.info(f"Stored trained model at {path}")

    def _metrics(self) -> list[str]:
        """Those that the user wrote, and the one that a tuning job asks for."""
        tuned = self._tuned_metric()
        return [*self._values.get("eval_metric", ()), *([tuned] if tuned else ())]

    def _tuned_metric(self) -> str | None:
        named = self._values.get("_tuning_objective_metric")
        return named.partition(":")[2] if named else None

    def _early_stop(self, sets: dict[str, xgboost.DMatrix], master: bool) -> EarlyStop | None:
        """By version: the library's own rule, or only with a validation channel and a metric [contract: What it does]."""
        rounds = self._values.get("early_stopping_rounds")
        if not rounds:
            return None
        if self._version.stops_early_by_library:
            return EarlyStop(rounds, None, None, keep_best=False)
        metric = self._tuned_metric() or next(reversed(self._values.get("eval_metric", ())), None)
        if metric is None or "validation" not in sets:
            return None
        return EarlyStop(rounds, "validation", metric, keep_best=self._values.get("booster") != "gblinear")


def _check_widths(train: int, validation: int) -> None:
    """Raise UserError where the channels are not equally wide; the library would take what is not there for missing values."""
    if train != validation:
        raise UserError(f"Channel validation has {validation} features, and train has {train}; expected as many.")


def _without_rows(like: xgboost.DMatrix) -> xgboost.DMatrix:
    """A matrix of as many columns. Hosts evaluate together, so one that has no rows for it must have such a matrix.

    It has to be made before the hosts are joined: among joined hosts the library makes matrices together.
    """
    return xgboost.DMatrix(np.empty((0, like.num_col()), np.float32), label=np.empty(0, np.float32))


def _check_channels(job: Job) -> None:
    """Raise UserError in the original's words for channels that are missing, unknown, or come in another way."""
    if "train" not in job.channels:
        raise UserError("Missing required channel: train")
    for name, channel in job.channels.items():
        if name not in CHANNELS:
            raise UserError(f"Extraneous channel found: {name}. Expected train, and validation if there is one.")
        if channel.input_mode not in INPUT_MODES:
            raise UserError(f"Channel configuration for '{name}' channel is not supported: {dict(channel.description)}")
    content_types.parse(job.channels["train"].content_type)
