"""A file of lines that any client can cause: readers follow it, and it does not grow without end."""

from __future__ import annotations

from wildsage.local_runner.processes.line_file import LineFile, LineReader, count_lines


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


def test_a_file_begins_empty_and_takes_a_line_while_it_is_not_full(tmp_path):
    (tmp_path / "lines").write_text("of the server before\n")
    lines = LineFile(tmp_path / "lines", most_bytes=4)
    assert not (tmp_path / "lines").exists()
    for line in ("abc", "d"):
        lines.add(line)
    assert (tmp_path / "lines").read_text() == "abc\n"
    LineFile(tmp_path / "missing")


def test_a_file_may_have_a_mebibyte(tmp_path):
    lines = LineFile(tmp_path / "lines")
    for size in (1 << 19, (1 << 19) - 3, 5, 1):
        lines.add("x" * size)
    assert (tmp_path / "lines").stat().st_size == (1 << 20) + 5  # the last that fits begins before the end


def test_lines_are_counted_the_most_frequent_first(tmp_path):
    assert count_lines(tmp_path / "missing") == {}
    (tmp_path / "lines").write_text("a\nb\nb\nc\nb\nc\n")
    assert list(count_lines(tmp_path / "lines").items()) == [("b", 3), ("c", 2), ("a", 1)]
    assert count_lines(tmp_path / "lines")["absent"] == 0


def test_a_reader_waits_for_the_end_of_a_line(tmp_path):
    path = tmp_path / "lines"
    reader = LineReader(path)
    assert reader.new() == []
    path.write_text("a\nb")
    assert reader.new() == ["a"] and reader.new() == []
    path.write_text("a\nbc\n\nd\n")
    assert reader.new() == ["bc", "", "d"] and reader.new() == []
