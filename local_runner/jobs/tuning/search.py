"""Which hyperparameters a tuning job tries next. optuna searches; this module translates between it and SageMaker.

Bayesian is a tree-structured Parzen estimator over all hyperparameters together [Bergstra et al. 2011; Falkner et al. 2018]
that avoids the neighbourhood of jobs that still run; SageMaker's is a Gaussian process. Hyperband [Li et al. 2018]
stops jobs that fall behind the others of their bracket, and draws at random. Grid tries all combinations. No search tries
the same values twice: if a sampler suggests values again, a random suggestion takes their place.

References

- Bergstra, Bardenet, Bengio & Kégl (2011). Algorithms for hyper-parameter optimization. NIPS.
  https://proceedings.neurips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690-Abstract.html
- Falkner, Klein & Hutter (2018). BOHB: Robust and efficient hyperparameter optimization at scale. ICML. arXiv:1807.01774
- Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar (2018). Hyperband. JMLR 18(185). arXiv:1603.06560
"""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Sequence
from typing import Protocol

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial, TrialState, create_trial

from wildsage.local_runner.jobs.tuning.ranges import Choice, Number, Range, Resources, Values, combinations

REDUCTION = 3
"""Hyperband continues one of this many jobs at each rung."""


class Search(Protocol):
    """A search over one set of ranges. `ask` numbers the jobs from 0."""

    def ask(self) -> tuple[int, dict[str, str]] | None:
        """The number of the next job, and values that no other job had; None if no values are left."""

    def tell(self, number: int, objective: float | None) -> None:
        """Report the objective of a job that has ended; None if it has no objective."""

    def falls_behind(self, number: int, readings: Sequence[float]) -> bool:
        """Whether a running job should be stopped, given all its readings of the objective so far."""

    def learn(self, values: Values, objective: float | None) -> None:
        """Learn from a job that began before this search did; None if it has no objective, or none yet.

        Its values are not tried again. A job outside the ranges is ignored.
        """

    def suggest(self, values: Values) -> None:
        """Try these values soon, as far as they are within the ranges."""


class Grid:
    """Every combination once, in the order of the ranges; the last range changes fastest."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        names = [one.name for one in choices]
        products = itertools.product(*(one.words for one in choices))
        self._jobs = enumerate(dict(zip(names, words, strict=True)) for words in products)
        self._done: list[Values] = []

    def ask(self) -> tuple[int, dict[str, str]] | None:
        return next(((number, values) for number, values in self._jobs if values not in self._done), None)

    def tell(self, number: int, objective: float | None) -> None:
        """A grid learns nothing."""

    def falls_behind(self, number: int, readings: Sequence[float]) -> bool:
        return False

    def learn(self, values: Values, objective: float | None) -> None:
        self._done.append(dict(values))

    def suggest(self, values: Values) -> None:
        """A grid tries everything anyway."""


class Sampled:
    """Random, Bayesian or Hyperband search by an optuna study."""

    def __init__(
        self,
        strategy: str,
        ranges: Sequence[Range],
        maximize: bool,
        seed: int | None,
        resources: Resources | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._ranges = {one.name: one for one in ranges}
        self._space = {one.name: _distribution(one) for one in ranges}
        self._resources = resources
        self._trials: dict[int, Trial] = {}
        self._tried: list[Values] = []
        self._random = random.Random(seed)
        self._study = optuna.create_study(
            study_name=strategy,  # Hyperband draws a job's bracket from it
            direction="maximize" if maximize else "minimize",
            sampler=_sampler(strategy, seed),
            pruner=optuna.pruners.HyperbandPruner(resources.least, resources.most, REDUCTION) if resources else None,
        )

    def ask(self) -> tuple[int, dict[str, str]] | None:
        if len(self._tried) >= combinations(self._ranges.values()):
            return None
        while (values := self._texts(trial := self._study.ask(self._space))) in self._tried:
            self._study.tell(trial, state=TrialState.FAIL)  # the sampler ignores failed trials
            self.suggest({name: one.draw(self._random) for name, one in self._ranges.items()})
        self._tried.append(values)
        self._trials[trial.number] = trial
        return trial.number, values

    def tell(self, number: int, objective: float | None) -> None:
        trial = self._trials.pop(number)
        if objective is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, objective)

    def falls_behind(self, number: int, readings: Sequence[float]) -> bool:
        if self._resources is None:
            return False
        trial = self._trials[number]
        known = self._study.trials[number].intermediate_values
        for step in range(len(known) + 1, len(readings) + 1):
            trial.report(readings[step - 1], step)
            if step >= self._resources.most or trial.should_prune():
                return True
        return False

    def learn(self, values: Values, objective: float | None) -> None:
        params = self._params(values)
        if len(params) < len(self._space):
            return
        if objective is not None:
            self._study.add_trial(create_trial(params=params, distributions=self._space, value=objective))
        if (known := {name: self._text(name, value) for name, value in params.items()}) not in self._tried:
            self._tried.append(known)

    def suggest(self, values: Values) -> None:
        self._study.enqueue_trial(self._params(values), skip_if_exists=True)

    def _texts(self, trial: Trial) -> dict[str, str]:
        return {name: self._text(name, value) for name, value in trial.params.items()}

    def _text(self, name: str, value: float | str) -> str:
        one = self._ranges[name]
        if isinstance(one, Number):
            return one.text(min(max(_reflected(one, float(value)), one.low), one.high))  # reflecting rounds
        return str(value)

    def _params(self, values: Values) -> dict[str, float | str]:
        """The hyperparameters that are within their ranges, as values of optuna."""
        found: dict[str, float | str] = {}
        for name, one in self._ranges.items():
            value = one.value(values.get(name, ""))
            if value is not None:
                found[name] = _optuna_value(one, value)
        return found


def search(
    strategy: str, ranges: Sequence[Range], maximize: bool, seed: int | None, resources: Resources | None = None
) -> Search:
    """The search of a strategy: Bayesian, Random, Grid (categorical ranges only) or Hyperband (with `resources`)."""
    if strategy == "Grid":
        return Grid([one for one in ranges if isinstance(one, Choice)])
    return Sampled(strategy, ranges, maximize, seed, resources)


def _sampler(strategy: str, seed: int | None) -> optuna.samplers.BaseSampler:
    if strategy != "Bayesian":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # both options have existed for years
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


def _distribution(one: Range) -> BaseDistribution:
    if isinstance(one, Choice):
        return CategoricalDistribution(one.words)
    low, high = sorted((_reflected(one, one.low), _reflected(one, one.high)))
    scaled = one.scaling != "Linear"
    return IntDistribution(int(low), int(high), log=scaled) if one.whole else FloatDistribution(low, high, log=scaled)


def _reflected(one: Number, value: float) -> float:
    """The distance from 1, whose logarithmic scaling is reverse logarithmic scaling. It is its own inverse."""
    return 1.0 - value if one.scaling == "ReverseLogarithmic" else value


def _optuna_value(one: Range, value: float | str) -> float | str:
    if isinstance(one, Choice):
        return value
    reflected = _reflected(one, float(value))
    return int(reflected) if one.whole else reflected
