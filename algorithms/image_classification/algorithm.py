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
from wildsage.algorithms.image_classification.model import ImageClassificationModel
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

    >>> import torch
    >>> from wildsage.algorithms.base.batch import Batch, MemoryStream
    >>> from wildsage.algorithms.base.run import RunContext
    >>> from wildsage.algorithms.image_classification.algorithm import ImageClassification
    >>> images = torch.zeros(8, 1, 8, 8)
    >>> images[::2, :, :4], images[1::2, :, :, :4] = 255, 255  # the upper half is white, or the left half
    >>> rows = Batch(images, labels_nl=torch.tensor([[0.0], [1.0]]).repeat(4, 1))
    >>> settings = {"num_classes": 2, "num_training_samples": 8, "image_shape": (1, 8, 8), "num_layers": "20"}
    >>> algorithm = ImageClassification(**settings, mini_batch_size=8, epochs=3, learning_rate=0.05)
    >>> model = algorithm.fit({"train": MemoryStream(rows)}, RunContext(seed=0))
    >>> model.predict(rows)["prediction"].argmax(1)
    tensor([0, 1, 0, 1, 0, 1, 0, 1])
    """

    spec: ClassVar = SPEC
    model_class: ClassVar = ImageClassificationModel
    resumes_from_model: ClassVar = True

    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> ImageClassificationModel:
        """Start from weights, train and validate epoch by epoch, and keep the best epoch."""
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
