"""From a picture to the network's input."""

import colorsys

import numpy as np
import pytest
from PIL import Image

from wildsage.algorithms.image_classification import color, preparation
from wildsage.algorithms.image_classification.hyperparameters import CROP, CROP_COLOR, CROP_COLOR_TRANSFORM
from wildsage.algorithms.image_classification.preparation import TrainingPreparation

SHAPE = (3, 6, 8)


def picture(width=12, height=10) -> Image.Image:
    """Every pixel different: red is its column, green its row."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(pixels)


def prepare(augmentation=None, seed=0, shape=SHAPE, resize=None, of=None, **labels):
    return TrainingPreparation(shape, resize, augmentation, 3, **labels).pixels(
        of or picture(), np.random.default_rng(seed)
    )


def test_without_augmentation_the_middle_is_cut_out():
    pixels = prepare()
    assert pixels.shape == (6, 8, 3)
    assert pixels[0, :, 0].tolist() == list(range(2, 10)) and pixels[:, 0, 1].tolist() == list(range(2, 8))


def test_crop_cuts_anywhere_and_mirrors_half_of_the_time():
    crops = [prepare(CROP, seed) for seed in range(200)]
    mirrored = [crop[0, 0, 0] > crop[0, -1, 0] for crop in crops]
    lefts = {int(min(crop[0, 0, 0], crop[0, -1, 0])) for crop in crops}
    tops = {int(crop[0, 0, 1]) for crop in crops}
    assert lefts == tops == set(range(5))
    assert 0.35 < np.mean(mirrored) < 0.65
    assert np.array_equal(prepare(CROP, 7), prepare(CROP, 7))


@pytest.mark.parametrize(("size", "expected"), [((20, 10), (16, 8)), ((9, 30), (8, 27)), ((8, 8), (8, 8))])
def test_resize_is_of_the_shorter_side(size, expected):
    assert preparation.shorter_side(picture(*size), 8).size == expected


def test_colours_move_and_the_drawing_stays():
    bright = Image.new("RGB", (8, 6), (200, 100, 50))
    moved = [prepare(CROP_COLOR, seed, of=bright)[0, 0].tolist() for seed in range(20)]
    assert len({tuple(pixel) for pixel in moved}) == 20
    assert np.array_equal(prepare(CROP_COLOR, 3, shape=(1, 6, 8), of=bright.convert("L"))[..., 0], np.full((6, 8), 124))


def test_a_transform_turns_around_the_middle_and_fills_with_white():
    dark = Image.new("RGB", (40, 40), (0, 0, 0))
    shape = (3, 40, 40)
    shares = [np.mean(prepare(CROP_COLOR_TRANSFORM, seed, shape, of=dark) > 200) for seed in range(30)]
    assert 0 < np.mean(shares) < 0.3
    assert all(prepare(CROP_COLOR_TRANSFORM, seed, shape, of=dark)[20, 20].max() < 60 for seed in range(30))


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


def test_an_image_that_is_too_small_says_so():
    with pytest.raises(ValueError, match=r"7 × 10 pixels, smaller than 8 × 6 of image_shape; set resize"):
        prepare(of=picture(7, 10))


def test_labels_of_one_class():
    single = TrainingPreparation(SHAPE, None, None, 3)
    assert single.labels((2.0,)) == (2.0,)
    for wrong, problem in [
        ((3.0,), "label 3, expected a class from 0 to 2"),
        ((0.5,), "label 0.5"),
        ((1.0, 0.0), "2 labels"),
    ]:
        with pytest.raises(ValueError, match=problem):
            single.labels(wrong)


def test_labels_of_several_classes():
    hot = TrainingPreparation(SHAPE, None, None, 3, multi_label=True)
    assert hot.labels((1.0, 0.0, 1.0)) == (1.0, 0.0, 1.0)
    for wrong in ((1.0, 0.0), (1.0, 2.0, 0.0)):
        with pytest.raises(ValueError, match=r"expected 3 \(num_classes\) numbers, each 0 or 1"):
            hot.labels(wrong)
    ids = TrainingPreparation(SHAPE, None, None, 3, multi_label=True, class_ids=True)
    assert ids.labels((0.0, 2.0)) == (1.0, 0.0, 1.0) and ids.labels(()) == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="label 3, expected a class from 0 to 2"):
        ids.labels((3.0,))


def test_inference_stretches_and_cuts_nothing():
    pixels = preparation.stretched(picture(40, 10), SHAPE)
    assert pixels.shape == (6, 8, 3)
    assert pixels[0, 0, 0] < 4 and pixels[0, -1, 0] > 35
