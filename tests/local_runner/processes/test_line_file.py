"""A file of lines that any client can cause: readers follow it, and it does not grow without end."""

from __future__ import annotations

from wildsage.local_runner.processes.line_file import LineFile, LineReader


def test_a_reader_gets_each_new_line_once(tmp_path):
    lines = LineFile(tmp_path / "lines")
    lines.add("before")
    reader = LineReader(tmp_path / "lines")
    for line in ("a", "b", "a"):
        lines.add(line)
    assert reader.new() == ["a", "b"] and reader.new() == []


def test_a_full_file_takes_no_more_lines(tmp_path):
    lines = LineFile(tmp_path / "lines", most_bytes=20)
    for number in range(100):
        lines.add(f"bucket-{number:03d}")
    assert (tmp_path / "lines").read_text() == "bucket-000\nbucket-001\n"
