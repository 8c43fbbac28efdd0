"""Which preview an object gets, by its first bytes, its name and its content type."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile

import numpy as np
import pytest
from PIL import Image

from wildsage.containers.codecs.images import image_recordio
from wildsage.local_runner.console.previews import objects
from wildsage.local_runner.console.previews.kinds import NoPreview


def test_nothing_is_said_to_be_empty(show):
    assert show("a.csv", b"") == NoPreview("It is empty.")
    assert show("a.csv.gz", gzip.compress(b"")) == NoPreview("It unpacks to nothing.")
    assert objects.preview_answer(b"", "text/csv") == NoPreview("It is empty.")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_packed_file_is_shown_as_the_plain_one_is(show, pack):
    suffix = ".gz" if pack is gzip.compress else ""
    found = show(f"A.CSV{suffix}", pack(b"1,2\n3,4\n"))
    assert (found.kind, len(found.rows)) == ("table", 2)


@pytest.mark.parametrize("cut", [-1, -9, 12])
def test_a_damaged_gzip_file_is_named(show, cut):
    packed = gzip.compress(np.random.default_rng(0).bytes(1000))
    assert show("a.gz", packed[:cut]).note.startswith("The gzip file is damaged: ")


def test_the_content_type_counts_where_the_name_says_nothing(show):
    assert show("a", b"1,2\n", "TEXT/CSV; label_size=0").kind == "table"
    assert objects.preview_answer(b"1,2\n", "text/csv").kind == "table"
    assert objects.media_type(" Text/CSV ;a=b") == "text/csv"


def test_arrays_are_shown_and_damaged_ones_named(show):
    file = io.BytesIO()
    np.save(file, np.zeros((2, 3)))
    (member,) = show("a.npy", file.getvalue()).members
    assert (member.name, member.size_bytes, member.arrays[0].shape) == ("a.npy", len(file.getvalue()), (2, 3))
    assert show("a.npy", file.getvalue()[:9]).note.startswith("The file is damaged: ")
    assert (
        show("m.safetensors", struct.pack("<Q", 3) + b"[1]").note
        == "The file is damaged: The head of the file is not a JSON object."
    )


@pytest.mark.parametrize(("size", "whole"), [(9, True), (10, True), (11, False)])
def test_a_head_is_as_long_as_asked_and_says_whether_it_is_all(size, whole):
    file = io.BytesIO(bytes(range(size)))
    head = file.read(4)
    content, is_whole = objects._longer(file, head, 10)
    assert (content, is_whole) == (bytes(range(min(size, 10))), whole)


def test_a_format_without_a_preview_is_named(show):
    assert show("a", b"%PDF-1.7\n").note == "Its format is PDF, of which there is no preview."
    assert show("a.html", b"<html></html>").kind == "text"


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("begins", "most_bytes", "note"),
    [
        (b"[1]", 256 * 1024, "This is the beginning."),
        (image_recordio.encode(png(), [0], 0), 8 * 1024**2, "1 of the records at the beginning."),
        (png(), 32 * 1024**2, "The image is larger than a preview reads."),
    ],
    ids=["text", "records", "image"],
)
def test_a_file_is_read_up_to_a_limit(begins, most_bytes, note):
    for more, expected in ((0, ""), (1, note)):
        content = begins + b" " * (most_bytes - len(begins) + more)
        assert objects.preview_answer(content, "").note == expected


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_tar_file_is_read_from_its_beginning(show, pack):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("first", "second"):
            archive.addfile(tarfile.TarInfo(name))
    assert [member.name for member in show("a.tar", pack(file.getvalue())).members] == ["first", "second"]
