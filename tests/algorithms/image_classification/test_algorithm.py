"""What image classification accepts, and the order of its steps."""

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.image_classification import algorithm
from wildsage.algorithms.image_classification.algorithm import ImageClassification
from wildsage.algorithms.image_classification.preparation import TrainingPreparation


def build(**settings) -> ImageClassification:
    return ImageClassification(num_classes=5, num_training_samples=32, image_shape=(1, 20, 30), **settings)


def test_weights_to_begin_from_are_named_after_the_depth():
    assert build(num_layers="50", use_pretrained_model=True).pretrained() == "resnet-50"
    assert build().pretrained() is None and build().feature_dim == 1


def test_pictures_are_augmented_in_training_alone():
    job = build(augmentation_type="crop", resize=40, multi_label=True)
    expected = TrainingPreparation((1, 20, 30), 40, "crop", 5, True, False)
    assert job.preparation("train", {}) == expected
    assert job.preparation("validation", {}).augmentation is None


@pytest.mark.parametrize(("label_format", "class_ids"), [("multi-hot", False), ("class-id", True)])
def test_labels_are_written_in_either_format(label_format, class_ids):
    assert build().preparation("train", {"label-format": label_format}).class_ids == class_ids
    with pytest.raises(UserError, match="Channel train: label-format 'ids', expected multi-hot or class-id"):
        build().preparation("train", {"label-format": "ids"})


class Steps:
    """A training whose steps are remembered."""

    def __init__(self, epochs: int, enough_after: int | None = None, stopped_in: tuple[int, str] | None = None) -> None:
        self.epochs_left, self.done, self.stopped = range(epochs), [], False
        self._enough_after, self._stopped_in = enough_after, stopped_in

    def _do(self, what: str, epoch: int) -> None:
        self.done.append((what, epoch))
        self.stopped = self.stopped or (epoch, what) == self._stopped_in

    def train(self, channel, epoch):
        self._do(f"train {channel}", epoch)

    def validate(self, channel, epoch):
        self._do(f"validate {channel}", epoch)

    def keep(self, epoch):
        self._do("keep", epoch)

    def enough(self, epoch):
        return epoch == self._enough_after

    def model(self):
        return self.done


def done(monkeypatch, training: Steps, *channels: str) -> list[tuple[str, int]]:
    monkeypatch.setattr(algorithm.Training, "begin", classmethod(lambda cls, settings, run: training))
    return build().fit({name: name for name in channels}, None)


def test_epochs_are_trained_validated_and_kept(monkeypatch):
    assert done(monkeypatch, Steps(2), "train") == [
        (what, epoch) for epoch in (0, 1) for what in ("train train", "keep")
    ]
    whole = [(what, epoch) for epoch in range(3) for what in ("train train", "validate validation", "keep")]
    assert done(monkeypatch, Steps(3), "train", "validation") == whole
    assert done(monkeypatch, Steps(9, enough_after=2), "train", "validation") == whole


def test_an_epoch_that_is_broken_off_is_neither_validated_nor_kept(monkeypatch):
    broken = Steps(3, stopped_in=(1, "train train"))
    assert done(monkeypatch, broken, "train", "validation")[-2:] == [("keep", 0), ("train train", 1)]
    broken = Steps(3, stopped_in=(1, "validate validation"))
    assert done(monkeypatch, broken, "train", "validation")[-2:] == [("train train", 1), ("validate validation", 1)]
