"""JPEG and PNG → pictures [contract: image-classification, Inference]. Damaged and malicious files raise UserError.

Pictures are upright (the EXIF orientation is applied) and have 8 bits per channel. Grey becomes three equal channels, colour
becomes luma, and alpha is dropped, as in the plain conversions of PIL and OpenCV.
"""

from __future__ import annotations

import io
import warnings
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


def decode(content: bytes, mode: Mode) -> Image.Image:
    """Return the picture in colour ("RGB") or grey ("L").

    Raises UserError for bytes that are not a JPEG or PNG, are truncated, or hold more than `MOST_PIXELS`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL warns about large sizes and invalid EXIF
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise UserError(f"the image is {width} × {height} pixels, expected at most {MOST_PIXELS} in all")
            picture.load()
            return _as_bytes(ImageOps.exif_transpose(picture)).convert(mode)
    except Image.UnidentifiedImageError:
        raise UserError(f"the image is not a JPEG or PNG: it is {other_formats.described(content)}") from None
    # SyntaxError is PIL's for a broken PNG.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"the image cannot be decoded ({error})") from None


def _as_bytes(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits. PIL's own conversion would clip values at 255."""
    return picture.point(lambda value: value / 256).convert("L") if picture.mode.startswith("I") else picture
