"""PCA: `fit` in one pass.

Axes: n rows of a batch · d features · l columns of the test matrix · c components
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

from torch import Tensor

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Batch, Stream
from wildsage.algorithms.base.errors import NO_DATA, UserError
from wildsage.algorithms.base.parallel import on_one_thread
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.pca import moments
from wildsage.algorithms.pca.hyperparameters import PCAHyperparameters
from wildsage.algorithms.pca.model import PCAModel
from wildsage.algorithms.pca.moments import Moments
from wildsage.algorithms.pca.spec import SPEC

SKETCH_WIDTH = 2
"""Columns of the sketch for each of num_components + extra_components; the figures are in decision 2."""


@dataclass(frozen=True, kw_only=True)
class PCA(PCAHyperparameters, Algorithm):
    """Principal components of a stream of rows, read once.

    Memory: d² float64 numbers (`regular`) or 4 (num_components + extra_components) d (`randomized`), one mini-batch, and
    at most 4,096 of its rows in float64.

    >>> import torch
    >>> from wildsage.algorithms.base.batch import Batch, MemoryStream
    >>> from wildsage.algorithms.base.run import RunContext
    >>> from wildsage.algorithms.pca.algorithm import PCA
    >>> rows = Batch(torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]))
    >>> pca = PCA(feature_dim=2, num_components=1, mini_batch_size=3)
    >>> model = pca.fit({"train": MemoryStream(rows)}, RunContext())
    >>> model.v_dc
    tensor([[0.6000],
            [0.8000]])
    >>> model.predict(rows)["projection"].round(decimals=3)
    tensor([[-5.],
            [ 0.],
            [ 5.]])
    """

    spec: ClassVar = SPEC
    model_class: ClassVar = PCAModel

    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> PCAModel:
        """Add up the moments of all batches on all hosts, then decompose them.

        Raises UserError for a channel without rows, rows of another width, and a state made with other settings.
        """
        before = run.resumed()
        test_dl = self._test_matrix(run)
        seen = Moments.none(self.feature_dim, test_dl, run.device)
        if before is not None:
            seen = self._checked(Moments.from_arrays(before, run.device), seen)
        with on_one_thread():  # the cores share whole blocks, and reading a batch is many small operations
            for batch in run.batches(channels["train"], self.mini_batch_size):
                if not seen.rows:
                    self._begin(batch, run)
                seen.absorb(batch.to(run.device).dense(), test_dl)
                run.checkpoint(seen)
        gathered = run.gather(seen.arrays() if seen.rows else {})
        states = [Moments.from_arrays(arrays, run.device) for arrays in gathered if arrays]
        if not states:
            raise UserError(NO_DATA)
        joined = reduce(lambda a, b: a.merge(b, test_dl), states)
        run.keep(joined)
        return self._decompose(joined, test_dl)

    def _checked(self, before: Moments, fresh: Moments) -> Moments:
        """The state to continue from. Raises UserError if it was made with other settings."""
        if before.scatter_dl.shape != fresh.scatter_dl.shape:
            got, expected = tuple(before.scatter_dl.shape), tuple(fresh.scatter_dl.shape)
            raise UserError(
                f"The state to resume from is of shape {got}, expected {expected}: feature_dim, algorithm_mode, "
                "num_components and extra_components must be those of the job that made it."
            )
        return before

    def _test_matrix(self, run: RunContext) -> Tensor | None:
        """Ω, the same on every host; None if the scatter matrix is kept whole."""
        if self.algorithm_mode == "regular":
            return None
        extra = max(10, self.num_components) if self.extra_components == -1 else self.extra_components
        columns = SKETCH_WIDTH * (self.num_components + extra)
        return moments.test_matrix(self.feature_dim, columns, run.shared_rng).to(run.device)

    def _begin(self, first: Batch, run: RunContext) -> None:
        """Log what the original logs. Raises UserError on a host whose first batch is not full."""
        if len(first) < self.mini_batch_size and not run.stopping:
            raise UserError(
                f"{NO_DATA} Got {len(first)} rows, expected at least mini_batch_size = {self.mini_batch_size}."
            )
        executor = f"<PCAExecutor on {run.device.type}({run.device.index or 0})>"
        run.log(f"The default executor is {executor}.")
        run.log(f"{first.width} feature(s) found in 'data'.")
        run.log(f"{executor} is assigned to batch slice from 0 to {len(first) - 1}.")

    def _decompose(self, seen: Moments, test_dl: Tensor | None) -> PCAModel:
        """The num_components strongest eigenpairs, weakest first; singular values are roots of eigenvalues."""
        if not self.subtract_mean:
            seen = seen.about_zero(test_dl)
        if test_dl is None:
            values_l, vectors_dl = moments.eigenpairs(seen.scatter_dl)
        else:
            values_l, vectors_dl = moments.eigenpairs_from_sketch(seen.scatter_dl, test_dl)
        v_dc = moments.signs_fixed(vectors_dl[:, -self.num_components :])
        s_c = values_l[-self.num_components :].sqrt()
        return PCAModel(s_c.float(), v_dc.float().contiguous(), seen.mean_d.float().reshape(1, -1))


ALGORITHM = PCA
