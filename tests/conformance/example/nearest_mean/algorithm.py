"""Classification by the nearest class mean.

Axes: n rows of a batch · d features · c classes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from wildsage.algorithms.nearest_mean.hyperparameters import NearestMeanHyperparameters
from wildsage.algorithms.nearest_mean.model import NearestMeanModel
from wildsage.algorithms.nearest_mean.spec import SPEC

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Batch, Stream
from wildsage.algorithms.base.errors import NO_DATA, UserError
from wildsage.algorithms.base.run import RunContext


@dataclass(frozen=True, kw_only=True)
class NearestMean(NearestMeanHyperparameters, Algorithm):
    """Learn the mean of each class. Memory: c·d numbers and one mini-batch.

    >>> import torch
    >>> from wildsage.algorithms.base.batch import Batch, MemoryStream
    >>> from wildsage.algorithms.base.run import RunContext
    >>> from wildsage.algorithms.nearest_mean.algorithm import NearestMean
    >>> rows = Batch(torch.tensor([[0.0], [2.0], [9.0]]), labels_nl=torch.tensor([[0.0], [0], [1]]))
    >>> model = NearestMean(feature_dim=1, num_classes=2).fit({"train": MemoryStream(rows)}, RunContext())
    >>> model.means_cd
    tensor([[1.],
            [9.]])
    >>> model.predict(Batch(torch.tensor([[4.0]])))["predicted_label"]
    tensor([0.])
    """

    spec: ClassVar = SPEC
    model_class: ClassVar = NearestMeanModel

    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> NearestMeanModel:
        """Add up the rows of each class on all hosts. A class without rows gets the mean of all rows."""
        counts_c = torch.zeros(self.num_classes, dtype=torch.float64)
        sums_cd = torch.zeros(self.num_classes, self.feature_dim, dtype=torch.float64)
        for batch in run.batches(channels["train"], self.mini_batch_size):
            label_n = self._labels(batch)
            counts_c.index_add_(0, label_n, torch.ones(len(batch), dtype=torch.float64))
            sums_cd.index_add_(0, label_n, batch.dense().double())
        counts_c, sums_cd = run.sum(counts_c), run.sum(sums_cd)
        if not counts_c.sum():
            raise UserError(NO_DATA)
        overall_d = sums_cd.sum(0) / counts_c.sum()
        means_cd = torch.where(counts_c[:, None] > 0, sums_cd / counts_c.clamp(min=1)[:, None], overall_d)
        return NearestMeanModel(means_cd.lerp(overall_d, self.shrinkage).float())

    def _labels(self, batch: Batch) -> Tensor:
        """The class of each row. Raises UserError for labels that are missing or not a class."""
        if batch.labels_nl is None:
            raise UserError("Channel train has no labels, expected the class of each row.")
        label_n = batch.labels_nl[:, 0].long()
        wrong_n = (label_n != batch.labels_nl[:, 0]) | (label_n < 0) | (label_n >= self.num_classes)
        if wrong_n.any():
            got = float(batch.labels_nl[wrong_n][0, 0])
            raise UserError(
                f"Channel train: got the label {got}, expected an integer from 0 to {self.num_classes - 1}."
            )
        return label_n


ALGORITHM = NearestMean
