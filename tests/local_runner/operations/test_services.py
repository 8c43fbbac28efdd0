"""A region's services are resumed and ended as a whole."""

from __future__ import annotations

from dataclasses import fields

import pytest

from wildsage.local_runner.operations.services import Services

RESUMED = {"training", "tuning", "transforms", "processing", "endpoints", "inferences"}


class Recorder:
    """Notes which of a service's methods were called, and in which order."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self._name, self._calls = name, calls

    def __getattr__(self, method: str):
        return lambda: self._calls.append(f"{self._name}.{method}")


@pytest.fixture
def recorded() -> tuple[Services, list[str]]:
    """Services that note what is done with them."""
    calls: list[str] = []
    return Services(**{field.name: Recorder(field.name, calls) for field in fields(Services)}), calls


def test_everything_that_a_server_left_is_resumed_once(recorded):
    services, calls = recorded
    services.restore()
    assert sorted(calls) == sorted(f"{name}.restore" for name in RESUMED)


def test_everything_ends_tuning_before_the_jobs_that_it_starts_and_the_store_last(recorded):
    services, calls = recorded
    services.close()
    assert sorted(calls) == sorted([*(f"{name}.close" for name in RESUMED), "captures.write", "store.close"])
    assert calls.index("tuning.close") < calls.index("training.close")
    assert calls.index("endpoints.close") < calls.index("captures.write")
    assert calls[-1] == "store.close"
