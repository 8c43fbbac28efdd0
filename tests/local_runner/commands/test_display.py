"""The display of what runs: one line for each job, whatever the width."""

from __future__ import annotations

import time

import pytest
from rich.console import Console

from wildsage.local_runner.commands.display import event_line, render
from wildsage.local_runner.monitor.overview import KINDS, EndpointSummary, JobSummary
from wildsage.local_runner.monitor.watch import Event, Snapshot

NOW = time.time()


def drawn(thing, width: int) -> list[str]:
    console = Console(width=width)
    with console.capture() as text:
        console.print(thing)
    return text.get().splitlines()


def job(name: str, phase: str = "Training") -> JobSummary:
    return JobSummary(KINDS[0], name, f"arn of {name}", "InProgress", phase, time.time() - 75, None, "")


@pytest.mark.parametrize("width", [70, 100, 200])
def test_a_job_is_a_line_and_a_long_name_gives_way(width):
    snapshot = Snapshot([job("census-kmeans-2026-11-21-22-01-33-517"), job("[b]", "Starting")], {"arn of [b]": 62.0})
    first, second = drawn(render(snapshot), width)
    assert first.startswith("training  census-kmeans")
    assert first.rstrip().endswith("1 min 15 s")
    assert "[b]" in second
    assert "62 %" in second


def test_many_jobs_are_counted_and_endpoints_are_one_line():
    endpoints = [EndpointSummary(f"endpoint-{number}", "arn", "InService", ["v"], NOW, "") for number in range(2)]
    lines = drawn(render(Snapshot([job(f"job-{number}") for number in range(20)], {}, endpoints)), 100)
    assert len(lines) == 14
    assert "and 8 more" in lines[-2]
    assert lines[-1] == "endpoints  ● endpoint-0 InService   ● endpoint-1 InService"


def test_where_nothing_runs_it_says_so():
    assert drawn(render(Snapshot()), 80) == ["No running jobs, no endpoints. Ctrl-C stops."]


def test_a_failure_is_reported_with_its_reason():
    (line,) = drawn(event_line(Event(NOW, "training job", "[a]", "Failed", "ClientError: row [7]", 3.1)), 100)
    assert line.endswith("  training job [a]  Failed in 3.1 s  ClientError: row [7]")
