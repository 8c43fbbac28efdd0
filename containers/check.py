"""`check`: whether an algorithm accepts given hyperparameters, without a job; and whether it would begin a job.

The array engine is not imported for algorithms that declare their hyperparameters in a module of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wildsage import algorithms
from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.errors import PlatformError, WildsageError
from wildsage.containers.contract import failure
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.input import declared_channels


def check(environment: Mapping[str, str], given: Sequence[str]) -> int:
    """Return 0 if a job accepts each `NAME=VALUE`. Otherwise write the reasons to the failure file and return its exit status."""
    try:
        _check_values(algorithm_name(environment), [_pair(text) for text in given])
        return 0
    except WildsageError as error:
        print(failure.reason(error))
        failure.write(OptML.from_environment(environment), error)
        return failure.exit_status(error)


def check_job(name: str, job: TrainingJob) -> None:
    """Raise the error that the job would fail with before it reads data: UserError for hyperparameters and channels.

    Left to the job are the channels of a program, and what its hyperparameters demand of each other; and the hyperparameters of an
    algorithm that declares them in its class, because that would import torch.
    """
    spec = algorithms.spec(name)
    if spec.program:
        algorithms.program(name).check(job.hyperparameters.items())
        return
    if kind := algorithms.hyperparameters_of(name):
        hyperparameters.parse(kind, job.hyperparameters, kind.internal_settings())
    declared_channels.media_types(spec, job)


def algorithm_name(environment: Mapping[str, str]) -> str:
    """What `WILDSAGE_ALGORITHM` says. Raises PlatformError where it is not set."""
    name = environment.get("WILDSAGE_ALGORITHM")
    if not name:
        raise PlatformError("WILDSAGE_ALGORITHM is not set: it names the algorithm to train, for instance kmeans.")
    return name


def _check_values(name: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Each value by itself. Raises UserError for values that no job accepts, and for an unknown algorithm."""
    if algorithms.spec(name).program:
        algorithms.program(name).check(pairs)
    else:
        kind = algorithms.hyperparameters_of(name) or algorithms.find(name)
        hyperparameters.check(kind, pairs, kind.internal_settings())


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value
