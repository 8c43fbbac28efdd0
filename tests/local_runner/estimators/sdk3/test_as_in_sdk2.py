"""Each of the five classes takes, rejects and sends the hyperparameters that its namesake in SDK v2 does."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from wildsage import KNN, PCA, FactorizationMachines, KMeans, LinearLearner
from wildsage.local_runner.estimators.hyperparameters import declared, formatted

CLASSES = (KMeans, PCA, KNN, FactorizationMachines, LinearLearner)


@pytest.fixture(scope="module")
def sdk2() -> dict[str, dict[str, list[tuple[object, dict[str, str] | None]]]]:
    """Class → attribute → values, and what SDK v2 sends for each; None where it rejects the value."""
    return json.loads(Path(os.environ["HYPERPARAMETERS_OF_SDK2"]).read_text())


def accepted(kind, attribute, value):
    estimator = object.__new__(kind)
    try:
        setattr(estimator, attribute, value)
    except ValueError:
        return None
    return formatted(estimator)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_hyperparameters_are_those_of_sdk_v2(kind, sdk2):
    expected = sdk2[kind.__name__]
    assert {one.attribute for one in declared(kind)} == set(expected)
    for attribute, values in expected.items():
        for value, sent in values:
            assert (attribute, value, accepted(kind, attribute, value)) == (attribute, value, sent)
