"""How an algorithm on images describes its input: how a picture becomes pixels, and which labels it may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture


class PicturePreparation(Protocol):
    """The preparation of one channel's pictures. It is sent to the processes that decode them."""

    @property
    def mode(self) -> Literal["RGB", "L"]:
        """Pillow's mode of the pictures that `pixels` takes: RGB for colour, L for grey."""
        ...

    def pixels(self, picture: Picture, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Pixels (h, w, c) from 0 to 255, of one shape for all pictures. Raises ValueError with what is wrong with the picture."""
        ...

    def labels(self, given: tuple[float, ...]) -> tuple[float, ...]:
        """The labels as numbers, equally many for every picture. Raises ValueError with what is wrong with them."""
        ...


class ImageAlgorithm(Protocol):
    """An algorithm whose `Spec.data` is "images"."""

    def preparation(self, channel: str, parameters: Mapping[str, str]) -> PicturePreparation:
        """The preparation of a channel. `parameters` are those of its content type. Raises UserError for unknown values."""
        ...
