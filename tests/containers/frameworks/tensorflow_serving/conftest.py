"""SavedModels that are exported once. Without TensorFlow, tests that need one skip; `make clients` fetches a Python that has it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def affine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of one model, of which the higher one has the lower name as a word."""
    pytest.importorskip("tensorflow")
    from tests.containers.frameworks.tensorflow_serving import exported

    folder = tmp_path_factory.mktemp("affine")
    for version in (9, 10):
        exported.save_affine(folder, version)
    return folder


@pytest.fixture(scope="session")
def estimators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with signatures for predictions, classification and regression."""
    pytest.importorskip("tensorflow")
    from tests.containers.frameworks.tensorflow_serving import exported

    folder = tmp_path_factory.mktemp("old")
    exported.save_estimator(folder)
    return folder
