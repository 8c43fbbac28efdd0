"""`wildsage train` on a terminal: one line of progress, a summary, and a reason where it failed."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from wildsage.local_runner.commands.standalone import ChannelData
from wildsage.local_runner.commands.training_display import example_request

TRAIN = [sys.executable, "-m", "wildsage.local_runner", "train", "kmeans", "--hp", "feature_dim=2"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    path.write_text("".join(f"{n % 7},{n % 3}\n" for n in range(500)))
    return path


def on_a_terminal(*options: object) -> tuple[int, str]:
    """Exit status and what a terminal without colours shows, line by line."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "1"}
    command = [*TRAIN, *map(str, options)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    return process.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def test_a_terminal_shows_progress_and_a_summary_in_place_of_the_log(rows, tmp_path):
    status, shown = on_a_terminal("--channel", f"train={rows}", "--hp", "k=3", "--output", tmp_path)
    assert status == 0, shown
    assert "Training" in shown and "#metrics" not in shown
    assert re.search(r"Trained kmeans: 500 rows, \d.*, train msd \d", shown)
    assert f"wildsage serve {tmp_path}/model.tar.gz" in shown
    assert f"head -n 1 {rows} | curl -H 'Content-Type: text/csv' --data-binary @- " in shown


def test_verbose_shows_the_log(rows, tmp_path):
    status, shown = on_a_terminal("--channel", f"train={rows}", "--hp", "k=3", "--output", tmp_path, "--verbose")
    assert (status, "#metrics" in shown, "Trained kmeans" in shown) == (0, True, True)


def test_a_failed_job_shows_its_reason_and_no_log(rows, tmp_path):
    status, shown = on_a_terminal("--channel", f"train={rows}", "--hp", "k=0", "--output", tmp_path)
    assert status == 1
    assert shown.rstrip().endswith("ClientError: Hyperparameter k: got '0', expected an integer ≥ 1.")
    assert shown.count("ClientError") == 1 and "Reading default configuration" not in shown


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


@pytest.mark.parametrize("content", [b"\n", b'{"source": 1}', b"{", b"__label__a " + b"word " * 1000])
def test_a_text_that_gives_no_short_request_gives_no_command(tmp_path, content):
    (tmp_path / "texts").write_bytes(content)
    assert example_request(ChannelData(tmp_path, "text/plain")) is None


def test_parquet_gives_no_command_since_no_endpoint_reads_it(rows):
    assert example_request(ChannelData(rows, "application/x-parquet")) is None


def test_a_folder_without_files_gives_no_command(tmp_path):
    assert example_request(ChannelData(tmp_path, "text/csv")) is None
