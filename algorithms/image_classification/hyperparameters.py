"""The hyperparameters of image classification, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph
from wildsage.algorithms.base.hyperparameters import ToolkitHyperparameters, choice, flag, integer, integers, real
from wildsage.algorithms.image_classification.network import DEPTHS, SIGMOID, SOFTMAX, residual_network

CROP, CROP_COLOR, CROP_COLOR_TRANSFORM = "crop", "crop_color", "crop_color_transform"


@dataclass(frozen=True, kw_only=True)
class ImageHyperparameters(ToolkitHyperparameters):
    """The fields that log, optimizers and training read. A base of the algorithm, so that these need not import it."""

    num_classes: int = integer(low=1, doc="Number of classes.")
    num_training_samples: int = integer(
        low=1, doc="Images in the training channel. An epoch has as many full batches as they fill."
    )
    augmentation_type: str | None = choice(
        CROP, CROP_COLOR, CROP_COLOR_TRANSFORM, default=None,
        doc="Random changes in training: crop and mirror; also colours; also rotation, shear and proportions.",
    )  # fmt: skip
    beta_1: float = real(0.9, low=0, high=1, tunable=(1e-6, 0.999), doc="Adam: decay rate of the mean gradient.")
    beta_2: float = real(
        0.999, low=0, high=1, tunable=(1e-6, 0.999), doc="Adam: decay rate of the mean squared gradient."
    )
    checkpoint_frequency: int | None = integer(
        None, low=1, doc="Keep an epoch in the artifact every so many; none: only the best on the validation channel."
    )
    early_stopping: bool = flag(False, doc="End when the validation accuracy no longer improves.")
    early_stopping_min_epochs: int = integer(10, low=1, doc="Epochs before early stopping can happen.")
    early_stopping_patience: int = integer(5, low=1, doc="Epochs to wait for an improvement.")
    early_stopping_tolerance: float = real(
        0.0, low=0, high=1, doc="Smallest improvement that counts, relative to the best accuracy."
    )
    epochs: int = integer(30, low=1, doc="Passes over the training channel.")
    eps: float = real(1e-8, low=0, high=1, tunable=(1e-8, 1.0), doc="Adam, rmsprop: added to the divisor.")
    gamma: float = real(
        0.9, low=0, high=1, tunable=(1e-8, 0.999), doc="Rmsprop: decay rate of the mean squared gradient."
    )
    image_shape: tuple[int, ...] = integers(
        (3, 224, 224), count=3, low=1, doc="Channels, height and width of the network's input."
    )
    kv_store: str | None = choice(
        "dist_sync", "dist_async", default=None, doc="How several hosts work together. Here they always work in step."
    )
    learning_rate: float = real(0.1, low=0, high=1, tunable=(1e-6, 0.5), doc="The initial learning rate.")
    lr_scheduler_factor: float = real(
        0.1, low=0, high=1, doc="Factor of the learning rate at each step of the schedule."
    )
    lr_scheduler_step: tuple[int, ...] | None = integers(
        None, low=0, doc="Epochs at which lr_scheduler_factor multiplies the learning rate, such as 10,20."
    )
    mini_batch_size: int = integer(32, low=1, tunable=(8, 512), doc="Images before each update, on every host.")
    momentum: float = real(
        0.9, low=0, high=1, tunable=(0.0, 0.999), doc="Sgd, nag: share of the previous update that is added."
    )
    multi_label: bool = flag(False, doc="An image can have any number of classes.")
    num_layers: str = choice(
        *map(str, DEPTHS), default="152", doc="Depth; 20, 32, 44, 56 and 110 are for small images."
    )
    optimizer: str = choice(
        "sgd", "adam", "rmsprop", "nag", default="sgd", tunable=True, doc="How gradients become updates."
    )
    precision_dtype: str = choice(
        "float32",
        "float16",
        default="float32",
        doc="float16: half precision where the hardware supports it; weights stay float32.",
    )
    resize: int | None = integer(None, low=1, doc="Shorter side of a training image before it is cropped.")
    top_k: int | None = integer(
        None, low=2, doc="Also report how often the class is among this many most probable ones."
    )
    use_pretrained_model: bool = flag(False, doc="Start from given weights, with a new last layer.")
    use_weighted_loss: bool = flag(False, doc="With multi_label: rare and common classes count equally.")
    weight_decay: float = real(0.0001, low=0, high=1, tunable=(0.0, 0.999), doc="Sgd, nag: L2 penalty on the weights.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the network's input."""
        channels, height, width = self.image_shape
        return channels, height, width

    def graph(self) -> Graph:
        """The network of the job, untrained."""
        return residual_network(
            int(self.num_layers), self.shape, self.num_classes, SIGMOID if self.multi_label else SOFTMAX
        )

    def __post_init__(self) -> None:
        _, height, width = self.shape
        if self.shape[0] not in (1, 3):
            raise UserError(
                f"Hyperparameter image_shape: got {self.shape[0]} channels, expected 1 (grey) or 3 (colour)."
            )
        if self.resize and self.resize < max(height, width):
            raise UserError(
                f"Hyperparameter resize: got {self.resize}, expected {max(height, width)} (image_shape) or more."
            )
        if self.num_training_samples < self.mini_batch_size:
            raise UserError(
                f"Hyperparameter num_training_samples: got {self.num_training_samples}, "
                f"expected {self.mini_batch_size} (mini_batch_size) or more: an epoch is of full batches."
            )


HYPERPARAMETERS = ImageHyperparameters
