"""Pictures, records and lists: what comes in well-formed, damaged and hostile."""

import contextlib
import io
import struct
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.containers.codecs.images import encoded, image_list, image_recordio
from wildsage.containers.codecs.images.image_list import Entry
from wildsage.containers.codecs.images.image_recordio import ImageRecord
from wildsage.containers.codecs.records import recordio

GRADIENT = np.arange(0, 240, 5, dtype=np.uint8).reshape(6, 8)


def saved(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def test_grey_and_colour_become_what_is_wanted():
    grey = Image.fromarray(GRADIENT)
    assert np.array_equal(np.asarray(encoded.decode(saved(grey), "L")), GRADIENT)
    assert np.array_equal(np.asarray(encoded.decode(saved(grey), "RGB")), np.repeat(GRADIENT[..., None], 3, 2))
    colour = Image.new("RGB", (4, 3), (255, 0, 0))
    assert np.asarray(encoded.decode(saved(colour), "L")).tolist() == [[76] * 4] * 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "CMYK"])
def test_other_modes_are_converted(mode):
    picture = Image.new("RGB", (8, 6), (200, 100, 50)).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert encoded.decode(saved(picture, kind), "RGB").mode == "RGB"


def test_alpha_is_dropped_whatever_it_hides():
    hidden = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert np.asarray(encoded.decode(saved(hidden), "RGB"))[0, 0].tolist() == [10, 20, 30]


def test_sixteen_bits_become_eight():
    deep = Image.fromarray(GRADIENT.astype(np.uint16) * 256)
    assert np.array_equal(np.asarray(encoded.decode(saved(deep), "L")), GRADIENT)


@pytest.mark.parametrize(("orientation", "first"), [(1, 0), (3, 235), (6, 200), (8, 35)])
def test_exif_orientation_is_applied(orientation, first):
    """The first pixel of the upright picture: of the upper left, lower right, lower left, upper right corner."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(GRADIENT), exif=exif)
    upright = encoded.decode(content, "L")
    assert upright.size == ((8, 6) if orientation in (1, 3) else (6, 8))
    assert upright.getpixel((0, 0)) == first


def bomb(side: int) -> bytes:
    """A PNG whose header claims side × side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not a JPEG or PNG: it is empty"),
        (b"GIF89a\x01\x00\x01\x00", "not a JPEG or PNG: it is GIF (it begins with 47 49 46 38)"),
        (bomb(9_000), "the image is 9000 × 9000 pixels, expected at most 67108864 in all"),
        (bomb(200_000), "the image "),
        (bomb(50), "the image cannot be decoded"),
        (saved(Image.fromarray(GRADIENT))[:50], "the image cannot be decoded"),
        (saved(Image.fromarray(GRADIENT), "JPEG")[:300], "the image cannot be decoded"),
        (b"\xff\xd8\xff" + bytes(50), "the image "),
    ],
)
def test_what_is_not_an_image_is_rejected_with_a_message(content, problem):
    with pytest.raises(UserError) as caught:
        encoded.decode(content, "RGB")
    assert problem in str(caught.value)


@given(st.binary(max_size=200), st.integers(0, 300))
def test_no_bytes_do_more_than_raise_a_user_error(noise, place):
    content = saved(Image.fromarray(GRADIENT), "JPEG")
    for damaged in (noise, content[:place] + noise + content[place + len(noise) :]):
        with contextlib.suppress(UserError):
            encoded.decode(damaged, "RGB")


def test_a_record_with_one_label_has_the_bytes_of_im2rec():
    framed = image_recordio.encode(b"abc", [14.0], 20129312)
    assert framed[8:32].hex() == "00000000000060412026330100000000" + "0000000000000000"
    assert list(image_recordio.decode([framed], "x.rec")) == [ImageRecord(b"abc", (14.0,), "x.rec, row 1")]


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5), st.binary(max_size=50))
def test_records_come_back(labels, content):
    framed = image_recordio.encode(b"\xff\xd8\xff" + content, labels, 3)
    (record,) = image_recordio.decode([framed], "x")
    assert record.labels == tuple(labels) and record.content == b"\xff\xd8\xff" + content


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


def test_lists_are_read_as_im2rec_and_the_documentation_write_them():
    text = b"5\t1\tyour_image_directory/train_img_dog1.jpg\n\n1000\t0.000000\ta b.jpg\r\n22\t1\t0\t1\tc.png\n"
    assert image_list.decode(text) == [
        Entry((1.0,), "your_image_directory/train_img_dog1.jpg"),
        Entry((0.0,), "a b.jpg"),
        Entry((1.0, 0.0, 1.0), "c.png"),
    ]


@pytest.mark.parametrize("line", [b"5 1 a.jpg", b"a.jpg", b"5\ta.jpg", b"5\tdog\ta.jpg", b"5\t1\t", b"\xff\xfe"])
def test_a_line_that_is_none_is_named(line):
    with pytest.raises(BadRecord) as caught:
        image_list.decode(b"0\t0\tok.jpg\n" + line)
    assert caught.value.row == 2


def test_large_pictures_wait_for_each_other_and_small_ones_go_on():
    """Two threads hold a picture each that takes more than half of the budget: the second begins when the first has ended."""
    budget, held, most, lock = encoded.PixelBudget(100), [0], [0], threading.Lock()
    release, small = threading.Event(), threading.Event()

    def hold(pixels: int) -> None:
        with budget.room(pixels):
            with lock:
                held[0] += pixels
                most[0] = max(most[0], held[0])
            release.wait(60)
            with lock:
                held[0] -= pixels

    def take_little() -> None:
        with budget.room(5):
            small.set()

    threads = [threading.Thread(target=hold, args=(90,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    threading.Thread(target=take_little).start()
    assert small.wait(60)
    release.set()
    for thread in threads:
        thread.join(60)
    assert (held[0], most[0]) == (0, 90)


def test_one_picture_may_be_as_large_as_the_whole_budget_and_gives_it_back_after_an_error():
    budget = encoded.PixelBudget(100)
    for _ in range(2):
        with pytest.raises(UserError), budget.room(10_000):
            raise UserError("damaged")


def test_what_a_picture_holds_counts_until_its_pixels_are_taken(monkeypatch):
    asked = []
    monkeypatch.setattr(encoded.IN_FLIGHT, "room", lambda pixels: asked.append(pixels) or contextlib.nullcontext())
    with encoded.decoded(saved(Image.fromarray(GRADIENT)), "RGB") as picture:
        assert picture.size == (8, 6)
    assert asked == [48]
