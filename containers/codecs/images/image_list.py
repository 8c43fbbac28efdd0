"""MXNet's .lst files: `index TAB label … TAB path`, one image a line [contract: formats, section 8]."""

from __future__ import annotations

from dataclasses import dataclass

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import BadRecord


@dataclass(frozen=True)
class Entry:
    """The labels of the image at `path`, relative to the folder of the channel."""

    labels: tuple[float, ...]
    path: str


def decode(content: bytes) -> list[Entry]:
    """Return all entries in the order of the file, without blank lines. Raises BadRecord, whose row is the line number."""
    if problem := other_formats.problem_of(content, "a .lst file, which is text"):
        raise BadRecord(1, problem)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRecord(content[: error.start].count(b"\n") + 1, "the line is not UTF-8.") from None
    lines = enumerate(text.splitlines(), start=1)
    return [_entry(line, number) for number, line in lines if line.strip()]


def encode(entries: list[Entry]) -> bytes:
    """Return the .lst file of the entries, numbered from 0."""
    rows = ("\t".join([str(i), *(f"{label:f}" for label in e.labels), e.path]) + "\n" for i, e in enumerate(entries))
    return "".join(rows).encode()


def _entry(line: str, number: int) -> Entry:
    parts = [part.strip() for part in line.split("\t")]
    try:
        _index, *labels, path = parts
        values = tuple(float(label) for label in labels)
    except ValueError:
        values, path = (), ""
    if not values or not path:
        raise BadRecord(number, f"got {line[:60]!r}, expected index, label and path with tabs between them.")
    return Entry(values, path)
