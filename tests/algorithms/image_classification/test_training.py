"""The rules of epochs and batches."""

import itertools
import math
import re
import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.image_classification import precision, weights
from wildsage.algorithms.image_classification.algorithm import ImageClassification
from wildsage.algorithms.image_classification.conformance import CASE, stripes
from wildsage.algorithms.image_classification.loss import ClassFrequencies
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


class Linear(nn.Module):
    """A network of one layer, which is fast and whose steps are known."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.layer = nn.Linear(64, classes)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, images):
        return self.layer(images.flatten(1) / 255)

    def arrays(self):
        return {name: array.detach() for name, array in self.named_parameters()}


def of_one_layer(classes: int = 2, **changes) -> Training:
    settings, network = build(**{"num_classes": str(classes), **changes}), Linear(classes)
    optimizer = torch.optim.SGD(network.parameters(), 0.5)
    scaler = precision.scaler("float32", torch.device("cpu"))
    frequencies = ClassFrequencies(torch.zeros(classes))
    return Training(settings, Told(), network, network, optimizer, scaler, frequencies, 1)


def test_a_pass_takes_a_step_after_each_batch_at_the_rate_of_its_epoch():
    """Against torch's own module, one batch after the other: the gradient of a batch is not added to the next one's."""
    decides = of_one_layer(learning_rate="0.25", lr_scheduler_factor="0.5", lr_scheduler_step="1,2")
    decides.train(MemoryStream(ROWS), 1)
    assert decides.optimizer.param_groups[0]["lr"] == 0.125
    plain = Linear()
    for batch in MemoryStream(ROWS).batches(16):
        loss = nn.functional.cross_entropy(plain(batch.dense()), batch.labels_nl[:, 0].long())
        gradients = torch.autograd.grad(loss, list(plain.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(plain.parameters(), gradients, strict=True):
                parameter -= 0.125 * gradient
    for name, array in plain.arrays().items():
        assert torch.allclose(decides.network.arrays()[name], array, atol=1e-6)
    decides.train(MemoryStream(ROWS), 0)
    assert decides.optimizer.param_groups[0]["lr"] == 0.25


def test_a_loss_that_is_scaled_for_float16_gives_the_same_steps_and_its_scale_grows():
    plain, scaled = of_one_layer(), of_one_layer()
    scaled.scaler = GradScaler("cpu", init_scale=4.0, growth_factor=2.0, growth_interval=1)
    for decides in (plain, scaled):
        decides.train(MemoryStream(ROWS[:32]), 0)
    assert scaled.scaler.get_scale() == 16
    for name, array in plain.network.arrays().items():
        assert torch.allclose(scaled.network.arrays()[name], array, atol=1e-6)


def test_the_speed_is_said_after_every_twenty_batches():
    decides, begun_s = of_one_layer(mini_batch_size="1", num_training_samples="64", top_k="2"), time.monotonic()
    decides.train(MemoryStream(ROWS), 3)
    took_s = time.monotonic() - begun_s
    said = [
        re.match(r"Epoch\[3\] Batch \[(\d+)\]\tSpeed: (\S+) samples/sec\t(\S+)\t(\S+)$", line)
        for line in decides.run.lines
    ]
    numbers, speeds, first, second = zip(*(each.groups() for each in said if each), strict=True)
    assert numbers == ("20", "40", "60") and all(
        float(speed) + 0.0005 >= number / took_s for number, speed in zip((21, 41, 61), speeds, strict=True)
    )
    assert all(share.startswith("accuracy=0.") or share == "accuracy=1.000000" for share in first)
    assert set(second) == {"top_k_accuracy_2=1.000000"}
    assert 0 <= float(decides.run.lines[-1].removeprefix("Epoch[3] Time cost=")) <= math.ceil(took_s * 1000) / 1000
    assert (
        decides.run.lines[-3].startswith("Epoch[3] Train-accuracy=")
        and decides.run.lines[-2] == "Epoch[3] Train-top_k_accuracy_2=1.000000"
    )


@pytest.mark.parametrize("weighted", ["True", "False"])
def test_rare_classes_weigh_more_only_where_asked_for(weighted):
    """Every image has the first class and one in eight the second: counted before the step, the weight of a label is twice the
    share of images with the other one."""
    labels = torch.stack([torch.ones(16), (torch.arange(16) % 8 == 0).float()], 1)
    rows = Batch(torch.full((16, 1, 8, 8), 255.0), labels)
    decides = of_one_layer(multi_label="True", use_weighted_loss=weighted, learning_rate="1", num_training_samples="16")
    decides.train(MemoryStream(rows), 0)
    shares = (torch.tensor([16.0, 2.0]) + 1) / 18 if weighted == "True" else torch.tensor([0.5, 0.5])
    each = 2 * torch.where(labels > 0, 1 - shares, shares) * (labels - 0.5)
    assert torch.allclose(decides.network.layer.bias, each.sum(0) / 16, atol=1e-6)
    assert decides.frequencies.images == (16 if weighted == "True" else 0)


def test_a_channel_without_a_full_batch_or_without_labels_is_rejected():
    with pytest.raises(UserError, match="No training data processed"):
        of_one_layer().train(MemoryStream(ROWS[:15]), 0)
    with pytest.raises(UserError, match="The training data has no labels"):
        of_one_layer().train(MemoryStream(Batch(ROWS.features)), 0)
    with pytest.raises(UserError, match="Channel validation holds no images"):
        of_one_layer().validate(MemoryStream(ROWS[:0]), 0)


def test_validation_changes_nothing_and_counts_answers_above_one_half():
    decides = of_one_layer(multi_label="True", mini_batch_size="4", num_training_samples="4")
    decides.network.layer.bias.data = torch.tensor([0.51, 0.5])  # as if these were probabilities
    labels = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
    decides.validate(MemoryStream(Batch(torch.zeros(4, 1, 8, 8), labels)), 7)
    assert decides.accuracy == 0.5 and decides.run.lines == ["Epoch[7] Validation-accuracy=0.500000"]
    assert not decides.network.training and not decides.stopped


@pytest.mark.parametrize(("images", "said"), [(144, False), (143, True), (128, True), (160, False)])
def test_a_channel_of_less_than_nine_tenths_of_its_samples_is_said(images, said):
    """In batches of one image, of which 160 are expected."""
    decides = of_one_layer(mini_batch_size="1", num_training_samples="160")
    rows = Batch(ROWS.features.repeat(3, 1, 1, 1)[:images], ROWS.labels_nl.repeat(3, 1)[:images])
    assert len(list(decides._full_batches(MemoryStream(rows), 0))) == images
    warned = [line for line in decides.run.lines if line.startswith(f"Channel train holds about {images} images")]
    assert len(warned) == said


@pytest.mark.parametrize(("images", "said"), [(48, False), (63, False), (64, True)])
def test_a_rest_that_is_not_a_full_batch_is_not_said_to_be_left_out(images, said):
    decides = of_one_layer(num_training_samples="48")
    for _ in range(2):  # it is said in the first pass
        assert len(list(decides._full_batches(MemoryStream(ROWS[:images]), 0))) == 3
        assert sum("holds more images" in line for line in decides.run.lines) == said


class Interrupted(Told):
    """A run that keeps the state after each epoch, and may begin with one."""

    def __init__(self, before=None) -> None:
        super().__init__(5)
        self.before, self.states = before, []

    def resumed(self):
        return self.before

    def checkpoint_together(self, state):
        self.states.append({name: array.clone() for name, array in state.arrays().items()})


@pytest.mark.parametrize("changes", [{"optimizer": "adam", "learning_rate": "0.001"}, {"checkpoint_frequency": "1"}])
def test_a_job_that_is_resumed_after_an_epoch_ends_as_if_it_had_not_been_interrupted(changes):
    whole, changes = Interrupted(), {"epochs": "3", **changes}
    expected = fit(whole, validation=ROWS[:20], **changes)
    rest = Interrupted(whole.states[0])
    model = fit(rest, validation=ROWS[:20], **changes)
    assert "Epochs done before: 1." in rest.lines and not any(line.startswith("Epoch[0]") for line in rest.lines)
    assert list(model.epochs) == list(expected.epochs)
    for one, other in zip(model.epochs.values(), expected.epochs.values(), strict=True):
        assert all(torch.equal(array, other[name]) for name, array in one.items())
    for one, other in itertools.zip_longest(rest.states, whole.states[1:]):
        assert list(one) == list(other) and all(torch.equal(array, other[name]) for name, array in one.items())


def test_progress_and_class_frequencies_are_part_of_the_state():
    decides = of_one_layer()
    decides.begun_at, decides.best, decides.improved_at = 4, 0.75, 2
    decides.frequencies = ClassFrequencies(torch.tensor([3.0, 5.0]), 9)
    again = of_one_layer()
    again._restore(decides.arrays())
    assert (again.begun_at, again.best, again.improved_at) == (4, 0.75, 2)
    assert again.frequencies.images == 9 and again.frequencies.present_k.tolist() == [3, 5]
    assert list(again.epochs_left) == list(range(4, again.settings.epochs))


class Given(Told):
    """A run with weights to begin from."""

    def __init__(self, pretrained=None) -> None:
        super().__init__(5)
        self.pretrained = pretrained


def test_weights_come_from_where_the_job_says():
    still = {"learning_rate": "0", "weight_decay": "0"}
    run, given = Given(), weights.random(build().graph(), 1, torch.Generator().manual_seed(9))
    fit(run, **still)
    assert run.lines[:3] == ["use_pretrained_model: 0", "multi_label: 0", "Performing random weight initialization"]
    run = Given(given)
    assert torch.equal(fit(run, **still).arrays()["fc_weight"], given["fc_weight"])
    assert run.lines[2] == "Loading the weights of channel model for incremental training."
    run = Given(given)
    found = fit(run, use_pretrained_model="1", **still).arrays()
    assert run.lines[0] == "use_pretrained_model: 1" and "transfer learning" in run.lines[2]
    assert torch.equal(found["conv0_weight"], given["conv0_weight"]) and not torch.equal(
        found["fc_weight"], given["fc_weight"]
    )
    with pytest.raises(UserError, match="Hyperparameter use_pretrained_model: there are no weights to begin from"):
        fit(Given(), use_pretrained_model="1")


def test_a_job_that_is_stopped_in_its_first_epoch_gives_the_present_weights():
    class Stopped(Told):
        stopping = True

    model = fit(Stopped(), validation=ROWS)
    assert list(model.epochs) == [1]


def test_a_run_alone_may_stop_in_the_middle_of_its_validation():
    class Stopped(Told):
        stopping = True

    decides = of_one_layer(mini_batch_size="4", num_training_samples="4")
    decides.run = Stopped()
    decides.validate(MemoryStream(ROWS), 0)
    assert decides.stopped and decides.accuracy is None and decides.run.lines == []
    decides = of_one_layer(mini_batch_size="4", num_training_samples="4")
    decides.run, decides.hosts = Stopped(), 2
    decides.validate(MemoryStream(ROWS), 0)
    assert not decides.stopped and decides.accuracy is not None
