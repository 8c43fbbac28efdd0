"""Previews of text: bounded, whatever the text is."""

from __future__ import annotations

import gzip
import json

import pytest

from wildsage.local_runner.console.previews.kinds import NoPreview, TablePreview, TextPreview
from wildsage.local_runner.console.previews.objects import HEAD_BYTES
from wildsage.local_runner.console.previews.text import cell, decoded, documents, plain, table


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
    assert (len(shown.rows), shown.note) == (100, "It has more rows.")
    wide = show("b.csv", ",".join("7" * 50).encode())
    assert (len(wide.columns), len(wide.rows[0])) == (40, 40)
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
    assert isinstance(shown, TextPreview) and len(shown.text) <= 101_000


def test_nesting_does_not_make_a_short_document_a_long_page(show):
    deep = "[" * 300 + "]" * 300
    assert len(show("a.json", ("[" + ",".join([deep] * 300) + "]").encode()).text) <= 100_000


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
    assert len(show("c.txt.gz", gzip.compress(b"x" * 4_000_000)).text) == 100_000


@pytest.mark.parametrize(
    ("rows", "columns", "note"),
    [
        (100, 40, ""),
        (101, 40, "It has more rows."),
        (100, 41, "It has 1 more columns."),
        (101, 41, "It has 1 more columns and more rows."),
    ],
)
def test_a_table_says_what_is_left_out(rows, columns, note):
    found = table(f"{','.join(['1'] * columns)}\n" * rows, True, ",")
    assert (len(found.rows), len(found.columns), found.note) == (100, 40, note)


@pytest.mark.parametrize(("length", "note"), [(100_000, ""), (100_001, "This is the beginning.")])
def test_a_hundred_thousand_characters_of_a_text_are_shown(length, note):
    assert plain("x" * length, True) == TextPreview("x" * 100_000, note)
    assert plain("x", False).note == "This is the beginning."


@pytest.mark.parametrize(("length", "shown"), [(200, "x" * 200), (201, "x" * 200 + "…")])
def test_two_hundred_characters_of_a_cell_are_shown(length, shown):
    assert cell("x" * length) == shown


@pytest.mark.parametrize(
    ("count", "is_whole", "shown", "note"),
    [
        (20, True, 20, ""),
        (21, True, 20, "This is the beginning."),
        (20, False, 19, "This is the beginning."),
        (2, False, 1, "This is the beginning."),
    ],
)
def test_twenty_documents_are_shown_and_the_last_of_a_head_is_left_out(count, is_whole, shown, note):
    text = "".join(f"{number}\n\n" for number in range(count))
    found = documents(text, is_whole)
    assert (found.text.splitlines(), found.note) == ([str(number) for number in range(shown)], note)


def test_a_head_without_a_whole_document_is_not_json():
    assert documents("[1", False) is None and documents("\n", False) is None


def test_a_long_file_of_blank_lines_that_is_named_json_is_shown_as_text(show):
    assert show("a.json", b" \n" * HEAD_BYTES).note == "This is the beginning."


@pytest.mark.parametrize(("more", "note"), [(0, ""), (1, "This is the beginning.")])
def test_a_hundred_thousand_characters_of_json_are_shown(more, note):
    text = '"' + "x" * (99_998 + more) + '"'
    assert documents(text, True) == TextPreview(text[:100_000], note)


@pytest.mark.parametrize(("name", "content_type"), [("a.tsv", ""), ("a", "text/tab-separated-values")])
def test_tabs_separate_where_the_name_or_the_type_says_so(show, name, content_type):
    assert show(name, b"1\t2,5\n", content_type).rows == [["1", "2,5"]]


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("a.json", ""), ("a.jsonl", ""), ("a.ndjson", ""), ("a", "application/jsonlines"), ("a", "application/x-ndjson")],
)
def test_json_is_known_by_its_name_or_type(show, name, content_type):
    assert show(name, b' "a\\u0062"', content_type).text == '"ab"'
    assert show("a", b' "a\\u0062"').text == ' "a\\u0062"'


def test_json_is_known_by_how_it_begins(show):
    assert show("a", b"\n [1]").text == "[\n  1\n]"
    assert show("a", b' {"a":1}').text == '{\n  "a": 1\n}'


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_character_of_four_bytes_may_be_cut_at_the_end_of_a_head_alone(cut):
    content = "ab😀".encode()[:-cut]
    assert decoded(content, False) == "ab"
    assert decoded(content, True) is None
    assert decoded(b"\xff" + content, False) is None


def test_a_mark_at_the_beginning_is_left_out_and_zeros_are_not_text():
    assert decoded("\ufeffa".encode(), True) == "a"
    assert decoded(b"a\0", True) is None
