"""Random shifts of hue, lightness and saturation [contract: image-classification, crop_color].

The units are OpenCV's, which MXNet augments with: hue in steps of two degrees, lightness and saturation up to 255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_HUE, MOST_SATURATION, MOST_LIGHTNESS = 36.0, 50.0, 50.0
HUES, LARGEST = 180.0, 255.0


def draw_shifts(rng: np.random.Generator) -> tuple[float, float, float]:
    """Offsets of hue, saturation and lightness."""
    hue, saturation, lightness = rng.uniform(-1, 1, 3) * (MOST_HUE, MOST_SATURATION, MOST_LIGHTNESS)
    return float(hue), float(saturation), float(lightness)


def shifted(pixels_hwc: NDArray[np.uint8], hue: float, saturation: float, lightness: float) -> NDArray[np.uint8]:
    """The picture (h, w, 3) with offsets added to hue, saturation and lightness, each kept within its range."""
    hue_hw, saturation_hw, lightness_hw = _to_hsl(pixels_hwc.astype(np.float32) / LARGEST)
    return _to_rgb(
        hue_hw + 6 * hue / HUES,
        np.clip(saturation_hw + saturation / LARGEST, 0, 1),
        np.clip(lightness_hw + lightness / LARGEST, 0, 1),
    )


def _to_hsl(rgb_hw3: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
    """Hue from 0 to 6, saturation and lightness from 0 to 1; grey has hue 0."""
    red, green, blue = np.moveaxis(rgb_hw3, 2, 0)
    most, least = rgb_hw3.max(2), rgb_hw3.min(2)
    spread = most - least
    lightness = (most + least) / 2
    safe = np.where(spread > 0, spread, 1)
    hue = np.select(
        [most == red, most == green],
        [((green - blue) / safe) % 6, (blue - red) / safe + 2],
        (red - green) / safe + 4,
    )
    room = 1 - np.abs(2 * lightness - 1)
    return hue, spread / np.where(room > 0, room, 1), lightness


def _to_rgb(hue: NDArray, saturation: NDArray, lightness: NDArray) -> NDArray[np.uint8]:
    """f(n) = l - a · max(-1, min(k - 3, 9 - k, 1)) with k = n + 2 · hue mod 12, for red n = 0, green 8, blue 4."""
    reach = saturation * np.minimum(lightness, 1 - lightness)
    places = (np.array([0, 8, 4], np.float32) + 2 * hue[:, :, None]) % 12
    wave = np.clip(np.minimum(places - 3, 9 - places), -1, 1)
    return np.rint((lightness[:, :, None] - reach[:, :, None] * wave) * LARGEST).astype(np.uint8)
