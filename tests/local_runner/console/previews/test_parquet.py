"""Previews of Parquet: read by another process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from wildsage.local_runner.console.previews import parquet
from wildsage.local_runner.console.previews.kinds import NoPreview, TablePreview

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")


def test_the_first_rows_of_a_parquet_file_are_a_table(show):
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pyarrow.table({"age": list(range(60)), "name": ["<b>"] * 60}), file)
    shown = show("a.parquet", file.getvalue())
    assert isinstance(shown, TablePreview)
    assert (shown.columns, shown.rows[1], len(shown.rows)) == (["age", "name"], ["1", "<b>"], 50)
    assert shown.note == "It has 60 rows and 2 columns."


@pytest.mark.parametrize(
    ("rows", "columns", "note"),
    [
        (0, 1, ""),
        (50, 40, ""),
        (51, 40, "It has 51 rows and 40 columns."),
        (50, 41, "It has 50 rows and 41 columns."),
        (1_001, 1, "It has 1,001 rows and 1 columns."),
    ],
)
def test_50_rows_of_40_columns_are_shown_and_a_note_counts_all(tmp_path, rows, columns, note):
    import pyarrow.parquet as pq

    pq.write_table(pyarrow.table({f"c{number}": range(rows) for number in range(columns)}), tmp_path / "a.parquet")
    found = parquet.read(str(tmp_path / "a.parquet"))
    assert found["columns"] == [f"c{number}" for number in range(min(columns, 40))]
    assert found["rows"] == [[str(row)] * min(columns, 40) for row in range(min(rows, 50))]
    assert found["note"] == note


def test_a_long_name_of_a_column_is_cut_and_control_characters_are_escaped(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(pyarrow.table({"\x1b" + "n" * 1_000: [1]}), tmp_path / "a.parquet")
    (name,) = parquet.read(str(tmp_path / "a.parquet"))["columns"]
    assert name.startswith("\\x1bnnn") and len(name) < 210


@pytest.mark.parametrize(("takes_s", "in_time"), [(19.9, True), (20.1, False)])
def test_a_file_has_20_seconds_to_be_read(tmp_path, monkeypatch, takes_s, in_time):
    def run(command: list[str], timeout: float, **_) -> SimpleNamespace:
        if takes_s > timeout:
            raise subprocess.TimeoutExpired(command, timeout)
        return SimpleNamespace(stdout=b'{"columns": ["a"], "rows": [["1"]], "note": ""}')

    monkeypatch.setattr(parquet.subprocess, "run", run)
    found = parquet.preview(tmp_path / "a.parquet")
    assert found == TablePreview(["a"], [["1"]]) if in_time else "needs more memory or time" in found.note


def test_the_process_that_reads_may_use_4_gib_of_addresses(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(pyarrow.table({"a": [1]}), tmp_path / "a.parquet")
    program = (
        "import resource, runpy\n"
        f"runpy.run_module({parquet.__name__!r}, run_name='__main__')\n"
        "print(f'\\n{resource.getrlimit(resource.RLIMIT_AS)}')"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.parquet")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    read, limits = subprocess.run(command, env=environment, capture_output=True, check=True).stdout.splitlines()
    assert json.loads(read) == {"columns": ["a"], "rows": [["1"]], "note": ""}
    assert limits.decode() == f"({2**32}, {2**32})"


def test_a_damaged_parquet_file_has_no_preview(show):
    assert "damaged" in show("a.parquet", b"PAR1" + b"\xff" * 200).note


def test_without_pyarrow_the_page_says_what_to_install(show, monkeypatch):
    monkeypatch.setattr(parquet.importlib.util, "find_spec", lambda name: None)
    assert show("a.parquet", b"PAR1") == NoPreview(
        "pyarrow, which reads Parquet, is not installed. Install it to see the rows."
    )
