"""What `wildsage train` shows: progress or the log, a summary, and a command that asks the model."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from wildsage.containers.contract.metrics import progress_line, quality_line
from wildsage.local_runner.commands import training_display
from wildsage.local_runner.commands.standalone import ChannelData
from wildsage.local_runner.commands.terminal import JobFailed
from wildsage.local_runner.commands.training_display import example_request
from wildsage.local_runner.commands.training_log import TrainingLog

VALUES = [quality_line("algo-1", channel, "msd", "loss", 0.5) for channel in ("a", "b", "c")]


@pytest.fixture
def rows(tmp_path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("1,2\n")
    return path


@pytest.fixture
def shown(monkeypatch) -> io.StringIO:
    """What a terminal without colours shows."""
    found = io.StringIO()
    console = Console(file=found, force_terminal=True, no_color=True, width=120, highlight=False)
    monkeypatch.setattr(training_display, "stderr", console)
    return found


def show_log(lines: list[str], failure: JobFailed | None = None) -> TrainingLog:
    log = TrainingLog({})
    with training_display.log_shown(log, whole=False) as show:
        for line in lines:
            show(f"{line}\n", sys.stdout)
        if failure:
            raise failure
    return log


def test_one_line_follows_the_job(shown, capsys):
    log = show_log([*VALUES, progress_line("algo-1", 100.0)])
    assert log.percent == 100 and len(log.metrics) == 3
    line = shown.getvalue().rpartition("Training")[2]
    assert "100%" in line and "b msd 0.5, c msd 0.5" in line and "a msd" not in line
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("lines", "has_percentage"), [([], False), ([progress_line("algo-1", 0.0)], True)])
def test_progress_is_unknown_until_the_log_tells_it(shown, lines, has_percentage):
    show_log(lines)
    assert ("0%" in shown.getvalue()) == has_percentage


@pytest.mark.parametrize(("has_reason", "first"), [(True, None), (False, 1)])
def test_the_end_of_the_log_is_shown_if_the_job_gives_no_reason(shown, has_reason, first):
    with pytest.raises(JobFailed):
        show_log([f"[line {number}]" for number in range(13)], JobFailed(1, "", has_reason))
    numbers = [int(number) for number in re.findall(r"\[line (\d+)\]", shown.getvalue())]
    assert numbers == ([] if first is None else list(range(first, 13)))


def test_the_whole_log_is_printed_and_read(shown, capsys):
    log = TrainingLog({})
    with training_display.log_shown(log, whole=True) as show:
        show(f"{VALUES[0]}\n", sys.stdout)
    assert capsys.readouterr().out == f"{VALUES[0]}\n"
    assert log.metrics == {"a msd": 0.5}
    assert shown.getvalue() == ""


def test_a_summary_has_rows_metrics_and_commands(shown, rows):
    log = TrainingLog({}, rows=1000, metrics={"a msd": 1.0, "b msd": 1234567.0, "c msd": 0.5})
    training_display.summarize("kmeans", log, 42.0, Path("a b/model.tar.gz"), ChannelData(rows, "text/csv"))
    first, second, third, fourth = shown.getvalue().split("\n", 3)
    assert first == "Trained kmeans: 1,000 rows, 42 s, b msd 1.23457e+06, c msd 0.5"
    assert second == "Model: a b/model.tar.gz"
    assert third == "  serve it:  wildsage serve 'a b/model.tar.gz'"
    assert fourth.startswith("  ask it:    head -n 1 ")


@pytest.mark.parametrize("train", [None, ChannelData(Path("absent"), "text/csv")])
def test_a_summary_says_only_what_is_known(shown, train):
    training_display.summarize("kmeans", TrainingLog({}), 1.0, Path("m"), train)
    assert shown.getvalue() == "Trained kmeans: 1.0 s\nModel: m\n  serve it:  wildsage serve m\n"


@pytest.mark.parametrize(
    ("content_type", "request_of"),
    [
        ("text/csv;label_size=0", "head -n 1 {} | curl -H 'Content-Type: text/csv' --data-binary @- "),
        ("text/csv;label_size=1", "head -n 1 {} | cut -d, -f2- | curl -H 'Content-Type: text/csv' --data-binary @- "),
        (
            "application/x-recordio-protobuf",
            "curl -H 'Content-Type: application/x-recordio-protobuf' --data-binary @{} ",
        ),
        ("x'; touch y; '", """curl -H 'Content-Type: x'"'"'; touch y; '"'"'' --data-binary @{} """),
    ],
)
def test_the_command_that_asks_the_model_fits_the_data(rows, content_type, request_of):
    request = example_request(ChannelData(rows, content_type))
    assert request == request_of.format(rows) + "http://127.0.0.1:8080/invocations"


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("__label__sea it's a ship", """'{"instances": ["it'"'"'s a ship"]}'"""),
        ("a ship at sea", """'{"instances": ["a"]}'"""),
        ('{"source": "a ship", "label": 1}', """'{"instances": ["a ship"]}'"""),
    ],
)
def test_a_text_is_asked_about_in_json_which_is_what_its_endpoint_reads(tmp_path, line, body):
    (tmp_path / "texts").write_text(f"{line}\n")
    request = example_request(ChannelData(tmp_path, "text/plain"))
    url = "http://127.0.0.1:8080/invocations"
    assert request == f"curl -H 'Content-Type: application/json' --data-binary {body} {url}"


@pytest.mark.parametrize(("letters", "is_given"), [(481, True), (482, False)])
def test_a_request_of_500_bytes_is_short_enough(tmp_path, letters, is_given):
    (tmp_path / "texts").write_text("__label__a " + "x" * letters)
    assert (example_request(ChannelData(tmp_path, "text/plain")) is not None) == is_given


@pytest.mark.parametrize("end", ["}", "}x"])
def test_of_an_endless_line_the_first_64_kib_are_read(tmp_path, end):
    (tmp_path / "texts").write_text('{"source": "a ship"'.ljust(65_535) + end)
    assert '["a ship"]' in example_request(ChannelData(tmp_path, "text/plain"))


@pytest.mark.parametrize("content", [b"\n", b'{"source": 1}', b"{", b"__label__a " + b"word " * 1000])
def test_a_text_that_gives_no_short_request_gives_no_command(tmp_path, content):
    (tmp_path / "texts").write_bytes(content)
    assert example_request(ChannelData(tmp_path, "text/plain")) is None


def test_parquet_gives_no_command_since_no_endpoint_reads_it(rows):
    assert example_request(ChannelData(rows, "application/x-parquet")) is None


def test_a_folder_without_files_gives_no_command(tmp_path):
    assert example_request(ChannelData(tmp_path, "text/csv")) is None
