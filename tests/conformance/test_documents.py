"""An algorithm's page must agree with its code."""

from pathlib import Path

import pytest

from wildsage import algorithms
from wildsage.algorithms.base.hyperparameters import table

FOLDER = Path(algorithms.__file__).parent


@pytest.mark.parametrize("name", algorithms.names())
def test_the_readme_shows_the_declared_hyperparameters(name):
    assert table(algorithms.find(name)) in (FOLDER / name / "README.md").read_text()


@pytest.mark.parametrize("name", algorithms.names())
def test_the_readme_names_every_internal_setting_column_and_metric(name):
    kind = algorithms.find(name)
    page = (FOLDER / name / "README.md").read_text()
    metrics = [f"test:{metric.name}" for metric in kind.spec.metrics]
    for word in [*kind.internal_settings(), *kind.spec.response.columns, *metrics, *kind.spec.content_types]:
        assert f"`{word}`" in page, word
