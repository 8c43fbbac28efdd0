"""Pictures: what comes in well-formed, damaged and hostile."""

import contextlib
import io
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.images import encoded

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
    edges = Image.fromarray(np.array([[0, 255, 256, 65_279, 65_280, 65_535]], np.uint16))
    assert np.asarray(encoded.decode(saved(edges), "L")).tolist() == [[0, 0, 1, 254, 255, 255]]


@pytest.mark.parametrize(("orientation", "first"), [(1, 0), (3, 235), (6, 200), (8, 35)])
def test_exif_orientation_is_applied(orientation, first):
    """The first pixel of the upright picture: of the upper left, lower right, lower left, upper right corner."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(GRADIENT), exif=exif)
    upright = encoded.decode(content, "L")
    assert upright.size == ((8, 6) if orientation in (1, 3) else (6, 8))
    assert upright.getpixel((0, 0)) == first


def chunk(kind: bytes, body: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(side: int, end: bytes = chunk(b"IEND", b"")) -> bytes:
    """A PNG whose header claims side × side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + end


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not a JPEG or PNG: it is empty"),
        (b"GIF89a\x01\x00\x01\x00", "not a JPEG or PNG: it is GIF (it begins with 47 49 46 38)"),
        (bomb(9_000), "the image is 9000 × 9000 pixels, expected at most 67108864 in all"),
        (bomb(200_000), "the image "),
        (bomb(8_192), "the image cannot be decoded"),
        (bomb(8_193), "the image is 8193 × 8193 pixels, expected at most 67108864 in all"),
        (bomb(50), "the image cannot be decoded"),
        (bomb(50, end=b"\xff" * 40), "the image cannot be decoded (broken PNG file"),
        (saved(Image.fromarray(GRADIENT))[:50], "the image cannot be decoded"),
        (saved(Image.fromarray(GRADIENT), "JPEG")[:300], "the image cannot be decoded"),
        (b"\xff\xd8\xff" + bytes(50), "the image "),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_is_not_an_image_is_rejected_with_a_message(content, problem, mode):
    with pytest.raises(UserError) as caught:
        encoded.decode(content, mode)
    assert problem in str(caught.value)


def test_pil_warns_nobody():
    """It warns about large pictures and about damaged EXIF."""
    content = io.BytesIO()
    Image.fromarray(GRADIENT).save(content, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\0\0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert encoded.decode(content.getvalue(), "L").size == (8, 6)
        with pytest.raises(UserError, match="9500 × 9500"):
            encoded.decode(bomb(9_500), "L")


def test_the_first_bytes_tell_an_image():
    assert encoded.is_image(saved(Image.fromarray(GRADIENT))) and encoded.is_image(b"\xff\xd8\xff")
    assert not encoded.is_image(b"\xff\xd8") and not encoded.is_image(b"\x89PNG") and not encoded.is_image(b"")


@given(st.binary(max_size=200), st.integers(0, 300))
def test_no_bytes_do_more_than_raise_a_user_error(noise, place):
    content = saved(Image.fromarray(GRADIENT), "JPEG")
    for damaged in (noise, content[:place] + noise + content[place + len(noise) :]):
        with contextlib.suppress(UserError):
            encoded.decode(damaged, "RGB")


def test_large_pictures_wait_for_each_other_and_small_ones_go_on():
    """Two threads hold a picture each that takes more than half of the budget: the second begins when the first has ended."""
    budget, held, most, lock = encoded.PixelBudget(100), [0], [0], threading.Lock()
    release, small = threading.Event(), threading.Event()

    def hold(pixels: int) -> None:
        with budget.room(pixels):
            with lock:
                held[0] += pixels
                most[0] = max(most[0], held[0])
            release.wait(240)
            with lock:
                held[0] -= pixels

    def take_little() -> None:
        with budget.room(5):
            small.set()

    threads = [threading.Thread(target=hold, args=(90,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    threading.Thread(target=take_little).start()
    assert small.wait(240)
    release.set()
    for thread in threads:
        thread.join(240)
    assert (held[0], most[0]) == (0, 90)


def test_a_full_budget_has_no_room_for_one_pixel_until_some_are_given_back():
    budget, entered = encoded.PixelBudget(100), threading.Event()

    def take_one() -> None:
        with budget.room(1):
            entered.set()

    waiting = threading.Thread(target=take_one, daemon=True)
    with budget.room(100):
        waiting.start()
        assert not entered.wait(0.1)
    assert entered.wait(60)


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
