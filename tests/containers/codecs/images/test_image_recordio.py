"""Records of images: those of im2rec, and the pairs of an augmented manifest."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.images import encoded, image_recordio
from wildsage.containers.codecs.images.image_recordio import HEADER, ImageRecord
from wildsage.containers.codecs.records import recordio

JPEG = b"\xff\xd8\xff"


def test_a_record_with_one_label_has_the_bytes_of_im2rec():
    framed = image_recordio.encode(b"abc", [14.0], 20129312)
    assert framed[8:32].hex() == "00000000000060412026330100000000" + "0000000000000000"
    assert list(image_recordio.decode([framed], "x.rec")) == [ImageRecord(b"abc", (14.0,), "x.rec, row 1")]


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5), st.binary(max_size=50))
def test_records_come_back(labels, content):
    framed = image_recordio.encode(JPEG + content, labels, 3)
    (record,) = image_recordio.decode([framed], "x")
    assert record.labels == tuple(labels) and record.content == JPEG + content


def test_a_file_of_im2rec_reads_to_its_end(golden):
    """Twelve pictures with vectors of nine labels."""
    content = (golden / "image-recordio" / "train.rec").read_bytes()
    records = list(image_recordio.decode([content], "train.rec"))
    assert len(records) == 12 and {len(record.labels) for record in records} == {9}
    assert {encoded.decode(record.content, "RGB").mode for record in records} == {"RGB"}
    again = b"".join(image_recordio.encode(r.content, r.labels, n) for n, r in enumerate(records))
    assert [r.content for r in image_recordio.decode([again], "x")] == [r.content for r in records]


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"short", "5 bytes, expected a header of 24 and an image."),
        (image_recordio.HEADER.pack(100, 0, 0, 0) + bytes(8), "its header counts 100 labels, but 8 bytes follow."),
    ],
)
def test_a_header_that_is_none_is_named(payload, problem):
    with pytest.raises(BadRecord) as caught:
        list(image_recordio.decode([recordio.frame(payload)], "x"))
    assert caught.value.problem == problem


@pytest.mark.parametrize(
    ("text", "labels"),
    [(b"0", (0.0,)), (b"2.0", (2.0,)), (b"[1, 0, 1]", (1.0, 0.0, 1.0)), (b"[]", ()), (b'["3"]', (3.0,))],
)
def test_a_manifest_pairs_images_and_labels(text, labels):
    stream = recordio.frame(b"image") + recordio.frame(text)
    assert list(image_recordio.decode_pairs([stream], "train_0")) == [ImageRecord(b"image", labels, "train_0, row 1")]


PICTURE = b"\xff\xd8\xff\xe0 and more"


@pytest.mark.parametrize("text", [b"cat", b"{}", b"null", b"\xff", b"1" + b"0" * 400, b"[" * 100_000])
def test_a_label_that_is_none_is_named(text):
    with pytest.raises(BadRecord, match="expected a number or a list of numbers"):
        list(image_recordio.decode_pairs([recordio.frame(b"image") + recordio.frame(text)], "x"))


def test_an_image_without_a_label_is_named():
    with pytest.raises(
        BadRecord, match=r"^row 2: an image without a label: AttributeNames must list the image first, such"
    ):
        list(image_recordio.decode_pairs(map(recordio.frame, [b"image", b"1", b"image"]), "x"))


@pytest.mark.parametrize(
    ("parts", "got"),
    [([b"1", PICTURE], "the label comes before the image"), ([PICTURE, PICTURE], "two images, and no label")],
)
def test_attributes_in_another_order_are_named_without_their_bytes(parts, got):
    with pytest.raises(BadRecord) as caught:
        list(image_recordio.decode_pairs(map(recordio.frame, parts), "x"))
    assert str(caught.value) == (
        f"row 1: {got}: AttributeNames must list the image first, such as source-ref, and its label second."
    )


def test_a_label_that_is_not_text_is_not_shown():
    with pytest.raises(BadRecord, match="label of 3 bytes that are not text, expected a number"):
        list(image_recordio.decode_pairs(map(recordio.frame, [b"image", b"\xff\x00\x01"]), "x"))


def test_a_long_label_is_shown_by_its_first_forty_characters():
    for label, shown in ((b"x" * 41, f"label {'x' * 40!r}, expected"), (b"x" * 40 + b"\xff", f"label {'x' * 40!r},")):
        with pytest.raises(BadRecord, match=shown):
            list(image_recordio.decode_pairs(map(recordio.frame, [b"image", label]), "x"))


def test_a_framed_image_without_a_header_is_a_record_without_labels():
    frames = [recordio.frame(JPEG + b"1"), image_recordio.encode(b"2", [5.0], 1)]
    assert list(image_recordio.decode(frames, "x.rec")) == [
        ImageRecord(JPEG + b"1", (), "x.rec, row 1"),
        ImageRecord(b"2", (5.0,), "x.rec, row 2"),
    ]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_record_may_end_with_its_labels(count):
    payload = HEADER.pack(count, 7.0, 1, 0) + struct.pack(f"<{count}f", *range(count))
    (record,) = image_recordio.decode([recordio.frame(payload)], "x")
    assert record.content == b"" and record.labels == (tuple(map(float, range(count))) or (7.0,))
    with pytest.raises(BadRecord):
        list(image_recordio.decode([recordio.frame(payload[:-1])], "x"))


def test_a_vector_of_labels_has_the_bytes_of_im2rec():
    framed = image_recordio.encode(b"abc", [1.0, 0.0], 7)
    assert framed[8:] == struct.pack("<IfQQ2f", 2, 0.0, 7, 0, 1.0, 0.0) + b"abc\0"
