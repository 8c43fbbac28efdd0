"""Files of other formats, by the bytes that they begin with: named before a codec reads them as what they are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from wildsage.algorithms.base.errors import BadRecord

UNPACK = "Unpack it first; in Pipe mode, CompressionType Gzip of the channel does it"
EXPORT = "Write its rows in that format first"
FORMATS = (
    (b"\x1f\x8b", "gzip", UNPACK),
    (b"PK\x03\x04", "zip, xlsx or npz", "Unpack it, or write its rows in that format first"),
    (b"BZh", "bzip2", "Unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd", "Unpack it first"),
    (b"\xfd7zXZ\0", "xz", "Unpack it first"),
    (b"PAR1", "Parquet", EXPORT),
    (b"\x93NUMPY", "NumPy's npy", EXPORT),
    (b"\x89HDF", "HDF5", EXPORT),
    (b"\xff\xd8\xff", "JPEG", EXPORT),
    (b"\x89PNG", "PNG", EXPORT),
)
LONGEST = max(len(magic) for magic, *_ in FORMATS)


def refuse(chunks: Iterable[bytes], expected: str) -> Iterator[bytes]:
    """Pass a stream on unchanged. Raises BadRecord if it begins as a file of one of `FORMATS`."""
    rest = iter(chunks)
    head = b""
    while len(head) < LONGEST and (chunk := next(rest, None)) is not None:
        head += chunk
    for magic, name, advice in FORMATS:
        if head.startswith(magic):
            raise BadRecord(1, f"the data is {name} (it begins with {magic.hex(' ')}), expected {expected}. {advice}.")
    yield from chain([head] if head else [], rest)
