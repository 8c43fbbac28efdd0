"""The metrics of an epoch: accuracies.

Axes: n images · k classes · l labels of an image: 1, or k with multi_label
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from wildsage.algorithms.base.run import RunContext


@dataclass
class Accuracies:
    """Counts of right answers. With `top_k` it also counts how often the class is among the k most probable ones.

    The counts stay on the device until they are read, so that training does not wait for the GPU after every batch.
    """

    top_k: int | None = None
    multi_label: bool = False
    hits: dict[str, Tensor] = field(init=False)
    images: int = 0

    def __post_init__(self) -> None:
        names = ["accuracy", *([f"top_k_accuracy_{self.top_k}"] if self.top_k and not self.multi_label else [])]
        self.hits = {name: torch.zeros((), dtype=torch.float64) for name in names}

    def add(self, scores_nk: Tensor, labels_nl: Tensor) -> None:
        """Count a batch, scores (n, k) before the output, or probabilities minus 0.5: positive means yes. Labels are (n, l)."""
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
        """Add up the counts of all hosts."""
        counts = [torch.tensor(self.images, dtype=torch.float64), *(hits.cpu() for hits in self.hits.values())]
        images, *hits = run.sum(torch.stack(counts)).unbind()
        self.images, self.hits = int(images), dict(zip(self.hits, hits, strict=True))

    def shares(self) -> dict[str, float]:
        """Share of right answers by name of the metric, in the order of the log."""
        return {name: float(hits) / self.images for name, hits in self.hits.items()}
