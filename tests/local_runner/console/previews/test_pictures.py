"""Thumbnails: never larger than asked, never larger than the picture, with the size of the original."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.console.previews import pictures
from wildsage.local_runner.console.previews.kinds import NoPreview


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("size", "shown"), [((640, 10), (640, 10)), ((641, 10), (640, 10)), ((1280, 640), (640, 320)), ((3, 2), (3, 2))]
)
def test_a_picture_is_at_most_640_pixels_wide(size, shown):
    (found,) = pictures.preview(png(*size), True).pictures
    assert (found.width, found.height) == size
    with Image.open(io.BytesIO(found.png)) as picture:
        assert (picture.size, picture.format) == (shown, "PNG")
    assert found.address.startswith("data:image/png;base64,iVBOR")


def test_one_of_many_is_at_most_112_and_keeps_its_labels():
    found = pictures.thumbnail(png(200, 100), pictures.SMALL, [1.0])
    with Image.open(io.BytesIO(found.png)) as picture:
        assert picture.size == (112, 56)
    assert list(found.labels) == [1.0]


def test_a_picture_that_is_cut_or_damaged_says_so():
    assert pictures.preview(png(2, 2), False) == NoPreview("The image is larger than a preview reads.")
    damaged = pictures.preview(png(2, 2)[:40], True)
    with pytest.raises(UserError) as caught:
        pictures.thumbnail(png(2, 2)[:40], 9)
    said = str(caught.value)
    assert damaged == NoPreview(f"{said[:1].upper()}{said[1:]}.")
