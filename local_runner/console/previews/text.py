"""Previews of text: CSV as a table, JSON indented, anything else as it is."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from wildsage.containers.contract import json_text
from wildsage.containers.contract.printable import printable
from wildsage.local_runner.console.previews.kinds import NoPreview, Preview, TablePreview, TextPreview

MOST_ROWS = 100
MOST_COLUMNS = 40
MOST_CHARACTERS = 200
"""Of one cell."""
MOST_DOCUMENTS = 20
MOST_TEXT = 100_000
TAB_TYPES = ("text/tab-separated-values",)
JSON_TYPES = ("application/json", "application/jsonlines", "application/x-ndjson")
BEGIN_ONLY = "This is the beginning."


def preview(head: bytes, is_whole: bool, name: str, content_type: str) -> Preview:
    """Show the beginning of a file of text. `name` is the end of its key; it and the content type tell the format."""
    text = decoded(head, is_whole)
    if text is None:
        return NoPreview("It is neither text nor of another format that is known here.")
    if shows_csv(name, content_type):
        return table(text, is_whole, "\t" if name.endswith(".tsv") or content_type in TAB_TYPES else ",") or plain(
            text, is_whole
        )
    if name.endswith((".json", ".jsonl", ".ndjson")) or content_type in JSON_TYPES or text.lstrip()[:1] in ("{", "["):
        return documents(text, is_whole) or plain(text, is_whole)
    return plain(text, is_whole)


def shows_csv(name: str, content_type: str) -> bool:
    """Whether the name or the type of a file says that it holds rows of cells."""
    return name.endswith((".csv", ".tsv")) or content_type in ("text/csv", *TAB_TYPES)


def decoded(head: bytes, is_whole: bool) -> str | None:
    """The head as text; None if it is not UTF-8. A character that the end of the head cuts is left out."""
    if b"\0" in head:
        return None
    for cut in range(1 if is_whole else 4):
        try:
            return head[: len(head) - cut].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
    return None


def plain(text: str, is_whole: bool) -> TextPreview:
    """Text as it is, with control characters escaped."""
    shown = "\n".join(printable(line) for line in text[:MOST_TEXT].splitlines())
    return TextPreview(shown, "" if is_whole and len(text) <= MOST_TEXT else BEGIN_ONLY)


def table(text: str, is_whole: bool, delimiter: str) -> TablePreview | None:
    """Text as rows of cells; None if its quotes do not match up. A line that the end of the head cuts is left out."""
    lines = text.splitlines()
    if not is_whole and len(lines) > 1:
        lines.pop()
    try:
        rows = list(islice(csv.reader(lines, delimiter=delimiter), MOST_ROWS + 2))
    except csv.Error:
        return None
    rows = [row for row in rows if row]
    width = max(map(len, rows), default=0)
    heads = rows.pop(0) if begins_with_names(rows) else [str(number) for number in range(min(width, MOST_COLUMNS))]
    left_out = [f"{width - MOST_COLUMNS} more columns"] if width > MOST_COLUMNS else []
    left_out += ["more rows"] if len(rows) > MOST_ROWS or not is_whole else []
    note = f"It has {' and '.join(left_out)}." if left_out else ""
    return TablePreview(_cells(heads), [_cells(row) for row in rows[:MOST_ROWS]], note)


def begins_with_names(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: it has no number, and the second has one."""
    return len(rows) > 1 and not any(map(is_number, rows[0])) and any(map(is_number, rows[1]))


def is_number(text: str) -> bool:
    """Whether a cell is a number, as Python reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cells(row: Sequence[str]) -> list[str]:
    return [cell(text) for text in row[:MOST_COLUMNS]]


def cell(text: str) -> str:
    """The beginning of a text, with control characters escaped."""
    return printable(text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "…")


def documents(text: str, is_whole: bool) -> TextPreview | None:
    """A JSON document, or the first of JSON Lines, indented anew; None for text that is neither."""
    try:
        found, is_all = ([json_text.parse(text)], True) if is_whole else _lines(text, is_whole)
    except ValueError:
        try:
            found, is_all = _lines(text, is_whole)
        except ValueError:
            return None
    try:
        shown = _indented(found)
    except RecursionError:
        return None
    return TextPreview(shown[:MOST_TEXT], "" if is_all and len(shown) <= MOST_TEXT else BEGIN_ONLY)


def _lines(text: str, is_whole: bool) -> tuple[list[Any], bool]:
    """The documents of JSON Lines, at most `MOST_DOCUMENTS`, and whether those are all. Raises ValueError."""
    lines = [line for line in text.splitlines() if line.strip()]
    lines = lines if is_whole else lines[:-1]
    if not lines:
        raise ValueError("no complete line")
    return [json_text.parse(line) for line in lines[:MOST_DOCUMENTS]], is_whole and len(lines) <= MOST_DOCUMENTS


def _indented(values: Iterable[Any]) -> str:
    """The values as indented JSON, one after the other. Nesting can make that many times longer: it ends at `MOST_TEXT`."""
    encoder = json.JSONEncoder(indent=2, ensure_ascii=False)
    parts: list[str] = []
    length = 0
    for value in values:
        for part in encoder.iterencode(value):
            parts.append(part)
            length += len(part)
            if length > MOST_TEXT:
                return _without_surrogates("".join(parts))
        parts.append("\n")
    return _without_surrogates("".join(parts).rstrip("\n"))


def _without_surrogates(text: str) -> str:
    """JSON can hold half a character, which no page can be encoded with."""
    return text.encode("utf-8", "replace").decode()
