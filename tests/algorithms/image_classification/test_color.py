"""Shifts of hue, lightness and saturation beside the standard library's."""

import colorsys

import numpy as np
import pytest

from wildsage.algorithms.image_classification import color


@pytest.mark.parametrize("shift", [(0, 0, 0), (25, 0, 0), (0, -40, 0), (0, 0, 30), (-30, 50, -20)])
def test_shifts_are_those_of_colorsys(shift):
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    moved = color.shifted(pixels, *shift)
    for place in np.ndindex(5, 7):
        hue, lightness, saturation = colorsys.rgb_to_hls(*(pixels[place] / 255))
        hue, saturation, lightness = (
            value + each / unit
            for value, each, unit in zip((hue, saturation, lightness), shift, (180, 255, 255), strict=True)
        )
        expected = colorsys.hls_to_rgb(hue % 1, min(max(lightness, 0), 1), min(max(saturation, 0), 1))
        assert np.allclose(moved[place], np.array(expected) * 255, atol=1)


@pytest.mark.parametrize(
    "pixel",
    [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (10, 200, 200)],
)
def test_no_shift_changes_no_pixel_and_half_a_turn_gives_the_opposite_colour(pixel):
    pixels = np.array([[pixel]], np.uint8)
    assert (
        color.shifted(pixels, 0, 0, 0).tolist() == [[list(pixel)]] and color.shifted(pixels, 0, 0, 0).dtype == np.uint8
    )
    hue, lightness, saturation = colorsys.rgb_to_hls(*(pixels[0, 0] / 255))
    expected = np.array(colorsys.hls_to_rgb((hue + 0.5) % 1, lightness, saturation)) * 255
    assert np.allclose(color.shifted(pixels, 90, 0, 0)[0, 0], expected, atol=1)
    assert color.shifted(pixels, 0, 0, 255).tolist() == [[[255] * 3]] and color.shifted(
        pixels, 0, 0, -255
    ).tolist() == [[[0] * 3]]


def test_shifts_are_drawn_evenly_from_their_ranges():
    """Hue up to 36 either way, saturation and lightness up to 50; 2,000 draws come within 1 % of the ends."""
    rng = np.random.default_rng(0)
    drawn = np.array([color.draw_shifts(rng) for _ in range(2000)]) / [36, 50, 50]
    assert (np.abs(drawn) <= 1).all() and (drawn.max(0) > 0.99).all() and (drawn.min(0) < -0.99).all()
    assert np.abs(drawn.mean(0)).max() < 0.05 and np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.1
