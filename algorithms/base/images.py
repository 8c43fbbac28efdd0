"""What an algorithm on images tells those who read them: how a picture becomes pixels, and which labels it may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture


class Preparation(Protocol):
    """Made for one channel; travels to the processes that decode."""

    @property
    def mode(self) -> Literal["RGB", "L"]:
        """Colour or grey."""
        ...

    def pixels(self, picture: Picture, rng: np.random.Generator) -> NDArray[np.uint8]:
        """(h, w, c), the same shape for every picture. Raises ValueError, saying what is wrong with this one."""
        ...

    def labels(self, given: tuple[float, ...]) -> tuple[float, ...]:
        """As many for every picture. Raises ValueError."""
        ...


class ImageAlgorithm(Protocol):
    """An algorithm whose `Spec.data` is "images"."""

    def preparation(self, channel: str, parameters: Mapping[str, str]) -> Preparation:
        """For a channel of that name; `parameters` are those of its content type. Raises UserError."""
        ...
