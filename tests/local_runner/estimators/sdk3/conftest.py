"""A session of SDK v3 with the local AWS and an estimator whose container is the stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.utils.utils import SageMakerClient

from tests import aws_models  # noqa: F401  the SDK opens sessions of its own
from wildsage.local_runner.estimators.estimator import Estimator
from wildsage.local_runner.estimators.hyperparameters import Hyperparameter


class Stopped(Exception):
    """A request was noted and not sent."""


class StandIn(Estimator):
    """Trains with the stand-in, which does what these hyperparameters say."""

    repository = "kmeans"
    fixed = {"name": "fixed"}

    sleep_s = Hyperparameter(float)
    status = Hyperparameter(int, name="exit")
    lines = Hyperparameter(str)


@pytest.fixture(scope="session")
def session() -> Session:
    """A session of SDK v3."""
    return Session()


@pytest.fixture
def requests(session: Session) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Makes lists of what is asked of SageMaker. With `stop` a request ends there, with the error `Stopped`."""
    events = SageMakerClient(session.boto_session, session.boto_region_name).sagemaker_client.meta.events
    watched: list[tuple[str, Callable[..., None]]] = []

    def watch(operation: str, stop: bool = False) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        def note(params: dict[str, Any], **_: Any) -> None:
            found.append(dict(params))
            if stop:
                raise Stopped

        watched.append((f"provide-client-params.sagemaker.{operation}", note))
        events.register(*watched[-1])
        return found

    yield watch
    for each in watched:
        events.unregister(*each)


@pytest.fixture
def stand_in(session: Session) -> Callable[..., StandIn]:
    """Makes estimators."""

    def make(count: int = 1, **settings: Any) -> StandIn:
        return StandIn("WildsageRole", count, "ml.m5.large", sagemaker_session=session, **settings)

    return make


@pytest.fixture(scope="session")
def rows_n2() -> NDArray[np.float32]:
    """Seven rows."""
    return np.arange(14, dtype=np.float32).reshape(7, 2)
