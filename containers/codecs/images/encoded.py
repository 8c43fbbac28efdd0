"""JPEG and PNG → pictures [contract: image-classification, Inference]. Hostile and damaged files end in a message.

A picture is upright (its EXIF orientation applied) and of 8 bits. Grey becomes three equal channels where three are wanted; of
colour, grey is the luma; alpha is dropped, as PIL's and OpenCV's plain conversions do.
"""

from __future__ import annotations

import io
import warnings
from typing import Literal

from PIL import Image, ImageOps

from wildsage.algorithms.base.errors import UserError

JPEG, PNG, ANY = "image/jpeg", "image/png", "application/x-image"
FORMATS = ("JPEG", "PNG")
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")

MOST_PIXELS = 1 << 26
"""67 million, 200 MB in memory: more than cameras give. A file of a few kilobytes can claim many times that."""

Mode = Literal["RGB", "L"]


def is_image(content: bytes) -> bool:
    """Whether bytes begin as a JPEG or PNG does."""
    return content.startswith(SIGNATURES)


def decode(content: bytes, mode: Mode) -> Image.Image:
    """The picture in colour ("RGB") or grey ("L"). Raises UserError for what is no JPEG or PNG, is cut short, or too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own about sizes, and about EXIF that makes no sense
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise UserError(f"the image is {width} × {height} pixels, expected at most {MOST_PIXELS} in all")
            picture.load()
            return _as_bytes(ImageOps.exif_transpose(picture)).convert(mode)
    except Image.UnidentifiedImageError:
        shown = content[:8].hex(" ") or "nothing"
        raise UserError(f"the image is no JPEG and no PNG: it begins with {shown}") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:  # SyntaxError: PIL's for a broken PNG
        raise UserError(f"the image cannot be decoded ({error})") from None


def _as_bytes(picture: Image.Image) -> Image.Image:
    """Sixteen bits of grey to eight; PIL's own conversion would cut them off at 255."""
    return picture.point(lambda value: value / 256).convert("L") if picture.mode.startswith("I") else picture
