"""Previews of text: bounded, whatever the text is."""

from __future__ import annotations

import gzip
import json

import pytest

from wildsage.local_runner.console.previews.kinds import NoPreview, TablePreview, TextPreview
from wildsage.local_runner.console.previews.objects import HEAD_BYTES
from wildsage.local_runner.console.previews.text import MOST_COLUMNS, MOST_ROWS, MOST_TEXT, table


def test_rows_without_names_get_the_numbers_of_their_columns(show):
    assert show("train/part.csv", b"1,2.5\n3,4\n") == TablePreview(["0", "1"], [["1", "2.5"], ["3", "4"]])


def test_the_first_row_names_the_columns_if_it_has_no_number(show):
    assert show("a", b'age,"name, full"\n7,Ann\n', "text/csv; label_size=0") == TablePreview(
        ["age", "name, full"], [["7", "Ann"]]
    )
    assert show("a.tsv", b"x\ty\n1\t2\n") == TablePreview(["x", "y"], [["1", "2"]])
    assert show("a.csv", b"red,blue\ngreen,white\n").columns == ["0", "1"]


def test_a_long_table_shows_its_beginning_and_says_so(show):
    shown = show("a.csv", b"1,2\n" * 100_000)
    assert (len(shown.rows), shown.note) == (MOST_ROWS, "It has more rows.")
    wide = show("b.csv", ",".join("7" * 50).encode())
    assert (len(wide.columns), len(wide.rows[0])) == (MOST_COLUMNS, MOST_COLUMNS)
    assert wide.note == "It has 10 more columns."


def test_a_row_that_the_end_of_the_head_cuts_is_left_out(show):
    line = b"1," + b"2" * 99_998 + b"\n"
    shown = show("a.csv", line * 4)
    assert len(shown.rows) == 2
    assert all(len(cell) <= 201 for row in shown.rows for cell in row)


@pytest.mark.parametrize(
    ("text", "rows"), [("1,2", [["1", "2"]]), ("1,2\n3", [["1", "2"]]), ("1,2\n3,4\n5", [["1", "2"], ["3", "4"]])]
)
def test_the_last_line_of_a_head_is_left_out_unless_it_is_the_only_one(text, rows):
    assert table(text, False, ",").rows == rows


def test_quotes_that_do_not_match_up_are_shown_as_text(show):
    assert isinstance(show("a.csv", b'"' + b"x" * 140_000), TextPreview)


def test_json_is_indented(show):
    assert show("a.json", b'{"a":[1,2],"b":"\xc3\xa9"}') == TextPreview(
        '{\n  "a": [\n    1,\n    2\n  ],\n  "b": "é"\n}'
    )
    assert show("out", b'{"a":1}\n{"a":2}\n') == TextPreview('{\n  "a": 1\n}\n{\n  "a": 2\n}')


def test_long_json_lines_show_the_first_documents(show):
    shown = show("a.jsonl", b'{"a":1}\n' * 100_000)
    assert shown.text.count('"a": 1') == 20 and "beginning" in shown.note


@pytest.mark.parametrize(
    "text",
    [b'{"a":', b"[" * 100_000, b"[" * 900 + b"]" * 900, b'{"a":' + b"9" * 5_000 + b"}", b"{" + b'"a":1,' * 90_000],
    ids=["cut", "deep and cut", "deep", "a long number", "longer than the head"],
)
def test_json_that_cannot_be_read_is_shown_as_it_is(show, text):
    shown = show("a.json", text)
    assert isinstance(shown, TextPreview) and len(shown.text) <= MOST_TEXT + 1_000


def test_nesting_does_not_make_a_short_document_a_long_page(show):
    deep = "[" * 300 + "]" * 300
    assert len(show("a.json", ("[" + ",".join([deep] * 300) + "]").encode()).text) <= MOST_TEXT


def test_half_a_character_in_json_does_no_harm(show):
    assert show("a.json", json.dumps({"a": "\ud800"}).encode()).text.encode()


def test_control_characters_are_escaped(show):
    assert show("a.txt", b"one\x1b[2Jtwo\nthree\n") == TextPreview("one\\x1b[2Jtwo\nthree")
    assert show("a.csv", b"1,\x1b[2J\n").rows == [["1", "\\x1b[2J"]]


def test_markup_is_only_text(show):
    assert show("page.html", b"<!doctype html><script>alert(1)</script>") == TextPreview(
        "<!doctype html><script>alert(1)</script>"
    )


def test_a_character_that_the_end_of_the_head_cuts_is_left_out(show):
    shown = show("a.txt", b"x" + "é".encode() * HEAD_BYTES)
    assert isinstance(shown, TextPreview) and "�" not in shown.text


def test_what_is_not_text_has_no_preview(show):
    assert show("a.bin", bytes(range(256))) == NoPreview("It is neither text nor of another format that is known here.")
    assert show("a", b"") == NoPreview("It is empty.")
    assert show("a.pdf", b"%PDF-1.7\n").note == "Its format is PDF, of which there is no preview."


def test_a_packed_file_is_shown_unpacked(show):
    assert show("a.csv.gz", gzip.compress(b"1,2\n")) == TablePreview(["0", "1"], [["1", "2"]])
    assert "damaged" in show("b.csv.gz", gzip.compress(b"1,2\n" * 10_000)[:60]).note
    assert len(show("c.txt.gz", gzip.compress(b"x" * 4_000_000)).text) == MOST_TEXT


@pytest.mark.parametrize(
    ("rows", "columns", "note"),
    [
        (MOST_ROWS, MOST_COLUMNS, ""),
        (MOST_ROWS + 1, MOST_COLUMNS, "It has more rows."),
        (MOST_ROWS, MOST_COLUMNS + 1, "It has 1 more columns."),
        (MOST_ROWS + 1, MOST_COLUMNS + 1, "It has 1 more columns and more rows."),
    ],
)
def test_a_table_says_what_is_left_out(rows, columns, note):
    found = table(f"{','.join(['1'] * columns)}\n" * rows, True, ",")
    assert (len(found.rows), len(found.columns), found.note) == (MOST_ROWS, MOST_COLUMNS, note)
