"""Readings of a job's metrics, over the logs of all its hosts."""

from __future__ import annotations

import pytest

from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs
from wildsage.local_runner.jobs.training.readings import final_metrics, job_readings, summaries

DEFINITIONS = [{"Name": "loss", "Regex": r"loss=(\S+)"}, {"Name": "rate", "Regex": r"rate=(\S+)"}]


def job(definitions=DEFINITIONS, name: str = "a") -> dict:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": "me/own:1", "MetricDefinitions": definitions},
    }


@pytest.fixture
def logs(tmp_path, monkeypatch) -> Logs:
    """Two hosts of job `a` write in turns, at full seconds; job `a-2` is another one."""
    logs, now = Logs(tmp_path / "logs"), iter(range(1, 9))
    monkeypatch.setattr("time.time_ns", lambda: next(now) * 1_000_000_000)
    writers = {name: logs.writer(TRAINING_JOBS, name) for name in ("a/algo-2", "a/algo-1", "a-2/algo-1")}
    for stream, line in (
        ("a/algo-1", "loss=4"),
        ("a/algo-2", "loss=1 rate=7"),
        ("a/algo-1", "loss=3 rate=many"),
        ("a/algo-2", "loss=2"),
        ("a-2/algo-1", "loss=100"),
    ):
        writers[stream](line)
    for writer in writers.values():
        writer.close()
    monkeypatch.undo()
    return logs


def test_every_reading_of_every_host_counts_and_none_of_other_jobs(logs):
    assert [(one.name, one.value, one.timestamp_ms) for one in job_readings(job(), logs)] == [
        ("loss", 4, 1000),
        ("loss", 3, 3000),
        ("loss", 1, 2000),
        ("rate", 7, 2000),
        ("loss", 2, 4000),
    ]


def test_the_last_reading_of_any_host_is_final(logs):
    assert final_metrics(job(), logs) == [
        {"MetricName": "loss", "Value": 2, "Timestamp": 4.0},
        {"MetricName": "rate", "Value": 7, "Timestamp": 2.0},
    ]


def test_summaries_follow_the_time_over_all_hosts(logs):
    loss, rate = summaries(job(), logs)
    assert (loss["MetricName"], loss["Last"], loss["TimeStamp"], loss["Count"]) == ("loss", 2, 4.0, 4)
    assert (loss["Min"], loss["Max"], loss["Avg"]) == (1, 4, 2.5)
    assert loss["StdDev"] == pytest.approx(1.25**0.5)
    assert rate == {
        "MetricName": "rate",
        "TimeStamp": 2.0,
        "Count": 1,
        "Last": 7,
        "Min": 7,
        "Max": 7,
        "Avg": 7,
        "StdDev": 0,
    }


def test_a_job_without_metrics_or_without_a_log_has_no_readings(logs, tmp_path):
    assert job_readings(job(definitions=[]), logs) == []
    assert job_readings(job(), Logs(tmp_path / "nothing")) == []
    assert job_readings(job(name="none"), logs) == [] == final_metrics(job(name="none"), logs)
