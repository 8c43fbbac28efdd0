"""Image classification: hyperparameters, and `fit` as the original's log tells it.

Axes: n images of a batch · k classes · l labels of an image: 1, or k with multi_label
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Stream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph
from wildsage.algorithms.base.hyperparameters import choice, flag, integer, integers, real
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.image_classification.model import ImageModel
from wildsage.algorithms.image_classification.network import DEPTHS, SIGMOID, SOFTMAX, residual_network
from wildsage.algorithms.image_classification.preparation import (
    CROP,
    CROP_COLOR,
    CROP_COLOR_TRANSFORM,
    TrainingPreparation,
)
from wildsage.algorithms.image_classification.spec import SPEC
from wildsage.algorithms.image_classification.training import Training

MULTI_HOT, CLASS_ID = "multi-hot", "class-id"
"""How labels of several classes are written: a 0 or 1 for each class, or a list of classes."""


@dataclass(frozen=True, kw_only=True)
class ImageClassification(Algorithm):
    """Train a residual network [He et al. 2016] on images, from random weights or from others.

    Memory: weights, their gradients and up to two more of each for the optimizer; what the layers keep of one mini-batch;
    besides, what the channel holds ahead.
    """

    num_classes: int = integer(low=1, doc="Classes to tell apart.")
    num_training_samples: int = integer(
        low=1, doc="Images in the training channel: an epoch is as many full batches as they make."
    )
    augmentation_type: str | None = choice(
        CROP, CROP_COLOR, CROP_COLOR_TRANSFORM, default=None,
        doc="Chance changes in training: crop and mirror; colours too; rotation, shear and proportions too.",
    )  # fmt: skip
    beta_1: float = real(0.9, low=0, high=1, tunable=(1e-6, 0.999), doc="Adam: memory of the gradient.")
    beta_2: float = real(0.999, low=0, high=1, tunable=(1e-6, 0.999), doc="Adam: memory of the squared gradient.")
    checkpoint_frequency: int | None = integer(
        None, low=1, doc="Keep every so many epochs in the artifact; else the best on the validation channel alone."
    )
    early_stopping: bool = flag(False, doc="End when the validation accuracy no longer grows.")
    early_stopping_min_epochs: int = integer(10, low=1, doc="Epochs before that may happen.")
    early_stopping_patience: int = integer(5, low=1, doc="Epochs to wait for a better one.")
    early_stopping_tolerance: float = real(0.0, low=0, high=1, doc="What counts as better, relative to the best.")
    epochs: int = integer(30, low=1, doc="Passes over the training channel.")
    eps: float = real(1e-8, low=0, high=1, tunable=(1e-8, 1.0), doc="Adam, rmsprop: keeps divisions from zero.")
    gamma: float = real(0.9, low=0, high=1, tunable=(1e-8, 0.999), doc="Rmsprop: memory of the squared gradient.")
    image_shape: tuple[int, ...] = integers(
        (3, 224, 224), count=3, low=1, doc="Channels, height and width of the network's input."
    )
    kv_store: str | None = choice(
        "dist_sync", "dist_async", default=None, doc="How several hosts work together; here always in step."
    )
    learning_rate: float = real(0.1, low=0, high=1, tunable=(1e-6, 0.5), doc="The first learning rate.")
    lr_scheduler_factor: float = real(0.1, low=0, high=1, doc="What the learning rate is multiplied by.")
    lr_scheduler_step: tuple[int, ...] | None = integers(None, low=0, doc="The epochs at which it is, such as 10,20.")
    mini_batch_size: int = integer(32, low=1, tunable=(8, 512), doc="Images before each update, on every host.")
    momentum: float = real(0.9, low=0, high=1, tunable=(0.0, 0.999), doc="Sgd, nag: what stays of the last update.")
    multi_label: bool = flag(False, doc="Any number of classes an image.")
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
        doc="float16: half precision where the hardware has it, weights stay float32.",
    )
    resize: int | None = integer(None, low=1, doc="Shorter side of a training image before it is cropped.")
    top_k: int | None = integer(None, low=2, doc="Also report how often the class is among so many best.")
    use_pretrained_model: bool = flag(False, doc="Begin from given weights, the last layer anew.")
    use_weighted_loss: bool = flag(False, doc="With multi_label: rare and common classes count alike.")
    weight_decay: float = real(0.0001, low=0, high=1, tunable=(0.0, 0.999), doc="Sgd, nag: pull of weights to zero.")

    spec: ClassVar = SPEC
    model_class: ClassVar = ImageModel
    goes_on_from_model: ClassVar = True

    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> ImageModel:
        """Begin from weights, pass over the channel epoch by epoch, and keep the best."""
        self._check()
        training = Training.begin(self, run)
        for epoch in training.epochs_left:
            training.train(channels["train"], epoch)
            if "validation" in channels and not training.stopped:
                training.validate(channels["validation"], epoch)
            if training.stopped:
                break
            training.keep(epoch)
            if training.enough(epoch):
                break
        return training.model()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.image_shape
        return channels, height, width

    @property
    def feature_dim(self) -> int:  # type: ignore[override]
        """Channels of an image."""
        return self.shape[0]

    def pretrained(self) -> str | None:
        return f"resnet-{self.num_layers}" if self.use_pretrained_model else None

    def graph(self) -> Graph:
        """The network of the job."""
        return residual_network(
            int(self.num_layers), self.shape, self.num_classes, SIGMOID if self.multi_label else SOFTMAX
        )

    def preparation(self, channel: str, parameters: Mapping[str, str]) -> TrainingPreparation:
        """What becomes of the pictures and labels of a channel; `parameters` are those of its content type."""
        augmentation = self.augmentation_type if channel == "train" else None
        label_format = parameters.get("label-format", MULTI_HOT)
        if label_format not in (MULTI_HOT, CLASS_ID):
            raise UserError(f"Channel {channel}: label-format {label_format!r}, expected {MULTI_HOT} or {CLASS_ID}.")
        return TrainingPreparation(
            self.shape, self.resize, augmentation, self.num_classes, self.multi_label, label_format == CLASS_ID
        )

    def _check(self) -> None:
        """What no single hyperparameter can tell."""
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


ALGORITHM = ImageClassification
