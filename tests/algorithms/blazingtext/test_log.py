"""Log lines in the original's form, and when progress is reported."""

import os
import re
from datetime import UTC, datetime, timedelta

import pytest

from wildsage.algorithms.blazingtext import log as logging
from wildsage.algorithms.blazingtext.log import BlazingTextLog, Progress


@pytest.fixture
def said() -> list[str]:
    """What logs write."""
    return []


@pytest.fixture
def log(said) -> BlazingTextLog:
    """A log that writes there."""
    return BlazingTextLog(said.append)


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """A clock that stands still until its only member is changed."""
    now = [1000.0]
    monkeypatch.setattr(logging.time, "monotonic", lambda: now[0])
    return now


def test_lines_of_the_launcher_have_time_level_and_process(said, log):
    log.info("hello")
    log.warning("careful")
    log.processing("/data/text", 5 * (1 << 20) - 1)
    found = [re.fullmatch(r"\[(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d) (\w+) (\d+)\] (.*)", line).groups() for line in said]
    assert [(level, int(process), text) for _, level, process, text in found] == [
        ("INFO", os.getpid(), "hello"),
        ("WARNING", os.getpid(), "careful"),
        ("INFO", os.getpid(), "Processing /data/text . File size: 4 MB"),
    ]
    age = datetime.now(UTC) - datetime.strptime(found[0][0], "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC)
    assert timedelta() <= age < timedelta(minutes=10)


def test_lines_of_the_trainer_are_plain(said, log):
    log.read(2_999_999)
    log.vocabulary(17)
    log.metric("train_accuracy", 0.98765)
    log.metric("mean_rho", 0.5, 2)
    assert said == ["Read 2M words", "Number of words:  17", "#train_accuracy: 0.9877", "#mean_rho: 0.50"]


@pytest.mark.parametrize(("marks", "before", "after"), [(True, "##### ", " #####"), (False, "", "")])
def test_progress_is_said_after_more_than_two_seconds(said, log, clock, marks, before, after):
    progress = Progress(log, 4_000_000, marks)
    clock[0] += 2.0
    progress.report(1, 0.05)
    assert said == []
    clock[0] += 0.5
    progress.report(1_000_000, 0.0375)
    progress.report(1_000_001, 0.0375)
    line = "Alpha: 0.0375  Progress: 25.00%  Million Words/sec: 0.40"
    assert said == [f"{before}{line}{after}"]
    clock[0] += 2.5
    progress.report(2_000_000, 0.025)
    assert said[1:] == [f"{before}Alpha: 0.0250  Progress: 50.00%  Million Words/sec: 0.40{after}"]


@pytest.mark.parametrize(("marks", "ending"), [(True, ["Training finished."]), (False, ["", "Training finished!"])])
def test_the_end_has_the_speed_and_the_time(said, log, clock, marks, ending):
    progress = Progress(log, 4_000_000, marks)
    clock[0] += 8
    progress.finish(5_000_000, 0.0)
    assert "Alpha: 0.0000  Progress: 100.00%  Million Words/sec: 0.62" in said[0]
    assert said[1:] == [
        *ending,
        "Average throughput in Million words/sec: 0.62",
        "Total training time in seconds: 8.00",
        "",
    ]


def test_a_job_without_words_or_time_divides_by_nothing(said, log, clock):
    Progress(log, 0, True).finish(0, 0.05)
    assert "Progress: 0.00%  Million Words/sec: 0.00" in said[0]
    Progress(log, 0, True).finish(1, 0.05)
    assert "Progress: 100.00%" in said[5]
