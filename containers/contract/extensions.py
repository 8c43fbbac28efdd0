"""The content type of files by their extensions, where nobody has named it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from wildsage.algorithms.base.errors import UserError

CSV = "text/csv"
RECORDIO = "application/x-recordio-protobuf"
PARQUET = "application/x-parquet"
CONTENT_TYPES = {
    ".csv": CSV,
    ".libsvm": "text/libsvm",
    ".parquet": PARQUET,
    ".pbr": RECORDIO,
    ".protobuf": RECORDIO,
    ".recordio": RECORDIO,
}
TEXT_TYPES = {".txt": "text/plain", ".jsonl": "application/jsonlines"}
"""What these extensions mean to an algorithm that reads text; to others they say nothing."""


def content_type_of(place: str, files: Iterable[str], declared: Collection[str], label_size: int) -> str:
    """The content type of files, which lie at `place`, by their extensions. Raises UserError for others and for a mixture.

    `declared` are the content types that the algorithm reads, `label_size` how many columns of CSV are labels to it.

    >>> content_type_of("data/", ["a.csv", "b.CSV"], ["text/csv"], label_size=1)
    'text/csv;label_size=1'
    """
    known = CONTENT_TYPES | {suffix: kind for suffix, kind in TEXT_TYPES.items() if kind in declared}
    suffixes = sorted({PurePosixPath(file).suffix for file in files})
    found = {known.get(suffix.lower()) for suffix in suffixes}
    if len(found) == 1 and (content_type := found.pop()):
        return f"{CSV};label_size={label_size}" if content_type == CSV else content_type
    got = ", ".join(suffix or "none" for suffix in suffixes) or "an empty folder"
    raise UserError(
        f"{place}: got {got}, expected files that all end in one of {', '.join(known)}. "
        "Give their type with --content-type."
    )
