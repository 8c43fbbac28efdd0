"""`wildsage train` as a process on a terminal: one line of progress, a summary, and a reason where it failed."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_a_failed_job_shows_its_reason_and_no_log(rows, tmp_path):
    status, shown = on_a_terminal("--channel", f"train={rows}", "--hp", "k=0", "--output", tmp_path)
    assert status == 1
    assert shown.rstrip().endswith("ClientError: Hyperparameter k: got '0', expected an integer ≥ 1.")
    assert shown.count("ClientError") == 1 and "Reading default configuration" not in shown
