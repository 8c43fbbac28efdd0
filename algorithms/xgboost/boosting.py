"""Rounds of boosting with the library: what is logged, kept and decided after each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from xgboost.callback import CallbackContainer, EarlyStopping, TrainingCallback

from wildsage.algorithms.base.errors import LostHost, UserError
from wildsage.algorithms.xgboost import hosts, library_errors, metrics
from wildsage.algorithms.xgboost.log import XGBoostLog

TWEEDIE, DEFAULT_POWER = "tweedie-nloglik", 1.5
"""The one metric that the library takes with a parameter alone, the power of the variance."""

History = Mapping[str, Mapping[str, list[Any]]]


@dataclass
class EarlyStop:
    """Ends training when `metric` of `channel` (None: the last there is) has not improved in `rounds`. `keep_best` drops those."""

    rounds: int
    channel: str | None
    metric: str | None
    keep_best: bool


@dataclass
class BoostingTask:
    """What one training is to do: parameters of the library, rounds, and the sets that are evaluated after each."""

    parameters: dict[str, Any]
    rounds: int
    sets: Mapping[str, xgboost.DMatrix]
    metrics: Sequence[str] = ()
    early_stop: EarlyStop | None = None
    callbacks: Sequence[TrainingCallback] = field(default_factory=tuple)


def boost(task: BoostingTask, begin: xgboost.Booster | None = None) -> tuple[xgboost.Booster, History]:
    """Train on the set `train` and return the model and the metrics of every round.

    `begin` is a model to continue from. Raises UserError for errors that the caller can fix, AlgorithmError for anything
    else that the library rejects, PlatformError where another host is gone.
    """
    library, own = metrics.split(task.metrics)
    parameters = {**task.parameters, **_evaluation(library, own, task.parameters)}
    recorder = _Recorder()
    callbacks: list[TrainingCallback] = [_PlainName()] if TWEEDIE in library else []
    callbacks += [OwnMetrics(own, task.sets)] if own else []
    callbacks += [recorder, *task.callbacks]
    if task.early_stop:
        callbacks.append(_early_stopping(task.early_stop))
    try:
        return _rounds(parameters, task, begin, callbacks), recorder.history
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise _explained(library_errors.blamed(error), task.sets["train"].get_weight()) from None


def _explained(error: Exception, weights_n: NDArray) -> Exception:
    """The error; of rows that all have the weight 0 the library says in various words that it cannot estimate anything."""
    if isinstance(error, LostHost) or weights_n.any() or not len(weights_n):
        return error
    return UserError(f"All rows of channel train have the weight 0; expected a higher one in some of them. {error}")


def _evaluation(library: Sequence[str], own: Sequence[str], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The library's parameters for its metrics; without any, its default is left out where there are metrics of our own."""
    if not library:
        return {"disable_default_eval_metric": True} if own else {}
    power = parameters.get("tweedie_variance_power", DEFAULT_POWER)
    return {"eval_metric": [f"{TWEEDIE}@{power}" if name == TWEEDIE else name for name in library]}


def _rounds(
    parameters: dict[str, Any], task: BoostingTask, begin: xgboost.Booster | None, callbacks: list[TrainingCallback]
) -> xgboost.Booster:
    """What `xgboost.train` does, but for the numbers of the rounds: a resumed job continues the round numbers, so that
    what is drawn at random in a round is the same."""
    evals = [(matrix, name) for name, matrix in task.sets.items()]
    train = task.sets["train"]
    booster = xgboost.Booster(parameters, [matrix for matrix, _ in evals], model_file=begin)
    first = booster.num_boosted_rounds()
    container = CallbackContainer([_OrderedCallbacks(callbacks)])
    booster = container.before_training(booster)
    for number in range(first, first + task.rounds):
        if container.before_iteration(booster, number, train, evals):
            break
        booster.update(train, number)
        if container.after_iteration(booster, number, train, evals):
            break
    return container.after_training(booster)


class _OrderedCallbacks(TrainingCallback):
    """Several callbacks as one: the library calls them in any order, and none after one that ends training."""

    def __init__(self, callbacks: Sequence[TrainingCallback]) -> None:
        super().__init__()
        self._callbacks = callbacks

    def before_training(self, model: Any) -> Any:
        for callback in self._callbacks:
            model = callback.before_training(model)
        return model

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        return any([callback.before_iteration(model, epoch, evals_log) for callback in self._callbacks])  # noqa: C419  all of them, whatever the first says

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        return any([callback.after_iteration(model, epoch, evals_log) for callback in self._callbacks])  # noqa: C419  all of them, whatever the first says

    def after_training(self, model: Any) -> Any:
        for callback in self._callbacks:
            model = callback.after_training(model)
        return model


class OwnMetrics(TrainingCallback):
    """Adds the original's own metrics to the history of every set. It must come before the callbacks that read them."""

    def __init__(self, names: Sequence[str], sets: Mapping[str, xgboost.DMatrix]) -> None:
        super().__init__()
        self._names = names
        self._sets = sets

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Append the round's value of every metric on every set; never ends training."""
        for channel, matrix in self._sets.items():
            margins = model.predict(matrix, output_margin=True)
            labels_n = matrix.get_label()
            for name in self._names:
                value = metrics.compute(name, labels_n, margins) if len(labels_n) else 0.0
                evals_log.setdefault(channel, {}).setdefault(name, []).append(self._over_hosts(value, len(labels_n)))
        return False

    def _over_hosts(self, value: float, rows: int) -> float:
        """The mean over the hosts, by their rows."""
        if xgboost.collective.get_world_size() == 1:
            return value
        total, weight = xgboost.collective.allreduce(np.array([value * rows, float(rows)]), xgboost.collective.Op.SUM)
        return float(total / weight)


class _PlainName(TrainingCallback):
    """Calls the tweedie metric what the user called it, without the power."""

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        for found in evals_log.values():
            (name,) = (name for name in found if name.startswith(f"{TWEEDIE}@"))
            found.setdefault(TWEEDIE, []).extend(found.pop(name))
        return False


class RoundReport(TrainingCallback):
    """Logs the metrics of every round, in the original's form."""

    def __init__(self, log: XGBoostLog) -> None:
        super().__init__()
        self._log = log

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Log the newest value of every metric on every set; never ends training."""
        latest = {
            channel: {name: _value(values[-1]) for name, values in channel_metrics.items()}
            for channel, channel_metrics in evals_log.items()
        }
        self._log.round(epoch, latest)
        return False


class StopOnRequest(TrainingCallback):
    """Ends training after the round in which `stopping` turned true, on all hosts alike."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        super().__init__()
        self._stopping = stopping

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """True, which ends training, if any host was asked to stop."""
        return hosts.on_any(self._stopping())


class _Recorder(TrainingCallback):
    """Keeps the history that the library drops when it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.history: History = {}

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self.history = evals_log
        return False


class _EarlyStopping(EarlyStopping):
    """The library's, which counts rounds from 0 in a resumed job as well."""

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        return super().after_iteration(model, epoch - self.starting_round, evals_log)


def _early_stopping(stop: EarlyStop) -> EarlyStopping:
    return _EarlyStopping(
        rounds=stop.rounds,
        metric_name=stop.metric,
        data_name=stop.channel,
        maximize=None if stop.metric is None else metrics.maximized(stop.metric),
        save_best=stop.keep_best,
    )


def _value(value: Any) -> float:
    """A metric's value; with several hosts some versions of the library give mean and deviation."""
    return float(value[0] if isinstance(value, tuple) else value)
