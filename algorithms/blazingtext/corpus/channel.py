"""A channel as lines of fastText's form, `__label__a __label__b words …`, whatever its format and input mode."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wildsage.algorithms.base import json_text, other_formats
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.program import JobChannel, Records
from wildsage.algorithms.blazingtext.corpus import blocks
from wildsage.algorithms.blazingtext.fasttext.dictionary import LABEL

TEXT, JSON_LINES = "text/plain", "application/jsonlines"
CHUNK_BYTES = 1 << 20
HEAD_BYTES = 64
"""By so many bytes, or more, a format is recognised: the first chunk of a pipe may be shorter."""
RECORD_MAGIC = b"\x0a\x23\xd7\xce"
WIDE_TEXT = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
MARK = b"\xef\xbb\xbf"
JSON_STARTS = (b'{"source":', b'{"label":')
EXAMPLE = '{"source": "a text", "label": 1}'
SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class TextChannel:
    """A channel that is read several times. `whole`: a line is one example, which may not be cut; else long lines may be."""

    name: str
    channel: JobChannel
    whole: bool
    records: Records

    def __post_init__(self) -> None:
        """Raise UserError for a content type that is not text."""
        if self._content_type not in (TEXT, JSON_LINES):
            raise UserError(
                f"Channel {self.name}: content type {self._content_type} is not supported, expected {TEXT} or {JSON_LINES}."
            )

    def paths(self) -> list[Path]:
        """The files of the channel, sorted by name, without hidden ones; none in Pipe mode."""
        if self.channel.input_mode == "Pipe":
            return []
        found = (path for path in self.channel.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(found, key=lambda path: path.relative_to(self.channel.folder).as_posix())

    def blocks(self) -> Iterator[bytes]:
        """Blocks of whole lines: one pass over the channel. Raises UserError naming the file and line that is wrong."""
        if self.channel.input_mode == "Pipe":
            yield from self._located("the pipe", self.channel.pipe())
        for path in self.paths():
            yield from self._located(path.name, _chunks(path))

    def checked_blocks(self) -> Iterator[bytes]:
        """The same. Raises UserError also for a line that is not UTF-8."""
        lines = 0
        for block in self.blocks():
            try:
                block.decode()
            except UnicodeDecodeError as error:
                line = lines + block.count(b"\n", 0, error.start) + 1
                raise UserError(
                    f"Channel {self.name}, line {line} of all its files: byte 0x{block[error.start]:02x} is not UTF-8. Convert the "
                    "text first, such as with iconv -f LATIN1 -t UTF-8."
                ) from None
            lines += block.count(b"\n")
            yield block

    def _located(self, source: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from blocks.whole_lines(self._lines(chunks), not self.whole)
        except BadRecord as bad:
            raise UserError(f"Channel {self.name}, {source}, line {bad.row}: {bad.problem}") from None

    def _lines(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The bytes of lines of fastText's form."""
        first = _head(chunks)
        if first.startswith(RECORD_MAGIC):
            return _of_attributes(self.records.payloads(itertools.chain([first], chunks)))
        if problem := other_formats.problem_of(first, "lines of text") or _wide(first):
            raise BadRecord(1, problem)
        first = first.removeprefix(MARK)
        if self._content_type == TEXT and first.lstrip().startswith(JSON_STARTS):
            raise BadRecord(1, f"JSON in a channel of content type {TEXT}, expected content type {JSON_LINES} for it.")
        text = itertools.chain([first], chunks)
        return _of_json(text) if self._content_type == JSON_LINES else text

    @property
    def _content_type(self) -> str:
        return (self.channel.content_type or TEXT).partition(";")[0].strip().lower()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as content:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk


def _head(chunks: Iterator[bytes]) -> bytes:
    """The first chunks as one, of `HEAD_BYTES` or more where there are so many."""
    head = b""
    while len(head) < HEAD_BYTES and (chunk := next(chunks, b"")):
        head += chunk
    return head


def _wide(head: bytes) -> str | None:
    """Say that a text is UTF-16; None for another."""
    return next(
        (f"the text is {name}, expected UTF-8. Convert it: iconv -f {name} -t UTF-8." for mark, name in WIDE_TEXT.items()
         if head.startswith(mark)),
        None,
    )  # fmt: skip


def _of_json(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """JSON Lines with `source` and `label`."""
    lines = (line for block in blocks.whole_lines(chunks, False) for line in block.split(b"\n")[:-1])
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _example(line, number)


def _example(line: bytes, number: int) -> bytes:
    try:
        found = json_text.parse(line)
    except (ValueError, RecursionError):
        raise BadRecord(number, f"not valid JSON, expected {EXAMPLE}.") from None
    if not isinstance(found, dict) or not isinstance(found.get("source"), str):
        raise BadRecord(number, f"got {line[:SHOWN_CHARACTERS].decode(errors='replace')}, expected {EXAMPLE}.")
    return _labelled(found["source"].encode("utf-8", "surrogatepass"), found.get("label", []), number)


def _of_attributes(payloads: Iterator[bytes]) -> Iterator[bytes]:
    """Records of an augmented manifest, in which `source` and `label` take turns [contract: formats, section 9]."""
    for number, source in enumerate(payloads, start=1):
        label = next(payloads, None)
        if label is None:
            raise BadRecord(number, 'a source without a label, expected AttributeNames ["source", "label"].')
        yield _labelled(source, _value(label), number)


def _value(text: bytes) -> object:
    """The label that an attribute's text stands for: JSON, or the text itself."""
    try:
        return json_text.parse(text)
    except (ValueError, RecursionError):
        return text.decode(errors="replace")


def _labelled(source: bytes, labels: object, number: int) -> bytes:
    several = labels if isinstance(labels, list) else [labels]
    if not all(isinstance(label, (int, str)) and not isinstance(label, bool) for label in several):
        raise BadRecord(
            number, f"label {json.dumps(labels)[:SHOWN_CHARACTERS]}, expected an integer, a text, or a list of them."
        )
    words = ["_".join(str(label).split()) for label in several]
    marks = (word.encode() if word.startswith(LABEL.decode()) else LABEL + word.encode() for word in words)
    return b" ".join([*marks, source.replace(b"\n", b" ")]) + b"\n"
