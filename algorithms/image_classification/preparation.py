"""From a picture to the network's input: resize, crop, and in training random changes [contract: image-classification].

Axes: h height · w width · c channels
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture
from PIL.Image import Resampling, Transform, Transpose

from wildsage.algorithms.image_classification import color
from wildsage.algorithms.image_classification.hyperparameters import CROP_COLOR, CROP_COLOR_TRANSFORM

MOST_ROTATION_DEGREES, MOST_SHEAR, MOST_ASPECT = 10.0, 0.1, 0.25
FILL = 255
"""The colour of pixels that lie outside a picture after it was rotated."""


@dataclass(frozen=True)
class TrainingPreparation:
    """Resize the shorter side to `resize`, then crop to `image_shape` (channels, height, width): at the center, or with an
    `augmentation` at a random place, half of the crops mirrored. Labels become one class, or with `multi_label` 0 and 1 for each;
    `class_ids` says that they are given as a list of classes.
    """

    image_shape: tuple[int, int, int]
    resize: int | None
    augmentation: str | None
    num_classes: int
    multi_label: bool = False
    class_ids: bool = False

    @property
    def mode(self) -> Literal["RGB", "L"]:
        """Pillow's mode of the pictures that `pixels` takes: L for one channel, RGB for three."""
        return mode_of(self.image_shape)

    def pixels(self, picture: Picture, rng: np.random.Generator) -> NDArray[np.uint8]:
        """The network's input (h, w, c), 0..255, of a picture in `mode`. All chance is drawn from `rng`.

        Raises ValueError for a picture smaller than the crop.
        """
        if self.resize:
            picture = shorter_side(picture, self.resize)
        if self.augmentation == CROP_COLOR_TRANSFORM:
            picture = _turned(picture, rng)
        picture = self._cropped(picture, rng)
        pixels_hwc = as_array(picture)
        if self.augmentation in (CROP_COLOR, CROP_COLOR_TRANSFORM) and self.mode == "RGB":
            return color.shifted(pixels_hwc, *color.draw_shifts(rng))
        return pixels_hwc

    def labels(self, given: tuple[float, ...]) -> tuple[float, ...]:
        """The labels of a picture as the network learns them: (1,) with the class, or (num_classes,) of 0 and 1.

        Raises ValueError for labels of another number, and for a class outside 0..num_classes - 1.
        """
        if not self.multi_label:
            if len(given) != 1:
                raise ValueError(f"{len(given)} labels, expected one (multi_label is 0)")
            self._check_class(given[0])
            return given
        if self.class_ids:
            for label in given:
                self._check_class(label)
            return tuple(float(number in given) for number in range(self.num_classes))
        if len(given) != self.num_classes or not all(label in (0, 1) for label in given):
            raise ValueError(f"labels {list(given)}, expected {self.num_classes} (num_classes) numbers, each 0 or 1")
        return given

    def _check_class(self, label: float) -> None:
        if not (label.is_integer() and 0 <= label < self.num_classes):
            raise ValueError(f"label {label:g}, expected a class from 0 to {self.num_classes - 1} (num_classes)")

    def _cropped(self, picture: Picture, rng: np.random.Generator) -> Picture:
        _, height, width = self.image_shape
        spare_x, spare_y = picture.width - width, picture.height - height
        if spare_x < 0 or spare_y < 0:
            raise ValueError(
                f"{picture.width} × {picture.height} pixels, smaller than {width} × {height} of image_shape; "
                "set resize to that size or more"
            )
        if self.augmentation is None:
            left, top, mirrored = spare_x // 2, spare_y // 2, False
        else:
            left, top, mirrored = int(rng.integers(spare_x + 1)), int(rng.integers(spare_y + 1)), rng.random() < 0.5
        cropped = picture.crop((left, top, left + width, top + height))
        return cropped.transpose(Transpose.FLIP_LEFT_RIGHT) if mirrored else cropped


def as_array(picture: Picture) -> NDArray[np.uint8]:
    """The pixels (h, w, c) of a picture, with c = 1 for a grey one."""
    pixels = np.asarray(picture)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def stretched(picture: Picture, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The pixels (h, w, c) of a picture stretched to `image_shape`, as in inference [contract: Pre-processing at inference]."""
    _, height, width = image_shape
    return as_array(picture if picture.size == (width, height) else picture.resize((width, height)))


def mode_of(image_shape: tuple[int, int, int]) -> Literal["RGB", "L"]:
    """Grey for one channel, else colour."""
    return "L" if image_shape[0] == 1 else "RGB"


def shorter_side(picture: Picture, size: int) -> Picture:
    """The picture scaled so that its shorter side has `size` pixels."""
    scale = size / min(picture.size)
    if scale == 1:
        return picture
    width, height = (max(size, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Resampling.BILINEAR)


def _turned(picture: Picture, rng: np.random.Generator) -> Picture:
    """Random rotation, shear and aspect ratio, around the center."""
    angle = math.radians(rng.uniform(-MOST_ROTATION_DEGREES, MOST_ROTATION_DEGREES))
    shear = rng.uniform(-MOST_SHEAR, MOST_SHEAR)
    stretch = math.sqrt(1 + rng.uniform(-MOST_ASPECT, MOST_ASPECT))
    cos, sin = math.cos(angle), math.sin(angle)
    # Where a pixel of the result comes from: turned, sheared, stretched.
    a, b = cos / stretch, (shear * cos + sin) / stretch
    d, e = -sin * stretch, (cos - shear * sin) * stretch
    x, y = picture.width / 2, picture.height / 2
    matrix = (a, b, x - a * x - b * y, d, e, y - d * x - e * y)
    fill = FILL if picture.mode == "L" else (FILL,) * 3
    return picture.transform(picture.size, Transform.AFFINE, matrix, Resampling.BILINEAR, fillcolor=fill)
