"""GetMetricStatistics: the readings of a job's log in periods, and the requests that AWS rejects."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.training.states import KIND
from wildsage.local_runner.operations.cloudwatch import get_metric_statistics
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.wire.errors import AwsError

ALL = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]
JOB = [{"Name": "TrainingJobName", "Value": "job"}]


@pytest.fixture
def context(tmp_path):
    """The view of an operation on a job with readings of `loss` at 60, 61, 119.999 and 180 seconds, and one of `other`."""
    logs, values = Logs(tmp_path / "logs"), {60_000: 1.0, 61_000: 2.0, 119_999: 6.0, 180_000: -5.0}
    logs.writer(TRAINING_JOBS, "job/algo-1").close()
    (file,) = tmp_path.glob("logs/*/*")
    file.write_text("".join(f"{at}\tloss={value}\n" for at, value in values.items()) + "180000\tother=9\n")
    definitions = [{"Name": name, "Regex": f"{name}=(.*)"} for name in ("loss", "other")]
    document = {
        "TrainingJobName": "job",
        "AlgorithmSpecification": {"TrainingImage": "own", "MetricDefinitions": definitions},
    }
    with closing(Store(tmp_path / "state")) as store:
        store.insert(KIND.name, "job", document)
        yield RequestContext(SimpleNamespace(store=store, logs=logs))


def asked(**changes: Any) -> dict[str, Any]:
    request = {
        "Namespace": TRAINING_JOBS,
        "MetricName": "loss",
        "Dimensions": JOB,
        "StartTime": 0.0,
        "EndTime": 600.0,
        "Period": 60,
        "Statistics": ALL,
    }
    return {field: value for field, value in (request | changes).items() if value is not None}


def test_each_period_has_the_statistics_of_its_readings_in_order(context):
    first = {"Timestamp": 60.0, "Unit": "None", "Average": 3.0, "Sum": 9.0, "Minimum": 1.0, "Maximum": 6.0}
    last = {"Timestamp": 180.0, "Unit": "None", **dict.fromkeys(ALL[:4], -5.0), "SampleCount": 1}
    found = get_metric_statistics(context, asked())
    assert found == {"Label": "loss", "Datapoints": [first | {"SampleCount": 3}, last]}


@pytest.mark.parametrize(
    ("between", "counts"),
    [
        ({"StartTime": 60.0}, [3, 1]),
        ({"StartTime": 60.5}, [2, 1]),
        ({"EndTime": 180.0}, [3]),
        ({"EndTime": 180.5}, [3, 1]),
        ({"Period": 120}, [3, 1]),
        ({"Period": 600}, [4]),
        ({"Period": 1, "StartTime": 60.0, "EndTime": 200.0}, [1, 1, 1, 1]),
    ],
)
def test_readings_count_from_the_start_on_and_before_the_end(context, between, counts):
    points = get_metric_statistics(context, asked(**between, Statistics=["SampleCount"]))["Datapoints"]
    assert [point["SampleCount"] for point in points] == counts
    assert all(point.keys() == {"Timestamp", "Unit", "SampleCount"} for point in points)


@pytest.mark.parametrize(
    "changes",
    [
        {"Namespace": "/aws/sagemaker/Endpoints"},
        {"MetricName": "nothing"},
        {"Dimensions": [{"Name": "TrainingJobName", "Value": "another"}]},
        {"Dimensions": [{"Name": "Host", "Value": "algo-1"}]},
        {"Dimensions": [*JOB, {"Name": "Host", "Value": "algo-1"}]},
        {"Dimensions": None},
    ],
)
def test_other_metrics_have_no_datapoints(context, changes):
    assert get_metric_statistics(context, asked(**changes))["Datapoints"] == []


def test_percentiles_are_left_out(context):
    points = get_metric_statistics(context, asked(Statistics=None, ExtendedStatistics=["p90"]))["Datapoints"]
    assert points == [{"Timestamp": at, "Unit": "None"} for at in (60.0, 180.0)]


@pytest.mark.parametrize(
    "changes",
    [
        *({"Period": period} for period in (1, 5, 10, 20, 30, 60, 120)),
        {"Period": 60, "EndTime": 1440.0 * 60},
        {"EndTime": 0.001},
    ],
)
def test_requests_that_are_accepted(context, changes):
    assert get_metric_statistics(context, asked(**changes))["Label"] == "loss"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"Statistics": None}, "InvalidParameterCombination", "Either Statistics or ExtendedStatistics is needed"),
        ({"ExtendedStatistics": ["p90"]}, "InvalidParameterCombination", "but not both"),
        ({"StartTime": 600.0}, "InvalidParameterValue", "StartTime must be less than the parameter EndTime"),
        ({"Period": 61}, "InvalidParameterValue", "Period: got 61, expected 1, 5, 10, 20, 30 or a multiple of 60"),
        ({"Period": 2}, "InvalidParameterValue", "Period: got 2"),
        (
            {"EndTime": 1440.0 * 60 + 1},
            "InvalidParameterCombination",
            "up to 1,441 datapoints, which exceeds the limit of 1,440",
        ),
    ],
)
def test_requests_that_are_rejected(context, changes, code, words):
    with pytest.raises(AwsError, match=words) as caught:
        get_metric_statistics(context, asked(**changes))
    assert caught.value.code == code
