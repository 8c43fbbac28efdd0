"""Lines of a job's log, in the format of the first-party images."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from wildsage.containers.contract.job_log import JobLog


class Flushed(io.StringIO):
    """A stream of which only what was flushed arrives."""

    arrived = ""

    def flush(self) -> None:
        self.arrived = self.getvalue()


def log() -> tuple[JobLog, Flushed]:
    out = Flushed()
    return JobLog("algo-2", "AWS/KMeansWebscale", out), out


def now(text: str, form: str) -> bool:
    """Whether a text is the present time in UTC."""
    return abs(datetime.strptime(text, form).replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=10)


def test_a_raw_line_is_as_it_is_and_arrives_at_once():
    lines, out = log()
    lines.raw("Docker entrypoint called")
    assert out.arrived == "Docker entrypoint called\n"


@pytest.mark.parametrize(("level", "written"), [((), "INFO"), (("WARNING",), "WARNING")])
def test_a_line_begins_with_time_level_and_thread(level, written):
    lines, out = log()
    lines.line("Reading data", *level)
    found = re.fullmatch(r"\[(.{19}) ([A-Z]+) (\d+)\] Reading data\n", out.arrived)
    assert found and now(found[1], "%m/%d/%Y %H:%M:%S")
    assert (found[2], int(found[3])) == (written, threading.get_ident())


def test_a_line_of_the_data_pipeline_has_milliseconds():
    lines, out = log()
    lines.tensorio("epoch_stats", {"epoch": 3})
    found = re.fullmatch(r"\[(.{19}\.\d{3})\] \[tensorio\] \[info\] epoch_stats=(.*)\n", out.arrived)
    assert found and now(found[1], "%Y-%m-%d %H:%M:%S.%f") and json.loads(found[2]) == {"epoch": 3}


@pytest.mark.parametrize(("microsecond", "milliseconds"), [(0, "000"), (999, "000"), (1000, "001"), (999_999, "999")])
def test_milliseconds_are_cut_and_have_three_digits(monkeypatch, microsecond, milliseconds):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 2, 3, 4, 5, microsecond, tz)

    monkeypatch.setattr("wildsage.containers.contract.job_log.datetime", Clock)
    lines, out = log()
    lines.tensorio("x", {})
    assert out.arrived.startswith(f"[2026-01-02 03:04:05.{milliseconds}] ")


def test_metrics_carry_the_names_of_algorithm_and_host_and_the_time_from_their_start():
    lines, out = log()
    before_s = time.time()
    lines.metrics(5.0, {"rows": 7}, epoch=1, Operation="scoring")
    document = json.loads(out.arrived.removeprefix("#metrics "))
    assert document["Dimensions"] == {
        "Algorithm": "AWS/KMeansWebscale",
        "Host": "algo-2",
        "Operation": "scoring",
        "epoch": 1,
    }
    assert document["StartTime"] == 5.0 and before_s <= document["EndTime"] <= time.time()
    assert document["Metrics"] == {"rows": {"sum": 7, "count": 1, "min": 7, "max": 7}}


def test_lines_go_to_standard_output_unless_said_otherwise(capsys):
    JobLog("algo-1", "toy").raw("here")
    assert capsys.readouterr().out == "here\n"
