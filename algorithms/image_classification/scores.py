"""Loss and accuracies of a batch.

Axes: n images · k classes
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from wildsage.algorithms.base.run import RunContext


@dataclass
class Frequencies:
    """How often each class has been seen, for the weighted loss: rare classes and common ones pull alike."""

    present_k: Tensor
    images: int = 0

    def add(self, labels_nk: Tensor) -> None:
        self.present_k += labels_nk.sum(0)
        self.images += len(labels_nk)

    def weights(self, labels_nk: Tensor) -> Tensor:
        """(n, k): the share of images on the other side, twice, for each label; 1 where a class is in half of all."""
        share_k = (self.present_k + 1) / (self.images + 2)
        return 2 * torch.where(labels_nk > 0, 1 - share_k, share_k)


def loss(scores_nk: Tensor, labels_nl: Tensor, multi_label: bool, weights_nk: Tensor | None = None) -> Tensor:
    """Mean cross entropy over images: of a softmax, or with several labels of a sigmoid for each class."""
    if not multi_label:
        return F.cross_entropy(scores_nk, labels_nl[:, 0].long())
    return F.binary_cross_entropy_with_logits(scores_nk, labels_nl, weights_nk, reduction="sum") / len(scores_nk)


@dataclass
class Tally:
    """Hits among images seen, of one or of several labels each; `top_k` counts a hit among the k best as well.

    The counts stay on the device until they are asked for: a GPU need not be waited for after every batch.
    """

    top_k: int | None = None
    multi_label: bool = False
    hits: dict[str, Tensor] = field(init=False)
    images: int = 0

    def __post_init__(self) -> None:
        names = ["accuracy", *([f"top_k_accuracy_{self.top_k}"] if self.top_k and not self.multi_label else [])]
        self.hits = {name: torch.zeros((), dtype=torch.float64) for name in names}

    def add(self, scores_nk: Tensor, labels_nl: Tensor) -> None:
        """Scores before the output, or probabilities with 0.5 taken off: positive says yes."""
        self.images += len(scores_nk)
        for name, hits_n in zip(self.hits, self._hits(scores_nk.detach(), labels_nl), strict=True):
            self.hits[name] = self.hits[name].to(hits_n.device) + hits_n.sum(dtype=torch.float64)

    def _hits(self, scores_nk: Tensor, labels_nl: Tensor) -> Iterator[Tensor]:
        if self.multi_label:
            yield ((scores_nk > 0) == (labels_nl > 0)).double().mean(1)
            return
        yield scores_nk.argmax(1) == labels_nl[:, 0]
        if self.top_k:
            best_nk = scores_nk.topk(min(self.top_k, scores_nk.shape[1])).indices
            yield (best_nk == labels_nl).any(1)

    def total(self, run: RunContext) -> None:
        """Add up over the hosts."""
        counts = [torch.tensor(self.images, dtype=torch.float64), *(hits.cpu() for hits in self.hits.values())]
        images, *hits = run.sum(torch.stack(counts)).unbind()
        self.images, self.hits = int(images), dict(zip(self.hits, hits, strict=True))

    def rates(self) -> dict[str, float]:
        """By name, in the order in which the log has them."""
        return {name: float(hits) / self.images for name, hits in self.hits.items()}
