"""XGBoost as Amazon's open image runs it in algorithm mode [contract: xgboost]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from wildsage.algorithms.base.endpoint import Endpoint
from wildsage.algorithms.base.imports import lasting
from wildsage.algorithms.base.program import Job, Program, Records
from wildsage.algorithms.xgboost import hyperparameters


class XGBoost(Program):
    """Gradient boosted trees, or a linear model, by the library `xgboost` (Chen and Guestrin 2016).

    >>> from wildsage.algorithms.xgboost.algorithm import XGBoost
    >>> XGBoost().check([("num_round", "50"), ("eta", "2")])
    Traceback (most recent call last):
    ...
    wildsage.algorithms.base.errors.UserError: Hyperparameter eta: 2.0 is not in [0, 1]
    """

    def table(self) -> str:
        return hyperparameters.table()

    def check(self, given: Iterable[tuple[str, str]]) -> None:
        hyperparameters.check(given)

    def train(self, job: Job) -> None:
        from wildsage.algorithms.xgboost.data.late_loops import LATE_LOOPS

        LATE_LOOPS.expect(job.channels)  # they are loaded while the library is imported
        with lasting():  # mutants: equivalent: time alone
            from wildsage.algorithms.xgboost.training import BoostingJob

        BoostingJob(job).run()

    def load(self, folder: Path, environment: Mapping[str, str], records: Records) -> Endpoint:
        with lasting():  # mutants: equivalent: time alone
            from wildsage.algorithms.xgboost.serving.endpoint import load

        return load(folder, environment, records)


PROGRAM = XGBoost()
