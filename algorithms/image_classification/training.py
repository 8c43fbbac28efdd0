"""One training job from its first weights to its model: epochs, their metrics as the original logs them, and the epochs kept.

Axes: n images of a batch · k classes · l labels of an image
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from wildsage.algorithms.base.batch import Batch, Stream, concatenate
from wildsage.algorithms.base.errors import NO_DATA, UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.image_classification import log_header, optimizers, precision, weights
from wildsage.algorithms.image_classification.executor import Network
from wildsage.algorithms.image_classification.hyperparameters import ImageHyperparameters
from wildsage.algorithms.image_classification.loss import ClassFrequencies, cross_entropy
from wildsage.algorithms.image_classification.metrics import Accuracies
from wildsage.algorithms.image_classification.model import ImageClassificationModel

REPORT_BATCHES = 20
"""Batches between two reports of the speed, as in the original."""

FEWER = 0.9
"""A channel with less than this share of num_training_samples is worth a warning."""

WEIGHT, OPTIMIZER, KEPT, PROGRESS, PRESENT = "weight/", "optimizer/", "kept/", "progress", "present"
"""Names in a checkpoint, or their beginnings."""


@dataclass
class Training:
    """The state of a job, which changes from batch to batch and from epoch to epoch.

    `kept` holds arrays by epoch, from 1 on. `best` is the best validation accuracy, `improved_at` the last epoch that was better
    by more than the tolerance. `stopped` says that an epoch was ended early, on all hosts alike; `counted` that the
    images of an epoch were compared with num_training_samples.
    """

    settings: ImageHyperparameters
    run: RunContext
    network: Network
    replica: nn.Module
    optimizer: Optimizer
    scaler: GradScaler
    frequencies: ClassFrequencies
    hosts: int
    begun_at: int = 0
    best: float = -1.0
    improved_at: int = 0
    accuracy: float | None = None
    stopped: bool = False
    counted: bool = False
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)

    @classmethod
    def begin(cls, settings: ImageHyperparameters, run: RunContext) -> Self:
        """Start from a checkpoint of this job, from given weights, or from random ones."""
        found = run.gather(run.resumed() or run.pretrained or {})
        before, hosts = found[0], len(found)  # a kill may have left hosts at different epochs: use the first host's
        graph = settings.graph()
        own = _with_prefix(WEIGHT, before)
        arrays = weights.continued(graph, settings.shape[0], own) if own else _first_weights(settings, before, run)
        network = Network(graph, arrays, run.sum if hosts > 1 else None)
        network.to(run.device).channels_last()
        training = cls(
            settings,
            run,
            network,
            run.replicated(network),
            optimizers.make(settings, network, fused=True),
            precision.scaler(settings.precision_dtype, run.device),
            ClassFrequencies(torch.zeros(settings.num_classes, device=run.device)),
            hosts,
        )
        for line in log_header.lines(settings):
            run.log(line)
        if own:
            training._restore(before)
        return training

    @property
    def epochs_left(self) -> range:
        """Epochs still to train, counted from 0."""
        return range(self.begun_at, self.settings.epochs)

    def train(self, stream: Stream, epoch: int) -> None:
        """One pass of full batches [contract: Batch arithmetic]. Raises UserError for a channel without a full batch."""
        settings = self.settings
        rate = optimizers.rate_of(
            epoch, settings.learning_rate, settings.lr_scheduler_factor, settings.lr_scheduler_step or ()
        )
        optimizers.set_rate(self.optimizer, rate)
        self.replica.train()
        accuracies, begun_s = Accuracies(settings.top_k, settings.multi_label), time.monotonic()
        for number, batch in enumerate(self._full_batches(stream, epoch)):
            self._step(batch.to(self.run.device), accuracies)
            if number and number % REPORT_BATCHES == 0:
                self._report_speed(epoch, number, accuracies, begun_s)
        if not accuracies.images:
            raise UserError(NO_DATA)
        for name, share in accuracies.shares().items():
            self.run.log(f"Epoch[{epoch}] Train-{name}={share:.6f}")
        self.run.log(f"Epoch[{epoch}] Time cost={time.monotonic() - begun_s:.3f}")

    def validate(self, stream: Stream, epoch: int) -> None:
        """Accuracy over full batches. The images that fill up the last one count too, as in the original.

        Raises UserError for a channel without images.
        """
        self.network.train(False)
        accuracies = Accuracies(self.settings.top_k, self.settings.multi_label)
        for batch in _filled(stream.batches(self.settings.mini_batch_size), self.settings.mini_batch_size):
            moved = batch.to(self.run.device)
            with torch.inference_mode(), precision.context(self.settings.precision_dtype, self.run.device):
                answers_nk = self.network(_pixels(moved))
            accuracies.add(answers_nk - 0.5, _labels(moved))
            if self.hosts == 1 and self.run.stopping:
                self.stopped = True
                return
        accuracies.total(self.run)
        if not accuracies.images:
            raise UserError("Channel validation holds no images.")
        for name, share in accuracies.shares().items():
            self.run.log(f"Epoch[{epoch}] Validation-{name}={share:.6f}")
        self.accuracy = accuracies.shares()["accuracy"]

    def keep(self, epoch: int) -> None:
        """Keep the arrays of this epoch: every `checkpoint_frequency` epochs, or else if it is the best so far."""
        every = self.settings.checkpoint_frequency
        better = self._judge(epoch)
        if every and (epoch + 1) % every == 0:
            self.kept[epoch + 1] = self._arrays()
        elif not every and better:
            if self.accuracy is not None:
                self.run.log(f"Storing the best model with validation accuracy: {self.accuracy:.6f}")
            self.kept = {epoch + 1: self._arrays()}
        self.begun_at = epoch + 1
        self.run.checkpoint_together(self)

    def _judge(self, epoch: int) -> bool:
        """Whether this epoch is the best so far. Without a validation channel every epoch is."""
        if self.accuracy is None:
            return True
        if self.accuracy > self.best * (1 + self.settings.early_stopping_tolerance):
            self.improved_at = epoch
        better = self.accuracy > self.best
        self.best = max(self.accuracy, self.best)
        return better

    def enough(self, epoch: int) -> bool:
        """Whether to stop early: no improvement for `early_stopping_patience` epochs."""
        settings = self.settings
        if not settings.early_stopping or epoch + 1 < settings.early_stopping_min_epochs or self.best < 0:
            return False
        if epoch - self.improved_at < settings.early_stopping_patience:
            return False
        self.run.log(f"Early stopping after epoch {epoch}: no gain since epoch {self.improved_at}.")
        return True

    def model(self) -> ImageClassificationModel:
        """The model of the epochs kept, or of the present weights if the job was stopped in its first epoch."""
        kept = self.kept or {self.begun_at + 1: self._arrays()}
        return ImageClassificationModel(self.network.graph, kept, self.settings.shape, self.settings.mini_batch_size)

    def arrays(self) -> dict[str, Tensor]:
        """The whole state as plain arrays by name, for a checkpoint."""
        found = {f"{WEIGHT}{name}": array for name, array in self.network.arrays().items()}
        found |= {f"{OPTIMIZER}{name}": array for name, array in optimizers.arrays(self.optimizer).items()}
        for epoch, arrays in self.kept.items():
            found |= {f"{KEPT}{epoch}/{name}": array for name, array in arrays.items()}
        progress = [self.begun_at, self.best, self.improved_at, self.frequencies.images]
        found[PROGRESS] = torch.tensor(progress, dtype=torch.float64)
        found[PRESENT] = self.frequencies.present_k
        return found

    def _restore(self, before: Mapping[str, Tensor]) -> None:
        begun_at, self.best, improved_at, images = before[PROGRESS].tolist()
        self.begun_at, self.improved_at = int(begun_at), int(improved_at)
        self.frequencies = ClassFrequencies(before[PRESENT].to(self.run.device), int(images))
        for name, array in _with_prefix(KEPT, before).items():
            epoch, own = name.split("/", 1)
            self.kept.setdefault(int(epoch), {})[own] = array
        optimizers.restore(self.optimizer, _with_prefix(OPTIMIZER, before))
        self.run.log(f"Epochs done before: {self.begun_at}.")

    def _arrays(self) -> dict[str, Tensor]:
        return {
            name: array.cpu().clone(memory_format=torch.contiguous_format)
            for name, array in self.network.arrays().items()
        }

    def _step(self, batch: Batch, accuracies: Accuracies) -> None:
        labels_nl = _labels(batch)
        weights_nk = None
        if self.settings.multi_label and self.settings.use_weighted_loss:
            self.frequencies.add(labels_nl)
            weights_nk = self.frequencies.weights(labels_nl)
        with precision.context(self.settings.precision_dtype, self.run.device):
            scores_nk = self.replica(_pixels(batch)).float()
        loss = cross_entropy(scores_nk, labels_nl, self.settings.multi_label, weights_nk)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        accuracies.add(scores_nk, labels_nl)

    def _full_batches(self, stream: Stream, epoch: int) -> Iterator[Batch]:
        """As many full batches as num_training_samples fills, divided among the hosts.

        Several hosts work in step, so a host with too few images reads them again.
        """
        rows = self.settings.mini_batch_size
        wanted = max(1, self.settings.num_training_samples // (rows * self.hosts))
        taken = 0
        while taken < wanted:
            before = taken
            batches = stream.batches(rows, epoch)
            for batch in batches:
                if len(batch) < rows:
                    continue  # hosts sum once for each full batch, so a host that is at its end must not sum once more
                yield batch
                taken += 1
                if taken == wanted:
                    self._warn_of_more(batches)
                    return
                if self._stop():
                    return
            if before == 0:
                self._warn_of_fewer(taken * rows, wanted * rows)
            if self.hosts == 1 or taken == before:
                return

    def _warn_of_more(self, batches: Iterator[Batch]) -> None:
        """Say once that the channel goes on after num_training_samples: the images beyond are left out."""
        more = None if self.counted else next(batches, None)
        self.counted = True
        if more is not None and len(more) == self.settings.mini_batch_size:
            self.run.log(
                f"Channel train holds more images than num_training_samples = {self.settings.num_training_samples}. Each epoch "
                "leaves out those beyond; set num_training_samples to their number.",
                "WARNING",
            )

    def _warn_of_fewer(self, images: int, wanted: int) -> None:
        """Say once that the channel ends long before num_training_samples."""
        if not self.counted and images < FEWER * wanted:
            self.run.log(
                f"Channel train holds about {images * self.hosts} images, far fewer than num_training_samples = "
                f"{self.settings.num_training_samples}. An epoch is shorter than the learning rate's steps assume; set "
                "num_training_samples to the number of images.",
                "WARNING",
            )
        self.counted = True

    def _stop(self) -> bool:
        """Whether any host was asked to stop. All hosts stop after the same batch."""
        self.stopped = bool(self.run.sum(torch.tensor([float(self.run.stopping)])) > 0)
        return self.stopped

    def _report_speed(self, epoch: int, number: int, accuracies: Accuracies, begun_s: float) -> None:
        speed = accuracies.images / (time.monotonic() - begun_s)
        shares = "".join(f"\t{name}={share:.6f}" for name, share in accuracies.shares().items())
        self.run.log(f"Epoch[{epoch}] Batch [{number}]\tSpeed: {speed:.3f} samples/sec{shares}")


def _with_prefix(prefix: str, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The arrays whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _first_weights(settings: ImageHyperparameters, given: Mapping[str, Tensor], run: RunContext) -> dict[str, Tensor]:
    graph, channels = settings.graph(), settings.shape[0]
    run.log(f"use_pretrained_model: {int(settings.use_pretrained_model)}")
    run.log(f"multi_label: {int(settings.multi_label)}")
    if settings.use_pretrained_model:
        if not given:
            raise UserError(weights.HOW_TO_SUPPLY)
        run.log("Using pretrained model for initializing weights and transfer learning.")
        return weights.transferred(graph, channels, given, run.shared_rng)
    if given:
        run.log("Loading the weights of channel model for incremental training.")
        return weights.continued(graph, channels, given)
    run.log("Performing random weight initialization")
    return weights.random(graph, channels, run.shared_rng)


def _filled(batches: Iterator[Batch], rows: int) -> Iterator[Batch]:
    """The last batch filled up to `rows` with the first images of all."""
    first: Batch | None = None
    for batch in batches:
        first = first or batch
        missing = rows - len(batch)
        if missing:
            again = torch.arange(missing) % len(first)
            assert first.labels_nl is not None and isinstance(first.features, Tensor)
            batch = concatenate([batch, Batch(first.features[again], first.labels_nl[again])])
        yield batch


def _pixels(batch: Batch) -> Tensor:
    """Images (n, c, h, w) float32, channels last in memory, which is fastest for convolutions."""
    return batch.dense().contiguous(memory_format=torch.channels_last)


def _labels(batch: Batch) -> Tensor:
    if batch.labels_nl is None:
        raise UserError("The training data has no labels.")
    return batch.labels_nl
