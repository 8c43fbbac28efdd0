"""Image classification: what the algorithm accepts, and `fit` in the order of the original's log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Stream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.image_classification.hyperparameters import ImageHyperparameters
from wildsage.algorithms.image_classification.model import ImageModel
from wildsage.algorithms.image_classification.preparation import TrainingPreparation
from wildsage.algorithms.image_classification.spec import SPEC
from wildsage.algorithms.image_classification.training import Training

MULTI_HOT, CLASS_ID = "multi-hot", "class-id"
"""How several labels are written: a 0 or 1 for each class, or a list of classes."""


@dataclass(frozen=True, kw_only=True)
class ImageClassification(ImageHyperparameters, Algorithm):
    """Train a residual network [He et al. 2016] on images, from random or from given weights.

    Memory: the weights, their gradients and up to two numbers more for each weight in the optimizer; the activations of one
    mini-batch; and the batches that the channel reads ahead.
    """

    spec: ClassVar = SPEC
    model_class: ClassVar = ImageModel
    goes_on_from_model: ClassVar = True

    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> ImageModel:
        """Start from weights, train and validate epoch by epoch, and keep the best epoch."""
        self.check()
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
    def feature_dim(self) -> int:  # type: ignore[override]
        """Channels of an image."""
        return self.shape[0]

    def pretrained(self) -> str | None:
        return f"resnet-{self.num_layers}" if self.use_pretrained_model else None

    def preparation(self, channel: str, parameters: Mapping[str, str]) -> TrainingPreparation:
        """How the pictures and labels of a channel become input. `parameters` are those of its content type. Raises UserError."""
        augmentation = self.augmentation_type if channel == "train" else None
        label_format = parameters.get("label-format", MULTI_HOT)
        if label_format not in (MULTI_HOT, CLASS_ID):
            raise UserError(f"Channel {channel}: label-format {label_format!r}, expected {MULTI_HOT} or {CLASS_ID}.")
        return TrainingPreparation(
            self.shape, self.resize, augmentation, self.num_classes, self.multi_label, label_format == CLASS_ID
        )


ALGORITHM = ImageClassification
