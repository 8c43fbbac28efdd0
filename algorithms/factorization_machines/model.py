"""The finished factorization machine.

Axes: n rows of a batch · z stored values · d features · f factors
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Columns, Model, ModelSettings
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.factorization_machines import labels, metrics, network
from wildsage.algorithms.factorization_machines.mini_batch import EmbeddingBags, sparse

DENSE_NETWORK = ("v", "Linear_Plus_Bias_weight", "Linear_Plus_Bias_bias")
"""The arrays of the original's other network, which it builds for dense data. Its v is transposed."""


@dataclass(frozen=True)
class FactorizationMachinesModel(Model):
    """`w0_weight` (1,), `w1_weight` (d, 1) and `v` (d, f), float32 [contract: factorization-machines, Artifact].

    `training` are the hyperparameters of the job as strings; `predictor_type` among them decides what `predict` returns.
    """

    w0_1: Tensor
    w1_d1: Tensor
    v_df: Tensor
    training: ModelSettings
    _norm_d1: Tensor = field(init=False, repr=False, compare=False)

    layout: ClassVar = "symbol_zip"
    array_names: ClassVar = ("w1_weight", "w0_weight", "v")

    def __post_init__(self) -> None:
        object.__setattr__(self, "_norm_d1", self.v_df.square().sum(1, keepdim=True))

    def arrays(self) -> dict[str, Tensor]:
        return {"w1_weight": self.w1_d1, "w0_weight": self.w0_1, "v": self.v_df}

    def settings(self) -> ModelSettings:
        return self.training

    def graph(self) -> Graph:
        return network.graph(self.training, *self.v_df.shape)

    @classmethod
    def fits(cls, names: frozenset[str]) -> bool:
        return super().fits(names) or names == frozenset(DENSE_NETWORK)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], settings: ModelSettings) -> Self:
        if settings.get("predictor_type") not in network.OUTPUTS:
            raise UserError(
                f"Factorization machines model: predictor_type is {settings.get('predictor_type')!r}, "
                f"expected {' or '.join(network.OUTPUTS)}."
            )
        if set(arrays) == set(DENSE_NETWORK):
            arrays = _from_dense_network(arrays)
        w0, w1, v_df = arrays["w0_weight"], arrays["w1_weight"], arrays["v"]
        if v_df.ndim != 2 or w0.numel() != 1 or w1.shape != (len(v_df), 1):
            shapes = ", ".join(f"{name} {tuple(array.shape)}" for name, array in arrays.items())
            raise UserError(
                f"Factorization machines model: got {shapes}; expected w0_weight (1,), w1_weight (d, 1), v (d, factors)."
            )
        return cls(w0.float().reshape(1), w1.float(), v_df.float(), settings)

    @property
    def feature_dim(self) -> int:
        return len(self.v_df)

    @property
    def predictor_type(self) -> str:
        """`binary_classifier` or `regressor`."""
        return str(self.training["predictor_type"])

    def scores(self, batch: Batch) -> Tensor:
        """f(x) (n,), before any sigmoid. A row costs its stored values times f operations, independent of d."""
        rows = sparse(batch)
        bags = EmbeddingBags.from_members(rows.columns_z, rows.starts_n1[:-1], rows.values_z)
        pairs_n = bags.sum(self.v_df).square().sum(1) - bags.sum_by_squares(self._norm_d1)[:, 0]
        return self.w0_1 + bags.sum(self.w1_d1)[:, 0] + pairs_n / 2

    def predict(self, batch: Batch) -> Columns:
        """`score` (n,): f(x), or its sigmoid for a classifier, whose `predicted_label` is 1.0 from 0.5 on [contract: Inference]."""
        score_n = self.scores(batch)
        if self.predictor_type == "regressor":
            return {"score": score_n}
        score_n = score_n.sigmoid()
        return {"score": score_n, "predicted_label": (score_n >= 0.5).float()}

    def to(self, device: torch.device | str) -> Self:
        return type(self)(self.w0_1.to(device), self.w1_d1.to(device), self.v_df.to(device), self.training)

    def evaluate(self, batches: Iterator[Batch], run: RunContext) -> dict[str, float]:
        """The metrics of `spec.METRICS` over all rows. No batch is padded."""
        rows, total = 0, None
        for batch in batches:
            labels_n = labels.checked(batch, self.predictor_type, "test", rows)
            found = metrics.sums(self.predictor_type, self.scores(batch.to(run.device)), labels_n.to(run.device))
            total = found if total is None else total + found
            rows += len(batch)
        return {} if total is None else metrics.from_sums(self.predictor_type, total)


def _from_dense_network(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The arrays with the names and the orientation of the sparse network."""
    weight = arrays["Linear_Plus_Bias_weight"].reshape(-1, 1)
    v = arrays["v"]
    return {
        "w1_weight": weight,
        "w0_weight": arrays["Linear_Plus_Bias_bias"],
        "v": v if len(v) == len(weight) else v.T.contiguous(),
    }
