"""Image classification's part in the conformance suite."""

from __future__ import annotations

import torch

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.conformance import Case

SIDE = 8


def stripes() -> Batch:
    """64 grey, noisy images of 8 × 8 pixels, with vertical (0) and horizontal (1) stripes in turn."""
    rng = torch.Generator().manual_seed(1)  # mutants: equivalent: any seed gives such images
    wave = 96.0 * (torch.arange(SIDE) // 2 % 2) + 64
    vertical, horizontal = wave.expand(SIDE, SIDE), wave[:, None].expand(SIDE, SIDE)
    label_n = torch.arange(64) % 2
    images_nhw = torch.normal(torch.stack([vertical, horizontal])[label_n], 16.0, generator=rng)
    return Batch(images_nhw.clamp(0, 255).to(torch.uint8)[:, None], label_n[:, None].float())


def accuracy(model: Model, rows: Batch) -> float:
    """Share of images whose most probable class is theirs."""
    assert rows.labels_nl is not None
    best_n = model.predict(rows)["prediction"].argmax(1)
    return float((best_n == rows.labels_nl.flatten()).float().mean())


CASE = Case(
    hyperparameters={
        "num_classes": "2", "num_training_samples": "64", "image_shape": f"1,{SIDE},{SIDE}", "num_layers": "20",
        "mini_batch_size": "16", "epochs": "4", "learning_rate": "0.01", "lr_scheduler_step": "2",
    },
    rows=stripes,
    quality=accuracy,
    floor=0.95,
    other_types={
        "application/x-image": "a channel of image files needs a second channel with their list: tested with the container",
        "image/jpeg": "see application/x-image",
        "image/png": "see application/x-image",
        "application/jpeg": "see application/x-image",
    },
    exempt={
        "reaches_its_floor_on_sorted_and_reversed_rows": "the channel shuffles, before images are decoded",
        "hosts_with_a_share_each_agree_and_reach_the_floor": "batches of 100 are too few steps; hosts have a test of their own",
        "sparse_rows_give_what_dense_rows_give": "images are dense",
        "arrays_rebuild_the_model": "its graph belongs to it: the layout's test writes and reads both",
    },
)  # fmt: skip
