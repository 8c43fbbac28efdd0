"""The example of image classification runs from top to bottom on the local AWS, on pictures of stripes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image


def draw(folder: Path, count: int) -> None:
    """Standing and lying stripes of 40 × 36 pixels, in colours of chance."""
    rng = np.random.default_rng(0)
    bands = np.arange(40)[:, None] // 4 % 2 * np.ones((1, 40))
    for name, pattern in (("lying", bands), ("standing", bands.T)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = pattern[:36, :, None] * rng.integers(100, 255, 3)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.jpg")


def test_the_example_ends_with_a_contact_sheet(run_example: Callable[..., str], tmp_path: Path) -> None:
    draw(tmp_path / "pictures" / "train", 32)
    draw(tmp_path / "pictures" / "validation", 5)
    sheet = tmp_path / "sheet.png"
    options = [str(tmp_path / "pictures"), "--side", "32", "--epochs", "1", "--sheet", str(sheet)]
    said = run_example("image_classification/flowers.py", *options)
    assert "validation:accuracy: " in said and "Completed" in said and " of 10 right" in said
    assert Image.open(sheet).size == (8 * 128, 2 * (128 + 28))
