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


EVENT = Event(NOW, "training job", "census", "Completed", "", 3.1)
ENDPOINT = EndpointSummary("e", "arn", "InService", ["v"], NOW, "")


def shown(monkeypatch, log_format: display.LogFormat, *, terminal: bool) -> str:
    """What is written on standard error while a server is alive for two polls, of which the first has an event."""
    monkeypatch.setattr(display, "POLL_INTERVAL_S", 0)
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    monkeypatch.setattr(display, "stderr", console)
    polls = iter([Snapshot([], {}, [ENDPOINT], [EVENT]), Snapshot([], {}, [ENDPOINT])])
    alive = iter([True, True, False])
    display.show_events(lambda: next(alive), SimpleNamespace(poll=lambda: next(polls)), log_format)
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
