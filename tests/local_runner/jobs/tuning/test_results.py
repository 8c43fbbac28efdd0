"""What a tuning job says of its training jobs."""

from __future__ import annotations

import pytest

from tests.local_runner.jobs.tuning.requests import ARN, tuning_job
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.jobs.tuning import results


def job(status: str = "Completed", value: float | None = 0.5, kind: str = "Minimize", **fields: object) -> Document:
    found = [{"MetricName": "loss", "Value": 9.0}]
    if value is not None:
        found.append({"MetricName": "ObjectiveMetric", "Value": value})
    return {
        "TrainingJobName": "search-001",
        "TrainingJobStatus": status,
        "TrainingJobDefinitionName": "",
        "TuningObjective": {"Type": kind, "MetricName": "loss"},
        "FinalMetricDataList": found,
        **fields,
    }


@pytest.mark.parametrize(
    ("status", "value", "objective", "shown"),
    [
        ("Completed", 0.5, 0.5, "Succeeded"),
        ("Stopped", 0.5, 0.5, "Succeeded"),
        ("Completed", 0.0, 0.0, "Succeeded"),
        ("Completed", None, None, "Failed"),
        ("Failed", 0.5, None, "Failed"),
        ("InProgress", 0.5, None, "Pending"),
        ("Stopping", 0.5, None, "Pending"),
    ],
)
def test_a_job_that_ended_without_a_failure_has_its_last_reading(status, value, objective, shown):
    one = job(status, value)
    assert (results.objective(one), results.objective_status(one)) == (objective, shown)
    summary = results.summary(one)
    assert summary["ObjectiveStatus"] == shown
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
    expected = {"Type": "Minimize", "MetricName": "loss", "Value": objective}
    assert metric == (None if objective is None else expected)


def test_a_summary_has_awss_fields_and_names_a_definition_that_has_a_name():
    assert results.summary(job(FailureReason="x", Hidden=1)) == {
        "TrainingJobName": "search-001",
        "TrainingJobStatus": "Completed",
        "FailureReason": "x",
        "ObjectiveStatus": "Succeeded",
        "FinalHyperParameterTuningJobObjectiveMetric": {"Type": "Minimize", "MetricName": "loss", "Value": 0.5},
    }
    assert results.summary(job(TrainingJobDefinitionName="one"))["TrainingJobDefinitionName"] == "one"
    assert results.objective(job(FinalMetricDataList=[])) is None


def test_the_best_job_comes_first_and_of_equals_the_earlier():
    for kind, order in (("Minimize", "bdac"), ("Maximize", "cabd")):
        jobs = [
            job(value=value, kind=kind, Name=name) for name, value in zip("abcd", (2.0, 1.0, 3.0, 1.0), strict=True)
        ]
        jobs += [job("Failed", 0.0, kind), job("InProgress", 9.0, kind), job("Completed", None, kind)]
        assert [one["Name"] for one in results.ranked(jobs)] == list(order)
    assert results.ranked([]) == []


def test_every_job_is_counted_once_by_status_and_once_by_objective():
    here, theirs = "InternalServerError: no disk", "ClientError: no data"
    jobs = [
        job("Completed"),
        job("Completed", None),
        job("Stopped"),
        job("InProgress"),
        job("Stopping"),
        job("Failed", FailureReason=here),
        job("Failed", FailureReason=theirs),
        job("Failed"),
    ]
    assert results.status_counters(jobs) == {
        "TrainingJobStatusCounters": {
            "Completed": 2,
            "InProgress": 2,
            "RetryableError": 1,
            "NonRetryableError": 2,
            "Stopped": 1,
        },
        "ObjectiveStatusCounters": {"Succeeded": 2, "Pending": 2, "Failed": 4},
    }
    assert [results.failed_here(one) for one in jobs[-3:]] == [True, False, False]


def test_jobs_of_a_deleted_tuning_job_of_the_same_name_are_not_its_own(tmp_path):
    store, tuning = Store(tmp_path / "state"), tuning_job()
    for name, created in (("second", 1_001.0), ("first", 1_000.0), ("before", 999.0)):
        one = job(TrainingJobName=name, CreationTime=created, TuningJobArn=ARN)
        store.insert("training-job", name, one)
    store.insert("training-job", "other", job(CreationTime=1_002.0, TuningJobArn=f"{ARN}-2"))
    assert [one["TrainingJobName"] for one in results.trained(store, tuning)] == ["first", "second"]
    store.close()
