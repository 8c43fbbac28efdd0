"""JPEG and PNG → pictures [contract: image-classification, Inference]. Damaged and malicious files raise UserError.

Pictures are upright (the EXIF orientation is applied) and have 8 bits per channel. Grey becomes three equal channels, colour
becomes luma, and alpha is dropped, as in the plain conversions of PIL and OpenCV.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from PIL import Image, ImageOps

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import UserError

JPEG, PNG, ANY = "image/jpeg", "image/png", "application/x-image"
TYPES = (ANY, JPEG, PNG, "application/jpeg")
"""Content types of one image, with one that AWS's notebooks send although it is not registered."""
FORMATS = ("JPEG", "PNG")
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")

MOST_PIXELS = 1 << 26
"""67 million, which take 200 MB: more than cameras have. A file of a few kilobytes can claim many times as much."""

Mode = Literal["RGB", "L"]


def is_image(content: bytes) -> bool:
    """Whether the bytes begin as a JPEG or PNG."""
    return content.startswith(SIGNATURES)


class PixelBudget:
    """How many pixels all threads of this process may hold decoded at a time. Thread-safe.

    A picture waits until there is room for it, so that many large ones cost the memory of one and take turns.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def room(self, pixels: int) -> Iterator[None]:
        """Hold so many pixels while the block runs. More than all there are count as all."""
        wanted = min(pixels, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._held + wanted <= self._most)
            self._held += wanted
        try:
            yield
        finally:
            with self._changed:
                self._held -= wanted
                self._changed.notify_all()


IN_FLIGHT = PixelBudget(MOST_PIXELS)


@contextmanager
def decoded(content: bytes, mode: Mode) -> Iterator[Image.Image]:
    """The picture in colour ("RGB") or grey ("L"), for the time of the block, in which its pixels count towards `IN_FLIGHT`.

    Raises UserError for bytes that are not a JPEG or PNG, are truncated, or hold more than `MOST_PIXELS`.
    """
    with _own_errors(content), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PIL warns about large sizes and invalid EXIF
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = picture.size
        if width * height > MOST_PIXELS:
            raise UserError(f"the image is {width} × {height} pixels, expected at most {MOST_PIXELS} in all")
    with IN_FLIGHT.room(width * height):
        with _own_errors(content), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            upright = _as_bytes(picture)
            upright = upright if upright.mode == mode else upright.convert(mode)
        yield upright


def decode(content: bytes, mode: Mode) -> Image.Image:
    """As `decoded`, for those who hold one picture at a time: it counts towards the budget while it is decoded."""
    with decoded(content, mode) as picture:
        return picture


@contextmanager
def _own_errors(content: bytes) -> Iterator[None]:
    """Turn PIL's errors into errors of the file. SyntaxError is PIL's for a broken PNG."""
    try:
        yield
    except Image.UnidentifiedImageError:
        raise UserError(f"the image is not a JPEG or PNG: it is {other_formats.described(content)}") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"the image cannot be decoded ({error})") from None


def _as_bytes(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits. PIL's own conversion would clip values at 255."""
    return picture.point(lambda value: value / 256).convert("L") if picture.mode.startswith("I") else picture
