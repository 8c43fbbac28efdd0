"""K-nearest neighbours: `fit` as sample, reduce, index.

Axes: n rows of a batch · d columns of the data · t columns of the index · r rows of the sample
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import faiss
import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Batch, Stream
from wildsage.algorithms.base.errors import NO_DATA, BadChannelRow, BadRecord, UserError
from wildsage.algorithms.base.hyperparameters import AUTO
from wildsage.algorithms.base.labels import one_label
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn import index
from wildsage.algorithms.knn.hyperparameters import QUANTISED, KNNHyperparameters, target_problem
from wildsage.algorithms.knn.model import KNNModel
from wildsage.algorithms.knn.reduction import Reduction
from wildsage.algorithms.knn.reservoir import Reservoir, smallest
from wildsage.algorithms.knn.row_preparation import RowPreparation
from wildsage.algorithms.knn.spec import SPEC


@dataclass(frozen=True, kw_only=True)
class KNN(KNNHyperparameters, Algorithm):
    """Find the k nearest rows of a sample; their labels vote (classifier) or are averaged (regressor).

    Memory: while reading, 17/16 of the sample and one mini-batch; while building, the index and the sample; then the index.

    >>> import torch
    >>> from wildsage.algorithms.base.batch import Batch, MemoryStream
    >>> from wildsage.algorithms.base.run import RunContext
    >>> from wildsage.algorithms.knn.algorithm import KNN
    >>> rows = Batch(torch.tensor([[0.0], [1.0], [8.0], [9.0]]), labels_nl=torch.tensor([[0.0], [0], [1], [1]]))
    >>> model = KNN(k=2, predictor_type="classifier", sample_size=4).fit({"train": MemoryStream(rows)}, RunContext())
    >>> model.predict(Batch(torch.tensor([[0.4], [8.4]])))["predicted_label"]
    tensor([0., 1.])
    """

    spec: ClassVar = SPEC
    model_class: ClassVar = KNNModel

    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> KNNModel:
        """Sample the stream, join the hosts' samples, and build the index of what they hold."""
        workers = len(run.gather({}))
        run.log(
            f"Using per-worker sample size = {self.sample_size} (number of workers = {workers}). If an out-of-memory error "
            "occurs, choose a larger instance type, use dimension reduction, decrease sample_size, and/or decrease "
            "mini_batch_size."
        )
        rows_rt, labels_r, feature_dim = self._joined(self._sampled(channels["train"], run), run)
        return self._indexed(rows_rt, labels_r, self._preparation(feature_dim, run.seed), run)

    def _sampled(self, train: Stream, run: RunContext) -> tuple[Reservoir, int] | None:
        """This host's sample and feature_dim; None if the channel is empty."""
        sampled, rows, warned = None, 0, False
        for batch in run.batches(train, self.mini_batch_size):
            if sampled is None:
                preparation = self._preparation(batch.width, run.seed)
                sampled = self._reservoir(preparation.index_dim), batch.width
            labels_n = self._absorb(batch, rows, sampled[0], preparation, run)
            if not warned and self.predictor_type == "classifier":
                warned = _warn_of_fractions(labels_n, rows, run)
            rows += len(batch)
        return sampled

    def _reservoir(self, columns: int) -> Reservoir:
        try:
            return Reservoir(self.sample_size, columns)
        except (OSError, OverflowError, ValueError):
            raise UserError(
                f"Hyperparameter sample_size: {self.sample_size} rows of {columns} columns are more than this machine can address."
            ) from None

    def _preparation(self, feature_dim: int, seed: int) -> RowPreparation:
        """How rows of `feature_dim` columns are prepared for the index. With IVFPQ its width is a multiple of faiss_index_pq_m."""
        parts = int(self.faiss_index_pq_m or 1) if self.index_type == QUANTISED else 1
        normalize = self.index_metric == "COSINE"
        if self.dimension_reduction_type is None or self.dimension_reduction_target is None:
            return RowPreparation(feature_dim, index.padded_to(feature_dim, parts), normalize)
        if self.dimension_reduction_target >= feature_dim:
            raise UserError(target_problem(self.dimension_reduction_target, feature_dim))
        target_dim = index.padded_to(self.dimension_reduction_target, parts)
        reduction = Reduction(self.dimension_reduction_type, seed, feature_dim, target_dim)
        return RowPreparation(feature_dim, target_dim, normalize, reduction)

    @staticmethod
    def _absorb(
        batch: Batch, rows_before: int, reservoir: Reservoir, preparation: RowPreparation, run: RunContext
    ) -> Tensor:
        """Offer a batch to the reservoir; only the rows that enter are prepared. Returns all labels (n,) of the batch."""
        labels_n = one_label(batch, "train", rows_before)
        entering, keys = reservoir.draw(len(batch), run.rng)
        x_nd = batch.dense()
        try:
            rows_bt = preparation.apply(x_nd if len(entering) == len(batch) else x_nd[entering])
        except BadRecord as bad:
            row = rows_before + int(entering[bad.row - 1]) + 1
            raise BadChannelRow("train", row, bad.problem) from None
        reservoir.add(rows_bt, labels_n[entering], keys)
        return labels_n

    def _joined(self, sampled: tuple[Reservoir, int] | None, run: RunContext) -> tuple[Tensor, Tensor, int]:
        """The rows (r, t) and labels (r,) of the joint sample, in the order of the hosts, and feature_dim.

        Hosts exchange keys first, so that only the rows that stay are sent.
        """
        own = {} if sampled is None else {"keys": sampled[0].keys_r, "feature_dim": torch.tensor([sampled[1]])}
        parts = [arrays for arrays in run.gather(own) if arrays]
        if not parts:
            raise UserError(NO_DATA)
        widths = sorted({int(arrays["feature_dim"]) for arrays in parts})
        if len(widths) > 1:
            raise UserError(f"Hosts read rows of {' and '.join(map(str, widths))} columns, expected one width.")
        limit = smallest(torch.cat([arrays["keys"] for arrays in parts]), self.sample_size)
        return *self._sent(sampled[0] if sampled else None, limit, run), widths[0]

    @staticmethod
    def _sent(reservoir: Reservoir | None, limit: float, run: RunContext) -> tuple[Tensor, Tensor]:
        own = {}
        if reservoir is not None:
            reservoir.cut(limit)
        if reservoir:
            own = {"rows": reservoir.rows_rd, "labels": reservoir.labels_r}
        hosts = []
        for number, arrays in enumerate(run.gather(own), start=1):
            run.log(f"Getting reservoir sample from algo-{number}...")
            if arrays:
                hosts.append(arrays)
                data, labels = (tuple(arrays[name].shape) for name in ("rows", "labels"))
                run.log(f"...Got reservoir sample from algo-{number}: data={data}, labels={labels}, NaNs=0")
        if len(hosts) == 1:
            return hosts[0]["rows"], hosts[0]["labels"].clone()
        return torch.cat([arrays["rows"] for arrays in hosts]), torch.cat([arrays["labels"] for arrays in hosts])

    def _indexed(self, rows_rt: Tensor, labels_r: Tensor, preparation: RowPreparation, run: RunContext) -> KNNModel:
        if self.k > len(rows_rt):
            raise UserError(
                f"Hyperparameter k: got {self.k}, but the sample holds {len(rows_rt)} rows. Take a smaller k, a larger "
                "sample_size or more data."
            )
        metric = faiss.METRIC_L2 if self.index_metric == "L2" else faiss.METRIC_INNER_PRODUCT
        lists = (
            index.lists_for(len(rows_rt)) if self.faiss_index_ivf_nlists == AUTO else int(self.faiss_index_ivf_nlists)
        )
        built = index.empty(self.index_type, rows_rt.shape[1], metric, lists, int(self.faiss_index_pq_m or 1))
        index.fill(built, rows_rt, self._faiss_index_nprobe, run)
        return KNNModel(built, labels_r, self.k, self.predictor_type, preparation)


def _warn_of_fractions(labels_n: Tensor, rows_before: int, run: RunContext) -> bool:
    """Warn of the first label that is not a whole number; classes usually are."""
    fractions = (labels_n != labels_n.round()).nonzero()
    if not len(fractions):
        return False
    row = int(fractions[0])
    run.log(
        f"Channel train, row {rows_before + row + 1}: label {float(labels_n[row]):g} is not a whole number, which is unusual "
        "for predictor_type classifier. The first column is the label: does yours come last?",
        "WARNING",
    )
    return True


ALGORITHM = KNN
