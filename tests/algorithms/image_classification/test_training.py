"""The rules of epochs and batches."""

from types import SimpleNamespace

import pytest
import torch

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.image_classification import weights
from wildsage.algorithms.image_classification.algorithm import ImageClassification
from wildsage.algorithms.image_classification.conformance import CASE, stripes
from wildsage.algorithms.image_classification.training import Training, _filled

ROWS = stripes()


class Told(RunContext):
    """A run that records what is reported to it."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.lines: list[str] = []

    def log(self, text, level="INFO"):
        self.lines.append(text)

    def share(self, name: str, epoch: int = 0) -> float:
        (line,) = [line for line in self.lines if line.startswith(f"Epoch[{epoch}] {name}=")]
        return float(line.split("=")[1])


def build(**changes):
    settings = {**CASE.hyperparameters, "epochs": "1", **changes}
    return hyperparameters.parse(ImageClassification, settings, ImageClassification.internal_settings())[0]


def fit(run=None, validation=None, **changes):
    channels = {"train": MemoryStream(ROWS)} | ({"validation": MemoryStream(validation)} if validation else {})
    return build(**changes).fit(channels, run or RunContext())


def test_an_epoch_is_of_full_batches_and_validation_counts_what_fills_it_up():
    """64 images in batches of 24 are 2; 10 of validation are filled up to 24 with the first images, twice and a bit."""
    run = Told()
    fit(run, validation=ROWS[:10], mini_batch_size="24")
    assert run.share("Train-accuracy") * 48 == pytest.approx(round(run.share("Train-accuracy") * 48), abs=1e-3)
    assert run.share("Validation-accuracy") * 24 == pytest.approx(
        round(run.share("Validation-accuracy") * 24), abs=1e-3
    )


def test_num_training_samples_bounds_an_epoch():
    run = Told()
    fit(run, num_training_samples="16")
    assert run.share("Train-accuracy") * 16 == pytest.approx(round(run.share("Train-accuracy") * 16), abs=1e-4)


@pytest.mark.parametrize(
    ("samples", "warning"),
    [
        ("16", "Channel train holds more images than num_training_samples = 16."),
        ("640", "Channel train holds about 64 images, far fewer than num_training_samples = 640."),
        ("64", ""),
    ],
)
def test_a_number_of_training_samples_far_from_the_channels_is_said_once(samples, warning):
    run = Told()
    fit(run, num_training_samples=samples, mini_batch_size="16", epochs="2")
    said = [line for line in run.lines if line.startswith("Channel train holds")]
    assert len(said) == bool(warning)
    assert all(line.startswith(warning) for line in said)


@pytest.mark.parametrize("optimizer", ["sgd", "nag", "adam", "rmsprop"])
@pytest.mark.parametrize("precision_dtype", ["float32", "float16"])
def test_every_optimizer_learns_in_both_precisions(optimizer, precision_dtype):
    rate = "0.01" if optimizer in ("sgd", "nag") else "0.001"
    run = Told()
    fit(run, optimizer=optimizer, precision_dtype=precision_dtype, learning_rate=rate, epochs="4")
    assert run.share("Train-accuracy", epoch=3) >= 0.9


def test_the_best_epoch_is_kept_unless_epochs_are_asked_for():
    run = Told()
    model = fit(run, validation=ROWS, epochs="4", learning_rate="0.01")
    accuracies = [run.share("Validation-accuracy", epoch) for epoch in range(4)]
    assert list(model.epochs) == [accuracies.index(max(accuracies)) + 1]
    assert list(fit(validation=ROWS, epochs="4", checkpoint_frequency="2").epochs) == [2, 4]
    assert list(fit(epochs="2").epochs) == [2]


class StoppedAfterTheBest(Told):
    """Somebody asks it to stop once a best model is stored."""

    @property
    def stopping(self):
        return any(line.startswith("Storing the best model") for line in self.lines)


def test_an_epoch_that_is_broken_off_does_not_replace_the_best():
    run = StoppedAfterTheBest()
    model = fit(run, validation=ROWS, epochs="5")
    assert list(model.epochs) == [1] and not any("Epoch[1] Validation" in line for line in run.lines)


def test_early_stopping_waits_for_its_patience():
    run = Told()
    settings = {"early_stopping": "True", "early_stopping_min_epochs": "2", "early_stopping_patience": "2"}
    fit(run, validation=ROWS, epochs="9", learning_rate="0", **settings)
    assert "Early stopping after epoch 2: no gain since epoch 0." in run.lines
    assert not any(line.startswith("Epoch[3]") for line in run.lines)


def training(hosts=1, **changes):
    """What decides about epochs and batches, without a network."""
    network = SimpleNamespace(arrays=dict)
    return Training(build(**changes), Told(), network, network, None, None, None, hosts)


def kept_after(accuracies, **changes):
    """The epochs that are kept after each, counted from 1."""
    decides, kept = training(**changes), []
    for epoch, decides.accuracy in enumerate(accuracies):
        decides.keep(epoch)
        kept.append(list(decides.kept))
        assert decides.begun_at == epoch + 1
    return kept


def test_an_epoch_that_is_as_good_as_the_best_does_not_replace_it():
    assert kept_after([0.5, 0.5, 0.6, 0.4]) == [[1], [1], [3], [3]]
    assert kept_after([0.0, 0.0]) == [[1], [1]]
    assert kept_after([None, None]) == [[1], [2]]
    assert kept_after([0.9, 0.1, 0.5, 0.6], checkpoint_frequency="2") == [[], [2], [2], [2, 4]]


@pytest.mark.parametrize(
    ("tolerance", "accuracies", "improved_at"),
    [("0", [0.5, 0.5], 0), ("0", [0.5, 0.51], 1), ("0.5", [0.5, 0.75], 0), ("0.5", [0.5, 0.76], 1), ("0.5", [0.5, 0.7, 0.8], 0)],
)  # fmt: skip
def test_an_epoch_is_better_that_gains_more_than_the_tolerance(tolerance, accuracies, improved_at):
    decides = training(early_stopping_tolerance=tolerance)
    for epoch, decides.accuracy in enumerate(accuracies):
        decides.keep(epoch)
    assert (decides.improved_at, decides.best) == (improved_at, max(accuracies))


@pytest.mark.parametrize(
    ("accuracy", "early", "stops_after"),
    [(0.5, (1, 2), 2), (0.5, (1, 1), 1), (0.5, (4, 2), 3), (0.0, (1, 2), 2), (None, (1, 2), None), (0.5, None, None)],
)
def test_training_ends_early_after_both_its_patience_and_the_fewest_epochs(accuracy, early, stops_after):
    changes = {"early_stopping": "True", "early_stopping_min_epochs": str(early[0]), "early_stopping_patience": str(early[1])} if early else {}  # fmt: skip
    decides = training(**changes)
    decides.accuracy = accuracy
    ends = []
    for epoch in range(6):
        decides.keep(epoch)
        ends.append(decides.enough(epoch))
    assert ends.index(True) == stops_after if stops_after else not any(ends)


@pytest.mark.parametrize(
    ("images", "samples", "hosts", "batches"),
    [
        (12, "12", 1, 3), (12, "11", 1, 2), (12, "8", 1, 2), (12, "4", 2, 1), (11, "12", 1, 2), (3, "12", 1, 0),
        (12, "16", 2, 2), (12, "15", 2, 1), (5, "24", 2, 3), (4, "24", 2, 3), (3, "24", 2, 0),
    ],
)  # fmt: skip
def test_an_epoch_has_the_full_batches_of_its_samples_and_several_hosts_read_again(images, samples, hosts, batches):
    decides = training(hosts, mini_batch_size="4", num_training_samples=samples)
    found = list(decides._full_batches(MemoryStream(ROWS[:images]), 0))
    assert [len(batch) for batch in found] == [4] * batches


@pytest.mark.parametrize(("images", "rows", "last"), [(10, 4, [8, 9, 0, 1]), (8, 4, [4, 5, 6, 7]), (3, 8, [0, 1, 2, 0, 1, 2, 0, 1])])  # fmt: skip
def test_the_last_batch_is_filled_up_with_the_first_images(images, rows, last):
    number_n = torch.arange(images).float()
    stream = MemoryStream(Batch(number_n[:, None, None, None], number_n[:, None]))
    found = list(_filled(stream.batches(rows), rows))
    assert [len(batch) for batch in found] == [rows] * -(-images // rows)
    assert found[-1].labels_nl.flatten().tolist() == found[-1].features.flatten().tolist() == last


def test_learning_rate_zero_changes_no_weight():
    start = weights.random(build().graph(), 1, RunContext(3).shared_rng)
    trained = fit(RunContext(3), learning_rate="0", weight_decay="0").arrays()
    for name, array in start.items():
        assert name.endswith(("moving_mean", "moving_var")) or torch.equal(array, trained[name]), name


class OneOfTwoHosts(RunContext):
    """A host beside another that does the same. It records whether to stop was asked together."""

    asked = 0

    def gather(self, arrays):
        return [arrays, arrays]

    def sum(self, tensor):
        self.asked += tensor.shape == (1,)
        return 2 * tensor


def test_hosts_ask_each_other_once_for_each_full_batch():
    """64 images are two batches of 24 and a rest, which another host may not have: no word is exchanged about it."""
    run = OneOfTwoHosts()
    fit(run, mini_batch_size="24", num_training_samples="192")
    assert run.asked == 3  # between the four batches that both hosts take
