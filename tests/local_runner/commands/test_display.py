"""The display of what runs: one line for each job, whatever the width."""

from __future__ import annotations

import io
import json
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from wildsage.local_runner.commands import display
from wildsage.local_runner.commands.display import event_line, render
from wildsage.local_runner.monitor.overview import KINDS, EndpointSummary, JobSummary
from wildsage.local_runner.monitor.watch import Event, Snapshot

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def stands_still(monkeypatch) -> None:
    """The time of day is `NOW`, however long a test takes."""
    monkeypatch.setattr(display.time, "time", lambda: NOW)


def drawn(thing, width: int) -> list[str]:
    console = Console(width=width)
    with console.capture() as text:
        console.print(thing)
    return text.get().splitlines()


def job(name: str, phase: str = "Training") -> JobSummary:
    return JobSummary(KINDS[0], name, f"arn of {name}", "InProgress", phase, NOW - 75, None, "")


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


@pytest.mark.parametrize(("count", "lines", "more"), [(1, 1, False), (12, 12, False), (13, 12, True)])
def test_twelve_jobs_are_shown_and_one_more_is_counted(count, lines, more):
    found = drawn(render(Snapshot([job(f"job-{number}") for number in range(count)])), 100)
    assert len(found) == lines + more
    assert ("and 1 more" in found[-1]) == more


def test_the_oldest_job_comes_first():
    old = JobSummary(KINDS[0], "old", "arn", "InProgress", "Training", NOW - 7_500, None, "")
    lines = drawn(render(Snapshot([job("new"), old])), 100)
    assert [line.split()[1] for line in lines] == ["old", "new"]
    assert lines[0].rstrip().endswith("2 h 5 min")


@pytest.mark.parametrize(("percent", "shown"), [(0.0, ["0", "%"]), (100.0, ["━" * 16, "100", "%"]), (None, [])])
def test_progress_is_a_bar_of_16_columns_and_a_number(percent, shown):
    progress = {} if percent is None else {"arn of a": percent}
    (line,) = drawn(render(Snapshot([job("a")], progress)), 100)
    assert line.split()[3:-4] == shown


def test_an_event_without_a_duration_or_a_reason_ends_with_its_status():
    (line,) = drawn(event_line(Event(NOW, "endpoint", "e", "InService", "", None)), 100)
    assert line.rstrip().endswith("  endpoint e  InService")
    (line,) = drawn(event_line(Event(NOW, "endpoint", "e", "InService", "", 0.0)), 100)
    assert line.endswith("InService in 0.0 s")


def test_where_nothing_runs_it_says_so():
    assert drawn(render(Snapshot()), 80) == ["No running jobs, no endpoints. Ctrl-C stops."]


def test_a_failure_is_reported_with_its_reason():
    (line,) = drawn(event_line(Event(NOW, "training job", "[a]", "Failed", "ClientError: row [7]", 3.1)), 100)
    assert line.endswith("  training job [a]  Failed in 3.1 s  ClientError: row [7]")


EVENT = Event(NOW, "training job", "census", "Completed", "", 3.1)
ENDPOINT = EndpointSummary("e", "arn", "InService", ["v"], NOW, "")


def shown(monkeypatch, log_format: display.LogFormat, *, terminal: bool) -> str:
    """What is written on standard error while a server is alive for two polls, of which the first has an event."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    monkeypatch.setattr(display, "stderr", console)
    polls = iter([Snapshot([], {}, [ENDPOINT], [EVENT]), Snapshot([], {}, [ENDPOINT])])
    alive = iter([True, True, False])
    display.show_events(lambda: next(alive), SimpleNamespace(poll=lambda: next(polls)), log_format)
    assert naps == [0.25, 0.25], "it waits after each poll"
    return console.file.getvalue()


def test_on_a_terminal_events_scroll_past_what_runs(monkeypatch):
    text = shown(monkeypatch, display.LogFormat.TEXT, terminal=True)
    assert text.count("census") == 1
    assert text.count("endpoints") > 1, "drawn at each poll, and once more at the end"


def test_elsewhere_an_event_is_a_line(monkeypatch):
    text = shown(monkeypatch, display.LogFormat.TEXT, terminal=False)
    assert len(text.splitlines()) == 1 and "training job census  Completed in 3.1 s" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_as_json_an_event_is_an_object(monkeypatch, capsys, terminal):
    assert shown(monkeypatch, display.LogFormat.JSON, terminal=terminal) == ""
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == EVENT.record()
