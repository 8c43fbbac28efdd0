"""The lines with which a job's log begins."""

import pytest

from wildsage.algorithms.image_classification import log_header
from wildsage.algorithms.image_classification.hyperparameters import ImageHyperparameters


def lines(**settings) -> list[str]:
    return log_header.lines(ImageHyperparameters(num_classes=4, num_training_samples=50, **settings))


def test_the_defaults_are_said_in_the_order_of_the_original():
    assert lines() == [
        "---- Parameters ----", "num_layers: 152", "data type: <class 'numpy.float32'>", "epochs: 30", "optimizer: sgd",
        "momentum: 0.9", "weight_decay: 0.0001", "learning_rate: 0.1", "num_training_samples: 50", "mini_batch_size: 32",
        "image_shape: 3,224,224", "num_classes: 4", "augmentation_type: None", "kv_store: device",
        "checkpoint_frequency not set, will store the best model", "--------------------",
    ]  # fmt: skip


def test_what_is_set_is_said():
    said = lines(precision_dtype="float16", resize=256, top_k=5, checkpoint_frequency=3, kv_store="dist_sync")
    for line in ("data type: <class 'numpy.float16'>", "image resize size: 256", "kv_store: dist_sync"):
        assert line in said
    assert said[-3:-1] == ["top_k: 5", "checkpoint_frequency: 3"]


@pytest.mark.parametrize(
    ("optimizer", "own"),
    [("nag", ["momentum", "weight_decay"]), ("adam", ["beta_1", "beta_2", "eps"]), ("rmsprop", ["gamma", "eps"])],
)
def test_an_optimizer_has_its_own_settings(optimizer, own):
    said = [line.split(":")[0] for line in lines(optimizer=optimizer)]
    begin = said.index("optimizer") + 1
    assert said[begin : said.index("learning_rate")] == own
