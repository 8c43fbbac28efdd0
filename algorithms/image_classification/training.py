"""One training job from its first weights to its model: epochs, their figures in the original's words, and what is kept.

Axes: n images of a batch · k classes · l labels of an image
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from wildsage.algorithms.base.batch import Batch, Stream, concatenate
from wildsage.algorithms.base.errors import NO_DATA, UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.image_classification import optimizers, preamble, precision, scores, weights
from wildsage.algorithms.image_classification.executor import Network
from wildsage.algorithms.image_classification.model import ImageModel

if TYPE_CHECKING:
    from wildsage.algorithms.image_classification.algorithm import ImageClassification

REPORT_BATCHES = 20
"""The original reports its speed so often."""

WEIGHT, OPTIMIZER, KEPT, PROGRESS, PRESENT = "weight/", "optimizer/", "kept/", "progress", "present"
"""Names in a checkpoint, and beginnings of names."""


@dataclass
class Training:
    """What changes from batch to batch and from epoch to epoch.

    `kept` holds arrays by epoch, from 1 on. `best` is the best validation accuracy, `gained_at` the last epoch that
    bettered it by more than the tolerance. `stopped` says that an epoch was broken off, on all hosts alike.
    """

    settings: ImageClassification
    run: RunContext
    network: Network
    replica: nn.Module
    optimizer: Optimizer
    scaler: GradScaler
    frequencies: scores.Frequencies
    hosts: int
    begun_at: int = 0
    best: float = -1.0
    gained_at: int = 0
    accuracy: float | None = None
    stopped: bool = False
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)

    @classmethod
    def begin(cls, settings: ImageClassification, run: RunContext) -> Self:
        """From a checkpoint of this job, from given weights, or from random ones."""
        found = run.gather(run.resumed() or run.pretrained or {})
        before, hosts = found[0], len(found)  # a kill may have left hosts at different epochs: the first decides
        graph = settings.graph()
        own = _under(WEIGHT, before)
        arrays = weights.continued(graph, settings.feature_dim, own) if own else _first_weights(settings, before, run)
        network = Network(graph, arrays, run.sum if hosts > 1 else None)
        network.to(run.device).channels_last()
        training = cls(
            settings,
            run,
            network,
            run.replicated(network),
            optimizers.make(settings, network, fused=True),
            precision.scaler(settings.precision_dtype, run.device),
            scores.Frequencies(torch.zeros(settings.num_classes, device=run.device)),
            hosts,
        )
        for line in preamble.parameters(settings):
            run.log(line)
        if own:
            training._restore(before)
        return training

    @property
    def epochs_left(self) -> range:
        return range(self.begun_at, self.settings.epochs)

    def train(self, stream: Stream, epoch: int) -> None:
        """One pass of full batches [contract: Batch arithmetic]."""
        settings = self.settings
        rate = optimizers.rate_of(
            epoch, settings.learning_rate, settings.lr_scheduler_factor, settings.lr_scheduler_step or ()
        )
        optimizers.set_rate(self.optimizer, rate)
        self.replica.train()
        tally, begun_s = scores.Tally(settings.top_k, settings.multi_label), time.monotonic()
        for number, batch in enumerate(self._full_batches(stream, epoch)):
            self._step(batch.to(self.run.device), tally)
            if number and number % REPORT_BATCHES == 0:
                self._report_speed(epoch, number, tally, begun_s)
        if not tally.images:
            raise UserError(NO_DATA)
        for name, share in tally.rates().items():
            self.run.log(f"Epoch[{epoch}] Train-{name}={share:.6f}")
        self.run.log(f"Epoch[{epoch}] Time cost={time.monotonic() - begun_s:.3f}")

    def validate(self, stream: Stream, epoch: int) -> None:
        """Accuracy over full batches; what fills up the last of them counts too, as in the original."""
        self.network.train(False)
        tally = scores.Tally(self.settings.top_k, self.settings.multi_label)
        for batch in _filled(stream.batches(self.settings.mini_batch_size), self.settings.mini_batch_size):
            moved = batch.to(self.run.device)
            with torch.inference_mode(), precision.context(self.settings.precision_dtype, self.run.device):
                answers_nk = self.network(_pixels(moved))
            tally.add(answers_nk - 0.5, _labels(moved))
            if self.hosts == 1 and self.run.stopping:
                self.stopped = True
                return
        tally.total(self.run)
        if not tally.images:
            raise UserError("Channel validation holds no images.")
        for name, share in tally.rates().items():
            self.run.log(f"Epoch[{epoch}] Validation-{name}={share:.6f}")
        self.accuracy = tally.rates()["accuracy"]

    def keep(self, epoch: int) -> None:
        """The arrays of this epoch: if it is one of every few, or else the best so far, or the last where nothing tells."""
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
        """Whether this epoch is the best so far; without a validation channel the last always is."""
        if self.accuracy is None:
            return True
        if self.accuracy > self.best * (1 + self.settings.early_stopping_tolerance):
            self.gained_at = epoch
        better = self.accuracy > self.best
        self.best = max(self.accuracy, self.best)
        return better

    def enough(self, epoch: int) -> bool:
        """Early stopping: no gain for as many epochs as patience has."""
        settings = self.settings
        if not settings.early_stopping or epoch + 1 < settings.early_stopping_min_epochs or self.best < 0:
            return False
        if epoch - self.gained_at < settings.early_stopping_patience:
            return False
        self.run.log(f"Early stopping after epoch {epoch}: no gain since epoch {self.gained_at}.")
        return True

    def model(self) -> ImageModel:
        """The epochs kept; of a job that was stopped before there was one, what it has learned so far."""
        kept = self.kept or {self.begun_at + 1: self._arrays()}
        return ImageModel(self.network.graph, kept, self.settings.shape, self.settings.mini_batch_size)

    def arrays(self) -> dict[str, Tensor]:
        """All of it, for a checkpoint."""
        found = {f"{WEIGHT}{name}": array for name, array in self.network.arrays().items()}
        found |= {f"{OPTIMIZER}{name}": array for name, array in optimizers.arrays(self.optimizer).items()}
        for epoch, arrays in self.kept.items():
            found |= {f"{KEPT}{epoch}/{name}": array for name, array in arrays.items()}
        progress = [self.begun_at, self.best, self.gained_at, self.frequencies.images]
        found[PROGRESS] = torch.tensor(progress, dtype=torch.float64)
        found[PRESENT] = self.frequencies.present_k
        return found

    def _restore(self, before: Mapping[str, Tensor]) -> None:
        begun_at, self.best, gained_at, images = before[PROGRESS].tolist()
        self.begun_at, self.gained_at = int(begun_at), int(gained_at)
        self.frequencies = scores.Frequencies(before[PRESENT].to(self.run.device), int(images))
        for name, array in _under(KEPT, before).items():
            epoch, own = name.split("/", 1)
            self.kept.setdefault(int(epoch), {})[own] = array
        optimizers.restore(self.optimizer, _under(OPTIMIZER, before))
        self.run.log(f"Epochs done before: {self.begun_at}.")

    def _arrays(self) -> dict[str, Tensor]:
        return {
            name: array.cpu().clone(memory_format=torch.contiguous_format)
            for name, array in self.network.arrays().items()
        }

    def _step(self, batch: Batch, tally: scores.Tally) -> None:
        labels_nl = _labels(batch)
        weights_nk = None
        if self.settings.multi_label and self.settings.use_weighted_loss:
            self.frequencies.add(labels_nl)
            weights_nk = self.frequencies.weights(labels_nl)
        with precision.context(self.settings.precision_dtype, self.run.device):
            scores_nk = self.replica(_pixels(batch)).float()
        loss = scores.loss(scores_nk, labels_nl, self.settings.multi_label, weights_nk)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        tally.add(scores_nk, labels_nl)

    def _full_batches(self, stream: Stream, epoch: int) -> Iterator[Batch]:
        """As many as num_training_samples makes, shared by the hosts; several hosts, which go in step, read too little again."""
        rows = self.settings.mini_batch_size
        wanted = max(1, self.settings.num_training_samples // (rows * self.hosts))
        taken = 0
        while taken < wanted:
            before = taken
            for batch in stream.batches(rows, epoch):
                if len(batch) == rows:
                    yield batch
                    taken += 1
                if taken == wanted or self._stop():
                    return
            if self.hosts == 1 or taken == before:
                return

    def _stop(self) -> bool:
        """Whether any host was asked to: all stop after the same batch."""
        self.stopped = bool(self.run.sum(torch.tensor([float(self.run.stopping)])) > 0)
        return self.stopped

    def _report_speed(self, epoch: int, number: int, tally: scores.Tally, begun_s: float) -> None:
        speed = tally.images / (time.monotonic() - begun_s)
        figures = "".join(f"\t{name}={share:.6f}" for name, share in tally.rates().items())
        self.run.log(f"Epoch[{epoch}] Batch [{number}]\tSpeed: {speed:.3f} samples/sec{figures}")


def _under(prefix: str, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those whose names begin so, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _first_weights(settings: ImageClassification, given: Mapping[str, Tensor], run: RunContext) -> dict[str, Tensor]:
    graph, channels = settings.graph(), settings.feature_dim
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
    """(n, c, h, w) float32, channels last in memory, which convolutions like best."""
    return batch.dense().contiguous(memory_format=torch.channels_last)


def _labels(batch: Batch) -> Tensor:
    if batch.labels_nl is None:
        raise UserError("The training data has no labels.")
    return batch.labels_nl
