"""The loss of a batch.

Axes: n images · k classes · l labels of an image: 1, or k with multi_label
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass
class ClassFrequencies:
    """The frequency of each class, for the weighted loss: `present_k` images of each class, out of `images`."""

    present_k: Tensor
    images: int = 0

    def add(self, labels_nk: Tensor) -> None:
        """Count the classes of more images, labels (n, k) of 0 and 1."""
        self.present_k += labels_nk.sum(0)
        self.images += len(labels_nk)

    def weights(self, labels_nk: Tensor) -> Tensor:
        """Weights (n, k) that make rare and common classes count equally.

        A label weighs twice the share of images that have the other label: 1 if half of all images have the class.
        """
        share_k = (self.present_k + 1) / (self.images + 2)
        return 2 * torch.where(labels_nk > 0, 1 - share_k, share_k)


def cross_entropy(scores_nk: Tensor, labels_nl: Tensor, multi_label: bool, weights_nk: Tensor | None = None) -> Tensor:
    """Mean cross entropy over images, (): of the softmax, or with `multi_label` of a sigmoid for each class.

    Scores (n, k), labels (n, l), and with `multi_label` a weight (n, k) for each class of each image.
    """
    if not multi_label:
        return F.cross_entropy(scores_nk, labels_nl[:, 0].long())
    return F.binary_cross_entropy_with_logits(scores_nk, labels_nl, weights_nk, reduction="sum") / len(scores_nk)
