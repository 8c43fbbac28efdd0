"""Files that are not rows are named by what they begin with, in every format and however they arrive."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zipfile

import numpy as np
import pytest

from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.containers import codecs
from wildsage.containers.codecs.images import encoded, image_list, image_recordio
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.codecs.records.files import write_numpy_to_dense_tensor


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
    "zstd": b"\x28\xb5\x2f\xfd and more",
    "PDF": b"%PDF-1.7 and more",
    "HTML": b"<!DOCTYPE HTML><html>",
    "XML": b"<?xml version='1.0'?><Error>",
    "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "pickle": pickle.dumps([1]),
    "Arrow": b"ARROW1 and more",
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


@pytest.mark.parametrize("name", FILES)
def test_they_are_named_in_lists_and_records_of_images(name: str) -> None:
    for read in (
        lambda: image_list.decode(FILES[name]),
        lambda: list(image_recordio.decode([FILES[name]], "train.rec")),
        lambda: list(image_recordio.decode_pairs([FILES[name]], "pipe")),
    ):
        with pytest.raises(BadRecord, match=f"the data is .*{name}"):
            read()
    if name != "JPEG":
        with pytest.raises(UserError, match=f"not a JPEG or PNG: it is .*{name}.* \\(it begins with "):
            encoded.decode(FILES[name], "RGB")


def test_records_are_named_where_text_is_expected_and_read_where_they_are() -> None:
    file = io.BytesIO()
    write_numpy_to_dense_tensor(file, np.ones((1, 2), np.float32))
    with pytest.raises(
        BadRecord, match=r"the data is RecordIO .*, expected text/csv\. Set the content type of its records"
    ):
        list(codecs.decode(MediaType("text/csv", {}), [file.getvalue()], default_label_size=0))
    records = MediaType(codecs.RECORDIO_PROTOBUF, {})
    assert len(list(codecs.decode(records, [file.getvalue()], default_label_size=0))) == 1


@pytest.mark.parametrize(("text", "name"), [("1;2\n3;4\n", "semicolons"), ("1\t2\n3\t4\n", "tabs")])
def test_another_delimiter_is_named(text: str, name: str) -> None:
    with pytest.raises(BadRecord, match=f"columns are separated by {name} here, expected commas"):
        list(codecs.decode(MediaType("text/csv", {}), [text.encode()], default_label_size=0))
