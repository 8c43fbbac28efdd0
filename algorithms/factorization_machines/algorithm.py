"""Factorization machines: `fit` as stochastic gradient descent with Adam.

Axes: n rows of a batch · d features · f factors
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Stream
from wildsage.algorithms.base.errors import NO_DATA, UserError
from wildsage.algorithms.base.hyperparameters import OURS, as_text, declarations
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.factorization_machines import metrics
from wildsage.algorithms.factorization_machines.hyperparameters import FactorizationHyperparameters
from wildsage.algorithms.factorization_machines.model import FactorizationMachinesModel
from wildsage.algorithms.factorization_machines.spec import SPEC
from wildsage.algorithms.factorization_machines.state import AdamState
from wildsage.algorithms.factorization_machines.steps import Rate, Rates
from wildsage.algorithms.factorization_machines.training import FactorizationTraining

UNIFORM_SCALE = 0.07
"""MXNet's default, used where `*_init_scale` is not given."""

EPSILON = 1e-8
"""Adam's epsilon where `eps` is not given."""


@dataclass(frozen=True, kw_only=True)
class FactorizationMachines(FactorizationHyperparameters, Algorithm):
    """Second-order factorization machines for sparse rows [Rendle 2010], trained as the original trains them.

    Time: a row costs its stored values times the factors, whatever feature_dim is. Memory: 3·d·(f + 1) numbers for the
    parameters and Adam's moments, and the larger of 8,192 rows and one mini-batch.

    >>> import torch
    >>> from wildsage.algorithms.base.batch import Batch, MemoryStream
    >>> from wildsage.algorithms.base.run import RunContext
    >>> from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines
    >>> people_and_things = torch.tensor([[1.0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]])
    >>> rows = Batch(people_and_things, labels_nl=torch.tensor([[1.0], [0], [0], [1]]))
    >>> machine = FactorizationMachines(
    ...     feature_dim=4, num_factors=2, predictor_type="binary_classifier", mini_batch_size=4,
    ...     epochs=200, factors_lr=0.05, factors_init_sigma=0.1,
    ... )
    >>> model = machine.fit({"train": MemoryStream(rows)}, RunContext(seed=0))
    >>> model.predict(rows)["predicted_label"]
    tensor([1., 0., 0., 1.])
    """

    spec: ClassVar = SPEC
    model_class: ClassVar = FactorizationMachinesModel
    resumes_from_model: ClassVar = True

    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> FactorizationMachinesModel:
        """Take the mini-batches in the order of the channel, and one step of Adam after each, on the columns that occur in it.

        Raises UserError for a channel without rows, or with rows or labels that do not fit the hyperparameters.
        """
        run.log("[Sparse network] Building a sparse network.")
        rows_per_host = math.ceil(self.mini_batch_size / len(run.gather({})))
        state = self._resumed(run) or self._start(run)
        training = self._training(state, rows_per_host, run)
        found: dict[str, float] = {}
        for epoch, batches in run.passes(channels["train"], rows_per_host, self.epochs):
            sums = training.one_pass(epoch, batches)
            *total, stopping = run.sum(torch.cat([sums, sums.new_tensor([run.stopping])]))
            found = metrics.from_sums(self.predictor_type, torch.stack(total))
            training.report(found, epoch=epoch)
            if stopping:
                break
        if not state.updates:
            raise UserError(NO_DATA)
        training.report(found)
        run.keep(state)
        return self._model(state)

    def _resumed(self, run: RunContext) -> AdamState | None:
        before = run.resumed()
        state = None if before is None else AdamState.from_arrays(before, run.device)
        updates = {
            int(each["updates"]) for each in run.gather({"updates": torch.tensor([state.updates if state else 0])})
        }
        if len(updates) > 1:
            raise UserError(
                "The hosts' checkpoints are of different batches: the job was killed while they were written. "
                "Empty the checkpoint folder and train from the start."
            )
        if state and (state.feature_dim, state.num_factors) != (self.feature_dim, self.num_factors):
            raise UserError(
                f"The model to resume from has feature_dim {state.feature_dim} and num_factors {state.num_factors}, "
                f"expected {self.feature_dim} and {self.num_factors} as in this job."
            )
        return state

    def _start(self, run: RunContext) -> AdamState:
        """Initial parameters as the hyperparameters describe them. All hosts draw the same."""
        bias_1 = self._initial("bias", (1,), self.use_bias, run)
        w1_d1 = self._initial("linear", (self.feature_dim, 1), self.use_linear, run)
        v_df = self._initial("factors", (self.feature_dim, self.num_factors), True, run)
        return AdamState.start(bias_1, w1_d1, v_df)

    def _initial(self, term: str, shape: tuple[int, ...], used: bool, run: RunContext) -> Tensor:
        whole = torch.zeros(shape)
        method = getattr(self, f"{term}_init_method")
        if not used:
            return whole.to(run.device)
        if method == "normal":
            whole.normal_(0, getattr(self, f"{term}_init_sigma"), generator=run.shared_rng)
        elif method == "uniform":
            given = getattr(self, f"{term}_init_scale")
            scale = UNIFORM_SCALE if given is None else given
            whole.uniform_(-scale, scale, generator=run.shared_rng)
        else:
            whole.fill_(getattr(self, f"{term}_init_value"))
        return whole.to(run.device)

    def _training(self, state: AdamState, rows_per_host: int, run: RunContext) -> FactorizationTraining:
        """The optimizer. The learning rate of an unused term is 0, so the term stays at zero."""
        rates = Rates(
            Rate(self.bias_lr * self.use_bias * self._learning_rate, self.bias_wd * self._wd),
            Rate(self.linear_lr * self.use_linear * self._learning_rate, self.linear_wd * self._wd),
            Rate(self.factors_lr * self._learning_rate, self.factors_wd * self._wd),
            EPSILON if self.eps is None else self.eps,
            self.clip_gradient if self.clip_gradient and self.clip_gradient > 0 else None,
        )
        interval = self.batch_metrics_publish_interval
        return FactorizationTraining(state, rates, self.predictor_type, rows_per_host, self.rescale_grad, interval, run)

    def _model(self, state: AdamState) -> FactorizationMachinesModel:
        w0_1, w1_d1, v_df = (term[0].cpu().clone() for term in (state.bias, state.linear, state.factors))
        return FactorizationMachinesModel(w0_1, w1_d1, v_df, self.training_parameters())

    def training_parameters(self) -> dict[str, str]:
        """The configuration as the original's meta.json holds it: every value a string, without the settings of Wildsage."""
        declared = {name: getattr(self, name) for name in declarations(type(self))}
        given = {name: as_text(value) for name, value in declared.items() if value is not None}
        assumed = {name: text for name, text in self.internal_settings().items() if name not in OURS}
        return dict(sorted((given | assumed).items()))


ALGORITHM = FactorizationMachines
