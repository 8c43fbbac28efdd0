"""Previews of Parquet: read by another process."""

from __future__ import annotations

import io

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


def test_a_long_name_of_a_column_is_cut_and_control_characters_are_escaped(show):
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pyarrow.table({"\x1b" + "n" * 1_000: [1]}), file)
    (name,) = show("a.parquet", file.getvalue()).columns
    assert name.startswith("\\x1bnnn") and len(name) < 210


def test_a_damaged_parquet_file_has_no_preview(show):
    assert "damaged" in show("a.parquet", b"PAR1" + b"\xff" * 200).note


def test_without_pyarrow_the_page_says_what_to_install(show, monkeypatch):
    monkeypatch.setattr(parquet.importlib.util, "find_spec", lambda name: None)
    assert show("a.parquet", b"PAR1") == NoPreview(
        "pyarrow, which reads Parquet, is not installed. Install it to see the rows."
    )
