"""What `wildsage jobs` says of a job, from its document alone, with and without a server."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
import typer

from wildsage.local_runner.commands.jobs import record, require_status, shown_status, words
from wildsage.local_runner.jobs.states import WAITS
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.transform.job import KIND
from wildsage.local_runner.monitor.overview import KINDS, JobSummary
from wildsage.local_runner.settings import ServerSettings

ARN = "arn:aws:sagemaker:eu-west-1:000000000000:transform-job/"


def job(status: str, phase: str = "Training", *, waits: bool = False, ended: float | None = None) -> JobSummary:
    return JobSummary(KINDS[0], "j", f"{ARN}j", status, phase, 1.0, ended, "why", waits=waits)


@pytest.mark.parametrize(
    ("found", "alive", "shown"),
    [
        (job("InProgress"), True, "Training"),
        (job("InProgress"), False, "Interrupted"),
        (job("InProgress", waits=True), True, "Pending"),
        (job("InProgress", waits=True), False, "Pending"),
        (job("Stopping", "Stopping"), True, "Stopping"),
        (job("Completed", "Completed"), True, "Completed"),
        (job("Failed", "Failed", waits=True), False, "Failed"),
    ],
)
def test_the_status_of_a_job(found, alive, shown):
    assert shown_status(found, alive) == shown
    assert words(found, alive) == (shown.lower(), found.status.lower())


def test_a_job_as_json():
    assert record(job("Completed", ended=2.0), False) == {
        "kind": "training",
        "name": "j",
        "arn": f"{ARN}j",
        "status": "Completed",
        "created": 1.0,
        "ended": 2.0,
        "region": "eu-west-1",
        "reason": "why",
    }


@pytest.mark.parametrize("status", [None, "Failed", "failed", "TRAINING", "Stopping"])
def test_a_status_may_be_written_in_any_case(status):
    assert require_status(status) == status


def test_other_words_are_no_status():
    with pytest.raises(typer.BadParameter, match="got 'done', expected one of Completed, Failed, Stopped"):
        require_status("done")


@pytest.fixture
def at_rest(tmp_path):
    """A folder with 21 jobs that have ended, of which the newest has failed, and an older one that waits."""
    folder = ServerSettings(tmp_path).region("eu-west-1")
    folder.path.mkdir(parents=True)
    with closing(Store(folder.state)) as store:
        for number in range(22):
            name = f"j{number:02d}"
            waits = {WAITS: True, "TransformJobStatus": "InProgress"} if number == 0 else {}
            document = {
                "TransformJobName": name,
                "TransformJobArn": f"{ARN}{name}",
                "TransformJobStatus": "Failed" if number == 21 else "Completed",
                "FailureReason": "no rows" if number == 21 else "",
                "CreationTime": 1000.0 + number,
                "TransformEndTime": 1005.0 + number,
                "LastModifiedTime": 1.0,
            }
            if number == 0:
                del document["TransformEndTime"]
            store.insert(KIND.name, name, document | waits)
    return tmp_path


def names(said) -> list[str]:
    return [row["name"] for row in said.cells]


def test_the_newest_twenty_are_shown_and_the_others_counted(cli, at_rest):
    said = cli("jobs", "--data", at_rest)
    assert names(said) == [f"j{number:02d}" for number in range(21, 1, -1)]
    assert said.err == "2 older jobs are not shown; --limit 0 shows all."
    first = said.cells[0]
    assert (first["kind"], first["status"], first["took"], first["reason"]) == (
        "transform",
        "Failed",
        "5.0 s",
        "no rows",
    )


@pytest.mark.parametrize(
    ("limit", "count", "hidden"), [("0", 22, False), ("22", 22, False), ("21", 21, True), ("1", 1, True)]
)
def test_a_limit_counts_jobs_and_0_shows_all(cli, at_rest, limit, count, hidden):
    said = cli("jobs", "--data", at_rest, "--limit", limit)
    assert len(names(said)) == count
    assert ("older jobs are not shown" in said.err) == hidden


@pytest.mark.parametrize(
    ("status", "wanted"), [("failed", ["j21"]), ("Pending", ["j00"]), ("inprogress", ["j00"]), ("Stopped", [])]
)
def test_jobs_of_a_status(cli, at_rest, status, wanted):
    assert names(cli("jobs", "--data", at_rest, "--status", status)) == wanted


def test_jobs_as_json_are_one_a_line(cli, at_rest):
    said = cli("jobs", "--data", at_rest, "--json", "--limit", "2")
    found = [json.loads(line) for line in said.out.splitlines()]
    assert [(one["name"], one["created"], one["ended"]) for one in found] == [
        ("j21", 1021.0, 1026.0),
        ("j20", 1020.0, 1025.0),
    ]


def test_a_job_that_waits_has_no_progress_and_its_time_is_unknown_without_a_server(cli, at_rest):
    (row,) = cli("jobs", "--data", at_rest, "--status", "Pending").cells
    assert (row["progress"], row["took"], row["status"]) == ("", "", "Pending")
    assert row["started"].startswith(time.strftime("%Y", time.localtime(1000)))
