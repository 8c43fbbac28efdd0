"""Lines of the log, in the form of each version."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from wildsage.algorithms.xgboost.log import XGBoostLog, log_header
from wildsage.algorithms.xgboost.versions import NEWEST, OLDEST, Version

STAMP = re.compile(r"\[(\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d):(INFO|WARNING)\] (.*)")


@pytest.fixture
def said() -> list[str]:
    """What logs write."""
    return []


@pytest.mark.parametrize("version", [OLDEST, Version(0, 90, 2), Version(1, 0, 1), Version(1, 0, 9)])
def test_the_old_form_names_the_module(said, version):
    log = XGBoostLog(said.append, version)
    log.info("hello")
    log.info("from here", "its.module")
    log.warning("careful")
    assert said == ["INFO:root:hello", "INFO:its.module:from here", "WARNING:root:careful"]


@pytest.mark.parametrize("version", [Version(1, 1), Version(1, 2), NEWEST])
def test_the_new_form_has_the_time_of_day_in_utc(said, version):
    log = XGBoostLog(said.append, version)
    log.info("hello", "its.module")
    log.warning("careful")
    found = [STAMP.fullmatch(line).groups() for line in said]
    assert [rest for _, *rest in found] == [["INFO", "hello"], ["WARNING", "careful"]]
    for stamp, *_ in found:
        age = datetime.now(UTC) - datetime.strptime(stamp, "%Y-%m-%d:%H:%M:%S").replace(tzinfo=UTC)
        assert timedelta() <= age < timedelta(minutes=10)


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (Version(1, 0, 1), "Train matrix has 3 rows"),
        (Version(1, 1, 9), "Train matrix has 3 rows"),
        (Version(1, 2, 1), "Train matrix has 3 rows and 5 columns"),
        (Version(1, 2, 2), "Train matrix has 3 rows and 5 columns"),
    ],
)
def test_columns_are_shown_since_version_1_2(said, version, text):
    XGBoostLog(said.append, version).matrix("Train", 3, 5)
    assert said[0].endswith(text)


@pytest.mark.parametrize(
    ("version", "line"),
    [
        (OLDEST, "[7]\ttrain-rmse:8.09085\ttrain-mae:0.5\tvalidation-rmse:1e-07"),
        (Version(1, 0), "[7]\ttrain-rmse:8.09085\ttrain-mae:0.50000\tvalidation-rmse:0.00000"),
    ],
)
def test_a_round_is_a_line_of_all_metrics(said, version, line):
    metrics = {"train": {"rmse": 8.0908512, "mae": 0.5}, "validation": {"rmse": 1e-7}}
    XGBoostLog(said.append, version).round(7, metrics)
    assert said == [line]


GIVEN = {"num_round": "5", "objective": "reg:linear", "nested": "[" * 100_000, "constraints": "[[0, 1]]"}


@pytest.mark.parametrize("gpus", [0, 1])
def test_the_header_names_values_that_are_not_json_and_the_library(said, gpus):
    log_header(XGBoostLog(said.append, OLDEST), OLDEST, "3.2.0", GIVEN, gpus)
    unparsed = [
        line
        for name in ("objective", "nested")
        for line in (
            f"INFO:sagemaker-containers:Failed to parse hyperparameter {name} value {GIVEN[name]} to Json.",
            "Returning the value itself",
        )
    ]
    assert said == [
        "INFO:sagemaker-containers:Imported framework sagemaker_xgboost_container.training",
        *unparsed,
        *([] if gpus else ["INFO:sagemaker-containers:No GPUs detected (normal if no gpus installed)"]),
        "INFO:sagemaker_xgboost_container.training:Running XGBoost Sagemaker in algorithm mode",
        "INFO:root:Requested version 0.72; training with XGBoost 3.2.0.",
    ]
