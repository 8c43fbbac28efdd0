"""Files of other formats, by the bytes that they begin with: named before a reader takes them for what they are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from wildsage.algorithms.base.errors import BadRecord


@dataclass(frozen=True)
class Format:
    """A file format: the bytes that its files begin with, its name, and what a user can do with such a file."""

    magic: bytes
    name: str
    advice: str


UNPACK = "Unpack it first"
EXPORT = "Write its content in that format first"
PAGE = "It may be the error page of a download; fetch the file again"
RECORDIO, PARQUET, JPEG, PNG = "RecordIO", "Parquet", "JPEG", "PNG"
FORMATS = (
    Format(b"\x1f\x8b", "gzip", f"{UNPACK}; in Pipe mode, CompressionType Gzip of the channel does it"),
    Format(b"PK\x03\x04", "zip, xlsx or npz", "Unpack it, or write its content in that format first"),
    Format(b"PK\x05\x06", "an empty zip", EXPORT),
    Format(b"BZh", "bzip2", UNPACK),
    Format(b"\x28\xb5\x2f\xfd", "zstd", UNPACK),
    Format(b"\xfd7zXZ\0", "xz", UNPACK),
    Format(b"7z\xbc\xaf\x27\x1c", "7z", UNPACK),
    Format(b"\x04\x22\x4d\x18", "lz4", UNPACK),
    Format(b"PAR1", PARQUET, EXPORT),
    Format(b"ARROW1", "Arrow or Feather", EXPORT),
    Format(b"Obj\x01", "Avro", EXPORT),
    Format(b"\x93NUMPY", "NumPy's npy", EXPORT),
    Format(b"\x89HDF", "HDF5", EXPORT),
    Format(b"\xd0\xcf\x11\xe0", "xls or another Office file", EXPORT),
    Format(b"SQLite format 3", "SQLite", EXPORT),
    Format(b"\x80\x04\x95", "Python's pickle", EXPORT),
    Format(
        b"\x0a\x23\xd7\xce", RECORDIO, "Set the content type of its records, such as application/x-recordio-protobuf"
    ),
    Format(b"\x12\x01\0\0\0\0\0\0", "an MXNet NDArray file", EXPORT),
    Format(b"\xff\xd8\xff", JPEG, EXPORT),
    Format(b"\x89PNG", PNG, EXPORT),
    Format(b"GIF8", "GIF", EXPORT),
    Format(b"II*\0", "TIFF", EXPORT),
    Format(b"MM\0*", "TIFF", EXPORT),
    Format(b"RIFF", "WebP or another RIFF file", EXPORT),
    Format(b"%PDF", "PDF", EXPORT),
    Format(b"<!doctype html", "HTML", PAGE),
    Format(b"<html", "HTML", PAGE),
    Format(b"<?xml", "XML", PAGE),
)
TEXT = frozenset(b"\t\n\r" + bytes(range(0x20, 0x7F)))
SHOWN_BYTES = 8
LONGEST = max(len(known.magic) for known in FORMATS)


def recognised(head: bytes, expected: str = "") -> Format | None:
    """The format of a file that begins with `head`; None for text, unknown bytes and the format that is `expected` anyway."""
    start = head[:LONGEST].lower() if head[:1] == b"<" else head
    return next((known for known in FORMATS if start.startswith(known.magic) and known.name != expected), None)


def described(head: bytes) -> str:
    """What a file is, in words: `gzip (it begins with 1f 8b)`, `text (it begins with 'age,sex')`, or the bytes it begins with."""
    if not head:
        return "empty"
    if found := recognised(head):
        return f"{found.name} (it begins with {head[: len(found.magic)].hex(' ')})"
    start = head[:SHOWN_BYTES]
    if all(byte in TEXT for byte in start):
        return f"text (it begins with {start.decode()!r})"
    return f"of a format that is not known here (it begins with {start.hex(' ')})"


def problem_of(head: bytes, wanted: str, expected: str = "") -> str | None:
    """Say that a file is of another format than `wanted`; None where `recognised` finds none."""
    found = recognised(head, expected)
    if found is None:
        return None
    return f"the data is {described(head)}, expected {wanted}. {found.advice}."


def reject(chunks: Iterable[bytes], wanted: str, expected: str = "") -> Iterator[bytes]:
    """Pass a stream on unchanged. Raises BadRecord if it begins as a file of another format than `expected`."""
    rest = iter(chunks)
    head = b""
    while len(head) < LONGEST and (chunk := next(rest, None)) is not None:
        head += chunk
    if problem := problem_of(head, wanted, expected):
        raise BadRecord(1, problem)
    yield from chain([head] if head else [], rest)
