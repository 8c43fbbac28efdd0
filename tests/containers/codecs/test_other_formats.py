"""Files that are not rows are named by what they begin with, in every format and however they arrive."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers import codecs
from wildsage.containers.codecs.media_type import MediaType


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", "1,2\n")
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones((2, 2)))
    return file.getvalue()


FILES = {
    "gzip": gzip.compress(b"1,2\n"),
    "bzip2": bz2.compress(b"1,2\n"),
    "xz": lzma.compress(b"1,2\n"),
    "zip": zipped(),
    "npy": npy(),
    "Parquet": b"PAR1 and more",
    "JPEG": b"\xff\xd8\xff\xe0 and more",
}
"""By the name of the format, which the tests bear: some of the bytes hold the time."""


@pytest.mark.parametrize("content_type", sorted(codecs.DECODERS))
@pytest.mark.parametrize("chunk_bytes", [1, 1000])
@pytest.mark.parametrize("name", FILES)
def test_other_formats_are_named(content_type: str, chunk_bytes: int, name: str) -> None:
    data = FILES[name]
    chunks = [data[start : start + chunk_bytes] for start in range(0, len(data), chunk_bytes)]
    with pytest.raises(BadRecord, match=rf"the data is .*{name}.*, expected {content_type}\. "):
        list(codecs.decode(MediaType(content_type, {}), chunks, default_label_size=0))


@pytest.mark.parametrize(("text", "name"), [("1;2\n3;4\n", "semicolons"), ("1\t2\n3\t4\n", "tabs")])
def test_another_delimiter_is_named(text: str, name: str) -> None:
    with pytest.raises(BadRecord, match=f"columns are separated by {name} here, expected commas"):
        list(codecs.decode(MediaType("text/csv", {}), [text.encode()], default_label_size=0))
