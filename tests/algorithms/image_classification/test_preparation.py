"""From a picture to the network's input."""

import numpy as np
import pytest
from PIL import Image

from wildsage.algorithms.image_classification import preparation
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


@pytest.mark.parametrize(
    ("image", "expected"),
    [((12, 10), (2, 2)), ((13, 11), (2, 2)), ((14, 12), (3, 3)), ((8, 6), (0, 0)), ((9, 7), (0, 0))],
)
def test_the_middle_of_what_is_left_over_is_rounded_down(image, expected):
    pixels = prepare(of=picture(*image))
    assert (pixels[0, 0, 0], pixels[0, 0, 1]) == expected


def test_a_picture_is_resized_before_it_is_cropped():
    """40 × 20 becomes 16 × 8; the middle 8 × 6 of it lies between a quarter and three quarters."""
    pixels = prepare(resize=8, of=picture(40, 20))
    assert pixels.shape == (6, 8, 3)
    assert 8 < pixels[0, 0, 0] < 14 and 26 < pixels[0, -1, 0] < 31


def test_grey_pictures_have_one_channel():
    grey = TrainingPreparation((1, 6, 8), None, None, 3)
    assert grey.mode == "L" and grey.pixels(picture().convert("L"), np.random.default_rng(0)).shape == (6, 8, 1)
    assert TrainingPreparation(SHAPE, None, None, 3).mode == "RGB"


def test_crop_alone_moves_no_colour():
    bright = Image.new("RGB", (12, 10), (200, 100, 50))
    assert all((prepare(CROP, seed, of=bright) == (200, 100, 50)).all() for seed in range(5))


def marked(width: int, height: int, x: float, y: float) -> Image.Image:
    """A black picture with a white square of 9 pixels around a place."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5] = 255
    return Image.fromarray(pixels)


def center(pixels: np.ndarray) -> np.ndarray:
    """Where the white of a picture lies, (x, y)."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    return np.array([(x * pixels).sum(), (y * pixels).sum()]) / pixels.sum()


def test_a_transform_maps_places_as_it_draws_them(monkeypatch):
    """A place p of the result comes from c + A (p - c), A drawn from the angle, the shear and the proportions."""
    monkeypatch.setattr(preparation, "FILL", 0)
    for seed in range(6):
        drawn = np.random.default_rng(seed)
        angle, shear = np.radians(drawn.uniform(-10, 10)), drawn.uniform(-0.1, 0.1)
        stretch = np.sqrt(1 + drawn.uniform(-0.25, 0.25))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        whole = np.diag([1 / stretch, stretch]) @ np.array([[1, shear], [0, 1]]) @ turn
        for start in ((60, 40), (90, 50), (70, 75)):
            turned = np.asarray(preparation._turned(marked(160, 100, *start), np.random.default_rng(seed)), np.float64)
            back = np.array([80, 50]) + whole @ (center(turned) + 0.5 - [80, 50])
            assert np.abs(back - (np.array(start) + 0.5)).max() < 0.6


def test_what_lies_outside_a_turned_picture_is_white_also_in_grey_ones():
    black = Image.new("L", (40, 40), 0)
    turned = [
        prepare(CROP_COLOR_TRANSFORM, seed, (1, 40, 40), of=black)[[0, 0, -1, -1], [0, -1, 0, -1], 0]
        for seed in range(10)
    ]
    assert np.max(turned) == 255


def test_a_class_is_a_whole_number_from_zero_on():
    single = TrainingPreparation(SHAPE, None, None, 3)
    assert single.labels((0.0,)) == (0.0,)
    with pytest.raises(ValueError, match="label -1, expected a class from 0 to 2"):
        single.labels((-1.0,))
    with pytest.raises(ValueError, match="0 labels, expected one"):
        single.labels(())


def test_a_picture_of_the_right_size_is_not_resized():
    same = picture(8, 6)
    assert preparation.shorter_side(same, 6) is same
    assert np.array_equal(preparation.stretched(same, SHAPE), np.asarray(same))
