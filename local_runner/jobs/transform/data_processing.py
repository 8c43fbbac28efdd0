"""The filters of a batch transform, and how it joins answers to its records.

    record ── InputFilter ──▶ request … answer ── JoinSource ──▶ record with answer ── OutputFilter ──▶ output

Filters are JSONPath (RFC 9535), of which SageMaker supports names, indexes, slices and `*`. A row of CSV is an array of
strings. Sources: DataProcessing in CreateTransformJob (API reference), "Associate Prediction Results with Input
Records" in the developer guide, container contract section 5.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import json_text

if TYPE_CHECKING:
    import jsonpath

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
READABLE = (CSV, JSON, JSON_LINES)
INPUT, OUTPUT = "SageMakerInput", "SageMakerOutput"
EVERYTHING = "$"


class BadFilter(Exception):
    """A filter that is not JSONPath, or uses parts of it that SageMaker does not support; the text says which."""


@dataclass(frozen=True)
class Filter:
    """Selects a part of a value. One name or index gives the value there, several names an object, anything else an array.

    `by_name`: the last part of the path selects names alone.
    """

    text: str
    path: jsonpath.JSONPath
    by_name: bool

    @classmethod
    def parse(cls, text: str) -> Filter:
        """The filter of a JSONPath. Raises BadFilter for parts that SageMaker does not support."""
        import jsonpath  # slow to import, and few jobs filter
        from jsonpath.selectors import NameSelector

        try:
            path = jsonpath.compile(text)
        except jsonpath.JSONPathError as error:
            raise BadFilter(
                f"got {text!r}, expected a JSONPath such as $[1:] or $.features ({error.args[0]})."
            ) from None
        if not (
            text.startswith(EVERYTHING) and isinstance(path, jsonpath.JSONPath) and all(map(_is_known, path.segments))
        ):
            raise BadFilter(
                f"got {text!r}, expected a JSONPath of names, indexes, slices and * alone: SageMaker does not support other parts."
            )
        by_name = all(
            isinstance(selector, NameSelector) for segment in path.segments[-1:] for selector in segment.selectors
        )
        return cls(text, path, by_name)

    @property
    def selects_all(self) -> bool:
        """Whether the filter is `$`, so that values pass unread."""
        return self.text == EVERYTHING

    def apply(self, value: Any) -> Any:
        """The selected part. Raises UserError if the filter selects nothing."""
        matches = list(self.path.finditer(value))
        if not matches:
            raise UserError(f"the filter {self.text} selects nothing of {_shown(value)}")
        if self.path.singular_query():
            (match,) = matches
            return match.obj
        if self.by_name:
            return {match.parts[-1]: match.obj for match in matches}
        return [match.obj for match in matches]


def _is_known(segment: Any) -> bool:
    from jsonpath.segments import JSONPathChildSegment
    from jsonpath.selectors import IndexSelector, NameSelector, SliceSelector, WildcardSelector

    known = (NameSelector, IndexSelector, SliceSelector, WildcardSelector)
    return isinstance(segment, JSONPathChildSegment) and all(isinstance(one, known) for one in segment.selectors)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:80]}…"


@dataclass(frozen=True)
class DataProcessing:
    """InputFilter, JoinSource and OutputFilter of one job. `by_line`: the object is split into lines."""

    input_filter: Filter
    output_filter: Filter
    joins: bool
    content_type: str
    by_line: bool

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> DataProcessing:
        """The data processing of a CreateTransformJob request. Raises BadFilter."""
        asked = request.get("DataProcessing", {})
        source = request["TransformInput"]
        return cls(
            Filter.parse(asked.get("InputFilter", EVERYTHING)),
            Filter.parse(asked.get("OutputFilter", EVERYTHING)),
            asked.get("JoinSource", "None") == "Input",
            media_type(source.get("ContentType")),
            source.get("SplitType", "None") == "Line",
        )

    @property
    def filters_records(self) -> bool:
        """Whether other bytes are sent than the records."""
        return not self.input_filter.selects_all

    @property
    def reads_records(self) -> bool:
        """Whether the records must be of a readable type."""
        return self.joins or self.filters_records

    @property
    def changes_records(self) -> bool:
        """Whether it changes requests or answers."""
        return self.reads_records or self.changes_output

    @property
    def changes_output(self) -> bool:
        """Whether answers must be parsed, because they are filtered or joined with their records."""
        return self.joins or not self.output_filter.selects_all

    def request(self, record: bytes) -> bytes:
        """The filtered record, as it is sent. Raises UserError."""
        if not self.filters_records:
            return record
        rows = [self.input_filter.apply(row) for row in self._rows(record, self.content_type, self.by_line)]
        return _encoded(rows, self.content_type)

    def output(self, records: Sequence[bytes], answer: bytes, answer_type: str | None) -> bytes:
        """The output that is stored for the records of one request. Raises UserError."""
        if not self.changes_output:
            return answer
        kind = media_type(answer_type)
        many = self.by_line and len(records) > 1
        answers = self._rows(answer, kind, many)
        if self.joins:
            sources = [row for record in records for row in self._rows(record, self.content_type, self.by_line)]
            answers = self._joined(sources, answers, kind)
        stored = _encoded([self.output_filter.apply(row) for row in answers], kind)
        return stored + b"\n" if kind in (CSV, JSON_LINES) else stored

    def _joined(self, sources: list[Any], answers: list[Any], kind: str) -> list[Any]:
        if (kind == CSV) != (self.content_type == CSV):
            raise UserError(
                f"the answer is {kind}, which cannot be joined to {self.content_type}: set Accept to the type of the records"
            )
        if len(sources) != len(answers):
            raise UserError(
                f"{len(sources)} records were sent, but the answer has {len(answers)}, so they cannot be joined"
            )
        if kind == CSV:
            return [source + answer for source, answer in zip(sources, answers, strict=True)]
        return [_with_answer(source, answer) for source, answer in zip(sources, answers, strict=True)]

    def _rows(self, body: bytes, kind: str, by_line: bool) -> list[Any]:
        """The rows of a body: the fields of each line of CSV, the value of each line of JSON Lines, the one value of JSON."""
        if kind not in READABLE:
            raise UserError(
                f"content type {kind or 'not given'} can be neither filtered nor joined: use {', '.join(READABLE)}"
            )
        try:
            text = body.decode("utf-8-sig")
            if kind == CSV:
                return [row for row in csv.reader(io.StringIO(text, newline="")) if row]
            parts = text.split("\n") if kind == JSON_LINES or by_line else [text]
            return [json_text.parse(part) for part in parts if part.strip()]
        except (ValueError, csv.Error) as error:
            raise UserError(f"the body is not valid {kind}: {error}") from None


def _with_answer(source: Any, answer: Any) -> dict[str, Any]:
    return {**source, OUTPUT: answer} if isinstance(source, dict) else {INPUT: source, OUTPUT: answer}


def _encoded(rows: Sequence[Any], kind: str) -> bytes:
    """The rows as lines, without a line end after the last one."""
    if kind != CSV:
        return "\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows).encode()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(row if isinstance(row, list) else [row] for row in rows)
    return text.getvalue().removesuffix("\n").encode()


def media_type(text: str | None) -> str:
    """The media type without parameters. The names of JSON Lines become one; a type that cannot be read stays as it is."""
    name = (text or "").partition(";")[0].strip().lower()
    return JSON_LINES if name in ("application/x-jsonlines", "application/jsonl", "application/x-ndjson") else name
