"""An algorithm's page must agree with its code. Where it does not, the failure prints what to paste."""

from pathlib import Path

import pytest

from wildsage import algorithms
from wildsage.algorithms.base.hyperparameters import table

FOLDER = Path(algorithms.__file__).parent


@pytest.fixture
def page(name) -> str:
    path = FOLDER / name / "README.md"
    return path.read_text() if path.is_file() else ""


def test_the_readme_shows_the_declared_hyperparameters(name, page):
    declared = table(algorithms.find(name))
    if declared not in page:
        pytest.fail(f"algorithms/{name}/README.md does not have this table; paste it:\n\n{declared}\n", pytrace=False)


def test_the_readme_names_every_internal_setting_column_and_metric(name, page):
    kind = algorithms.find(name)
    words = {
        "Internal settings": kind.internal_settings(),
        "Columns of an answer": (*kind.spec.response.columns, *kind.spec.response.verbose),
        "Metrics of channel `test`": [f"test:{metric.defined_as or metric.name}" for metric in kind.spec.metrics],
        "Content types": kind.spec.content_types,
    }
    lacking = {title: [f"`{word}`" for word in some if f"`{word}`" not in page] for title, some in words.items()}
    lines = [f"{title}: {', '.join(some)}." for title, some in lacking.items() if some]
    if lines:
        pytest.fail(f"algorithms/{name}/README.md does not say this; paste it:\n\n" + "\n\n".join(lines), pytrace=False)
