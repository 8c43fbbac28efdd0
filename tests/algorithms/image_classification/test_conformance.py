"""The images by which the conformance suite judges image classification."""

import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.image_classification.conformance import CASE


def test_images_have_stripes_two_pixels_wide_in_turn():
    rows = CASE.rows()
    images = rows.features.float()
    assert images.shape == (64, 1, 8, 8) and rows.features.dtype == torch.uint8
    assert rows.labels_nl[:, 0].tolist() == [0, 1] * 32
    plain = torch.tensor([64.0, 64, 160, 160, 64, 64, 160, 160])
    for label, expected in ((0, plain.expand(8, 8)), (1, plain[:, None].expand(8, 8))):
        noise = images[rows.labels_nl[:, 0] == label, 0] - expected
        assert abs(float(noise.std()) - 16) < 0.5
        assert abs(float(noise.mean()) + 0.5) < 0.5  # fractions are cut off


class Fixed:
    """A model that gives these probabilities."""

    def __init__(self, first: torch.Tensor) -> None:
        self._first = first

    def predict(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {"prediction": torch.stack([self._first, 1 - self._first], 1)}


def test_the_share_of_images_whose_class_is_most_probable_counts():
    right = (torch.arange(64) % 2 == 0).float() * 0.9
    assert CASE.quality(Fixed(right), CASE.rows()) == 1 >= CASE.floor
    assert CASE.quality(Fixed(torch.ones(64)), CASE.rows()) == 0.5
    assert CASE.quality(Fixed(torch.where(torch.arange(64) < 4, 1 - right, right)), CASE.rows()) < CASE.floor
