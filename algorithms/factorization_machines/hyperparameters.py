"""The hyperparameters of factorization machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.hyperparameters import ToolkitHyperparameters, choice, flag, integer, real

LR = WD = SPREAD = (1e-8, 512.0)
"""The ranges in which the original is tuned."""

INIT = ("normal", "uniform", "constant")


@dataclass(frozen=True, kw_only=True)
class FactorizationHyperparameters(ToolkitHyperparameters):
    """One line for each, and what they demand of each other."""

    feature_dim: int = integer(low=1, doc="Columns in every row.")
    num_factors: int = integer(low=1, doc="Length of the vector that stands for each column in the pairwise terms.")
    predictor_type: str = choice("binary_classifier", "regressor", doc="What to learn.")
    epochs: int = integer(1, low=1, tunable=(1, 1000), doc="Passes over the training channel.")
    mini_batch_size: int = integer(
        1000, low=1, tunable=(100, 10000), doc="Rows for each update, of all hosts together."
    )
    use_bias: bool = flag(True, doc="Whether there is a bias w0.")
    use_linear: bool = flag(True, doc="Whether there is a linear term w1.")
    bias_lr: float = real(0.1, low=0, tunable=LR, doc="Learning rate of the bias.")
    linear_lr: float = real(0.001, low=0, tunable=LR, doc="Learning rate of the linear term.")
    factors_lr: float = real(0.0001, low=0, tunable=LR, doc="Learning rate of the factors.")
    bias_wd: float = real(0.01, low=0, tunable=WD, doc="Weight decay of the bias.")
    linear_wd: float = real(0.001, low=0, tunable=WD, doc="Weight decay of the linear term.")
    factors_wd: float = real(0.00001, low=0, tunable=WD, doc="Weight decay of the factors.")
    bias_init_method: str = choice(*INIT, default="normal", tunable=True, doc="How the bias begins.")
    bias_init_sigma: float = real(0.01, low=0, tunable=SPREAD, doc="normal: standard deviation about 0.")
    bias_init_scale: float | None = real(None, low=0, tunable=SPREAD, doc="uniform: from -scale to scale; none: 0.07.")
    bias_init_value: float | None = real(None, tunable=SPREAD, doc="constant: the value.")
    linear_init_method: str = choice(*INIT, default="normal", tunable=True, doc="How the linear term begins.")
    linear_init_sigma: float = real(0.01, low=0, tunable=SPREAD, doc="normal: standard deviation about 0.")
    linear_init_scale: float | None = real(
        None, low=0, tunable=SPREAD, doc="uniform: from -scale to scale; none: 0.07."
    )
    linear_init_value: float | None = real(None, tunable=SPREAD, doc="constant: the value.")
    factors_init_method: str = choice(*INIT, default="normal", tunable=True, doc="How the factors begin.")
    factors_init_sigma: float = real(0.001, low=0, tunable=SPREAD, doc="normal: standard deviation about 0.")
    factors_init_scale: float | None = real(
        None, low=0, tunable=SPREAD, doc="uniform: from -scale to scale; none: 0.07."
    )
    factors_init_value: float | None = real(None, tunable=SPREAD, doc="constant: the value.")
    clip_gradient: float | None = real(
        None, doc="Gradients are cut to this size, weight decay included; none, 0 or less: they are not."
    )
    eps: float | None = real(None, low=0, doc="Added to Adam's divisor; none: 1e-8.")
    rescale_grad: float | None = real(
        None, doc="Multiplies the gradient summed over a batch; none: 1 / rows of the batch."
    )
    batch_metrics_publish_interval: int = integer(500, low=1, doc="Batches between two that are reported on.")
    _learning_rate: float = real(1.0, low=0, doc="Multiplies all three learning rates.")
    _wd: float = real(1.0, low=0, doc="Multiplies all three weight decays.")
    _optimizer: str = choice("adam", default="adam", doc="The optimizer.")

    internal: ClassVar = {
        "_data_format": "record", "_kvstore": "auto", "_log_level": "info", "_num_kv_servers": "auto",
        "_use_full_symbolic": "true",
    }  # fmt: skip

    def __post_init__(self) -> None:
        terms = ("bias", "linear", "factors")
        lacking = [
            f"{term}_init_value"
            for term in terms
            if getattr(self, f"{term}_init_method") == "constant" and getattr(self, f"{term}_init_value") is None
        ]
        if lacking:
            raise UserError(
                "\n".join(f"Hyperparameter {name}: missing, expected a number for constant." for name in lacking)
            )


HYPERPARAMETERS = FactorizationHyperparameters
