"""`check`: whether an algorithm accepts given hyperparameters, without a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wildsage import algorithms
from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.errors import PlatformError, WildsageError
from wildsage.containers import programs
from wildsage.containers.contract import failure
from wildsage.containers.contract.paths import OptML

if TYPE_CHECKING:  # imports the array engine
    from wildsage.algorithms.base.algorithm import Algorithm


def check(environment: Mapping[str, str], given: Sequence[str]) -> int:
    """Return 0 if a job accepts each `NAME=VALUE`. Otherwise write the reasons to the failure file and return its exit status."""
    try:
        pairs = [(name, value) for name, _, value in (text.partition("=") for text in given)]
        if program := programs.named(environment):
            algorithms.program(program).check(pairs)
        else:
            kind = algorithm_named(environment)
            hyperparameters.check(kind, pairs, kind.internal_settings())
        return 0
    except WildsageError as error:
        print(failure.reason(error), flush=True)
        failure.write(OptML.from_environment(environment), error)
        return failure.exit_status(error)


def algorithm_named(environment: Mapping[str, str]) -> type[Algorithm]:
    """The algorithm that `WILDSAGE_ALGORITHM` names. Raises PlatformError where it is not set, UserError for an unknown name."""
    name = environment.get("WILDSAGE_ALGORITHM")
    if not name:
        raise PlatformError("WILDSAGE_ALGORITHM is not set: it names the algorithm to train, for instance kmeans.")
    return algorithms.find(name)
