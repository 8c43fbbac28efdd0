"""The finished kNN model: a faiss index, and a label for each of its rows.

Axes: n rows of a batch · d columns of the index · r rows of the index · k neighbours
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import faiss
import numpy as np
import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Columns, Model, ModelSettings
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadChannelRow, BadRecord, UserError
from wildsage.algorithms.base.labels import one_label
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn import search, vote
from wildsage.algorithms.knn.index import is_finite
from wildsage.algorithms.knn.metrics import Accuracy, SquaredError
from wildsage.algorithms.knn.row_preparation import RowPreparation

PREDICTORS = {"classifier": vote.majority, "regressor": vote.mean}


@dataclass(frozen=True, eq=False)
class KNNModel(Model):
    """The index, labels (r,) float32, and how rows are prepared for it [contract: knn, Artifact].

    `k` and `predictor_type` may be changed in the artifact, without training again.
    """

    index: faiss.Index
    labels_r: Tensor
    k: int
    predictor_type: str
    preparation: RowPreparation

    layout: ClassVar = "faiss_index"
    array_names: ClassVar = ("index", "labels")

    def arrays(self) -> dict[str, Tensor]:
        """`index`, a copy in faiss's own format, (bytes,) uint8, and `labels` (r,) float32; the layout writes the index itself."""
        return {"index": torch.from_numpy(faiss.serialize_index(self.index)), "labels": self.labels_r}

    def not_finite(self) -> list[str]:
        """`index` and `labels`, as in every model; the rows are looked at where they lie."""
        finite = {"index": is_finite(self.index), "labels": bool(self.labels_r.isfinite().all())}
        return [name for name, good in finite.items() if not good]

    def settings(self) -> ModelSettings:
        return {"k": self.k, "predictor_type": self.predictor_type, **self.preparation.settings()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], settings: ModelSettings) -> Self:
        return cls.from_index(faiss.deserialize_index(arrays["index"].numpy()), arrays["labels"], settings)

    @classmethod
    def from_index(cls, index: faiss.Index, labels_r: Tensor, settings: ModelSettings) -> Self:
        """A model around an index of r rows with labels (r,). Without `feature_dim` in the settings, rows are as wide as the index.

        Raises UserError if index, labels and settings do not fit together.
        """
        k, predictor_type = settings.get("k"), settings.get("predictor_type")
        if index.ntotal != len(labels_r):
            raise UserError(f"The index holds {index.ntotal} rows, but there are {len(labels_r)} labels.")
        if type(k) is not int or not 1 <= k <= index.ntotal:
            raise UserError(f"k: got {k!r}, expected an integer from 1 to {index.ntotal}, the rows of the index.")
        if predictor_type not in PREDICTORS:
            raise UserError(f"predictor_type: got {predictor_type!r}, expected {' or '.join(PREDICTORS)}.")
        model = cls(index, labels_r, k, str(predictor_type), RowPreparation.from_settings(settings, index.d))
        _ = model.search  # built now, so that a server shares it with the workers that it forks
        return model

    @property
    def feature_dim(self) -> int:
        return self.preparation.feature_dim

    @cached_property
    def search(self) -> search.NeighbourSearch:
        """The search of the index, built on first use, in about a second if it is large. Raises UserError for an unknown type."""
        return search.choose_search(self.index, self.k)

    def predict(self, batch: Batch) -> Columns:
        """The vote or mean of the k nearest rows, and their `distances` and `labels`, nearest first [contract: knn, Inference].

        Distances are those of faiss: squared for L2. INNER_PRODUCT and COSINE give similarities, and the most similar row
        comes last. Shapes are (n,) and (n, k). Raises UserError for rows of another width.
        """
        if batch.width != self.feature_dim:
            raise UserError(f"Rows have {batch.width} columns, expected {self.feature_dim} (feature_dim).")
        costs_nk, rows_nk = self.search.nearest(self.preparation.apply(batch.dense()).numpy(), self.k)
        labels_nk = self.labels_r.numpy()[rows_nk]
        predicted_n = PREDICTORS[self.predictor_type](labels_nk)
        if self.index.metric_type == faiss.METRIC_INNER_PRODUCT:
            costs_nk, labels_nk = -costs_nk[:, ::-1], labels_nk[:, ::-1].copy()
        columns = {"predicted_label": predicted_n, "distances": costs_nk.astype(np.float32), "labels": labels_nk}
        return {name: torch.from_numpy(column) for name, column in columns.items()}

    def to(self, device: torch.device | str) -> Self:
        """The same model: faiss searches on the CPU."""
        return self

    def evaluate(self, batches: Iterator[Batch], run: RunContext) -> dict[str, float]:
        """`accuracy` and `macro_f_1.000` of a classifier, `mse` of a regressor. Raises UserError for rows without one label."""
        found, rows = Accuracy() if self.predictor_type == "classifier" else SquaredError(), 0
        for batch in batches:
            began_s = time.monotonic()
            run.log("Searching index...")
            labels_n = one_label(batch, "test", rows)
            try:
                found.add(self.predict(batch)["predicted_label"], labels_n)
            except BadRecord as bad:
                raise BadChannelRow("test", rows + bad.row, bad.problem) from None
            run.log(f"...Done searching index in {round(time.monotonic() - began_s)} second(s)")
            rows += len(batch)
        return found.metrics()
