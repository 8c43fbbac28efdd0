"""Previews of RecordIO: rows of RecordIO-protobuf, or thumbnails of image records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.containers.codecs.images import encoded, image_recordio
from wildsage.containers.codecs.records import message, recordio
from wildsage.containers.codecs.records.message import MalformedRecord, RecordTensor
from wildsage.local_runner.console.previews import pictures
from wildsage.local_runner.console.previews.kinds import NoPreview, PicturesPreview, Preview, TablePreview, Thumbnail
from wildsage.local_runner.console.previews.text import BEGIN_ONLY, MOST_COLUMNS

MOST_ROWS = 50
MOST_PICTURES = 24
MOST_ENTRIES = 24
"""Of a sparse row."""


def preview(head: bytes, is_whole: bool) -> Preview:
    """Show the records at the beginning of a file. A record that the end of the head cuts is left out."""
    found = list(islice(_payloads(head), max(MOST_ROWS, MOST_PICTURES) + 1))
    if not found:
        return NoPreview("Its first record is damaged, or longer than a preview reads.")
    if _is_image(found[0]):
        return _thumbnails(found, is_whole)
    return _rows(found, is_whole)


def _payloads(head: bytes) -> Iterator[bytes]:
    """The records that are there in full."""
    try:
        yield from recordio.payloads([head])
    except BadRecord:
        return


def _is_image(payload: bytes) -> bool:
    try:
        return encoded.is_image(_record(payload).content)
    except BadRecord:
        return False


def _record(payload: bytes) -> image_recordio.ImageRecord:
    return next(image_recordio.decode([recordio.frame_split(payload)], "record"))


def _thumbnails(payloads: Sequence[bytes], is_whole: bool) -> Preview:
    """The pictures that can be decoded, until they have had as many pixels as one picture may have."""
    shown: list[Thumbnail] = []
    pixels = 0
    for payload in payloads[:MOST_PICTURES]:
        try:
            record = _record(payload)
            shown.append(pictures.thumbnail(record.content, pictures.SMALL, record.labels))
        except UserError:
            continue
        pixels += shown[-1].width * shown[-1].height
        if pixels > encoded.MOST_PIXELS:
            break
    left_out = len(payloads) - len(shown)
    return PicturesPreview(shown, "" if is_whole and not left_out else f"{len(shown)} of the records at the beginning.")


def _rows(payloads: Sequence[bytes], is_whole: bool) -> Preview:
    try:
        records = [message.tensors(memoryview(payload)) for payload in payloads[:MOST_ROWS]]
    except MalformedRecord as error:
        return NoPreview(f"Its records are not rows of RecordIO-protobuf: {error}.")
    labels = list(dict.fromkeys(name for _, label in records for name in label))
    width = max((len(_columns(features)) for features, _ in records), default=0)
    heads = ["label" if name == "values" else name for name in labels] + [str(number) for number in range(width)]
    rows = [[*(_numbers(label.get(name)) for name in labels), *_columns(features)] for features, label in records]
    return TablePreview(heads, rows, "" if is_whole and len(payloads) <= MOST_ROWS else BEGIN_ONLY)


def _columns(features: Mapping[str, RecordTensor]) -> list[str]:
    """The cells of a row: a number each where it is dense; one cell of `column:number` where it is sparse."""
    tensor = features.get("values")
    if tensor is None:
        return []
    if tensor.sparse:
        pairs = zip(tensor.keys[:MOST_ENTRIES].tolist(), tensor.values[:MOST_ENTRIES].tolist(), strict=False)
        cut = " …" if len(tensor.keys) > MOST_ENTRIES else ""
        return [" ".join(f"{key}:{_number(value)}" for key, value in pairs) + cut]
    more = [f"… {len(tensor.values):,} in all"] if len(tensor.values) > MOST_COLUMNS else []
    return [_number(value) for value in tensor.values[:MOST_COLUMNS].tolist()] + more


def _numbers(tensor: RecordTensor | None) -> str:
    return "" if tensor is None else ", ".join(_number(value) for value in tensor.values[:MOST_ENTRIES].tolist())


def _number(value: float) -> str:
    return f"{value:.6g}"
