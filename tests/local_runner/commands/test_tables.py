"""Tables: for eyes and for programs."""

import io
import re
import time

import pytest

from wildsage.local_runner.commands import tables


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_durations(seconds, text):
    assert tables.format_duration(seconds) == text


def test_moments_of_today_are_short():
    assert len(tables.format_time(time.time())) == len("12:34:56")
    assert tables.format_time(0)[:2] in ("19", "20")


def test_for_a_program_a_row_is_a_line_and_cells_are_apart_by_tabs(capsys):
    tables.print_table(("name", "why"), [("a", "two\tlines\nof [red]text[/]"), ("b", "")])
    assert capsys.readouterr().out == "name\twhy\na\ttwo lines of [red]text[/]\nb\t\n"


def open_terminal(monkeypatch) -> io.StringIO:
    """A terminal in place of standard output."""
    found = io.StringIO()
    found.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdout", found)
    monkeypatch.setenv("TERM", "xterm")
    return found


def test_for_eyes_columns_begin_at_the_edge_and_only_statuses_have_a_color(monkeypatch):
    terminal = open_terminal(monkeypatch)
    tables.print_table(("name", "size"), [("job-1", "12 MB"), ("None", "'x'")])
    _, head, _, *rows, _ = terminal.getvalue().splitlines()
    assert re.sub(r"\x1b\[\d*m", "", head).split("name")[0] == rows[0].split("job-1")[0] == " "
    assert not any("\x1b" in row for row in rows)


def test_for_eyes_markup_in_a_name_stays_text(monkeypatch):
    terminal = open_terminal(monkeypatch)
    tables.print_table(("name", "status"), [("[red]x[/]", "Failed")])
    assert "[red]x[/]" in terminal.getvalue()
    assert "\x1b[31mFailed" in terminal.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.96, "10 s"),
        (10, "10 s"),
        (59, "59 s"),
        (59.6, "1 min 0 s"),
        (60, "1 min 0 s"),
        (119, "1 min 59 s"),
        (3_599, "59 min 59 s"),
        (3_600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 0 h"),
        (172_799, "1 d 23 h"),
    ],
)
def test_durations_at_the_edges_of_their_units(seconds, text):
    assert tables.format_duration(seconds) == text


def test_moments_of_another_day_have_their_date():
    assert tables.format_time(time.mktime((2020, 1, 2, 3, 4, 5, 0, 0, -1))) == "2020-01-02 03:04"
