"""Previews of pictures: decoded within the limits of endpoints, made small, and encoded anew as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.images import encoded
from wildsage.local_runner.console.previews.kinds import NoPreview, PicturesPreview, Preview, Thumbnail

LARGE, SMALL = 640, 112
"""The longer side of a picture alone and of one of many, in pixels."""


def preview(content: bytes, is_whole: bool) -> Preview:
    """Show a JPEG or PNG."""
    if not is_whole:
        return NoPreview("The image is larger than a preview reads.")
    try:
        return PicturesPreview([thumbnail(content, LARGE)])
    except UserError as error:
        return NoPreview(f"{str(error)[0].upper()}{str(error)[1:]}.")


def thumbnail(content: bytes, side: int, labels: Sequence[float] = ()) -> Thumbnail:
    """A picture of at most `side` pixels each way. Raises UserError for bytes that are not a sound JPEG or PNG."""
    with encoded.decoded(content, "RGB") as picture:
        width, height = picture.size
        picture.thumbnail((side, side))
        target = io.BytesIO()
        picture.save(target, "PNG")
    return Thumbnail(target.getvalue(), labels, width, height)
