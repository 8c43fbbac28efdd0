"""A channel of images as a stream of batches, decoded and augmented by processes that work ahead of the network.

The channel's records pass through a bounded shuffle, are dealt out to the hosts, and go encoded to the workers, in order. Every
picture's chance changes follow from the seed, the pass and its place in the pass alone, so neither the number of workers nor the
way bytes arrive changes a bit.

Axes: n images of a batch · h height · w width · c channels · l labels
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.images import Preparation
from wildsage.containers.codecs.images import encoded
from wildsage.containers.codecs.images.image_recordio import ImageRecord
from wildsage.containers.input.row_stream import ReadCounts

SHUFFLE_BYTES = 64 << 20
"""Encoded images held for the shuffle; a channel of less is shuffled whole."""

MOST_WORKERS = 8
BATCHES_AHEAD = 4
"""Of each worker."""


@dataclass(frozen=True)
class Task:
    """A record on its way to a worker, with the seed of its chance changes."""

    record: ImageRecord
    seed: tuple[int, int, int]


@dataclass(frozen=True)
class Prepared:
    """A batch as it comes back; `problem` instead of pixels where a record cannot be used."""

    pixels_nhwc: torch.Tensor
    labels_nl: torch.Tensor
    problem: str = ""


class Preparer(Dataset):
    """Runs in the workers: decode, prepare, stack."""

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation

    def __getitems__(self, tasks: Sequence[Task]) -> Prepared:
        pixels, labels = [], []
        for task in tasks:
            try:
                pixels.append(self._pixels(task))
                labels.append(self._preparation.labels(task.record.labels))
            except (ValueError, UserError) as error:
                return Prepared(torch.empty(0), torch.empty(0), f"{task.record.place}: {error}.")
        return Prepared(torch.from_numpy(np.stack(pixels)), torch.tensor(labels, dtype=torch.float32))

    def _pixels(self, task: Task) -> NDArray[np.uint8]:
        picture = encoded.decode(task.record.content, self._preparation.mode)
        return self._preparation.pixels(picture, np.random.default_rng(task.seed))


class ImageStream:
    """A `Stream` over a channel. Memory: `SHUFFLE_BYTES` of encoded images and `BATCHES_AHEAD` batches of each worker.

    `records()` reads the channel once. `share` is this host's number and how many there are, where all have the same
    records. After a pass `log` is told what share of its time the reader of batches had to wait for them.
    """

    def __init__(
        self,
        name: str,
        records: Callable[[], Iterable[ImageRecord]],
        preparation: Preparation,
        seed: int | None,
        share: tuple[int, int] = (0, 1),
        log: Callable[[str], None] = lambda _text: None,
        workers: int | None = None,
    ) -> None:
        self.counts = ReadCounts()
        self._log = log
        self._waited_s = 0.0
        self._name = name
        self._records = records
        self._preparation = preparation
        self._seed = seed
        self._share = share
        self._workers = default_workers() if workers is None else workers

    def batches(self, rows: int, epoch: int = 0) -> Iterator[Batch]:
        """Pass number `epoch`, as (n, c, h, w) uint8.

        Raises UserError naming channel, file and row of what cannot be used, and if there is nothing to train on.
        """
        loader = DataLoader(
            Preparer(self._preparation),
            batch_sampler=_Feed(self._tasks(epoch), rows),
            num_workers=self._workers,
            prefetch_factor=BATCHES_AHEAD if self._workers else None,
            collate_fn=_as_it_is,
            worker_init_fn=_end_with_parent,
            generator=torch.Generator(),
        )
        prepared = iter(loader)
        self.counts.begin_pass()
        self._waited_s, begun_s = 0.0, time.perf_counter()
        try:
            while (batch := self._next(prepared)) is not None:
                if batch.problem:
                    raise UserError(f"Channel {self._name}, {batch.problem}")
                self.counts.add(len(batch.labels_nl))
                yield Batch(batch.pixels_nhwc.permute(0, 3, 1, 2), batch.labels_nl)
        finally:
            self.counts.end_pass()
            taken_s = time.perf_counter() - begun_s
            self._log(
                f"Channel {self._name}: waited {100 * self._waited_s / taken_s:.1f} % of {taken_s:.1f} s for images."
            )
        self.counts.require_rows(self._name)

    def _next(self, prepared: Iterator[Prepared]) -> Prepared | None:
        begun_s = time.perf_counter()
        batch = next(prepared, None)
        self._waited_s += time.perf_counter() - begun_s
        return batch

    def _tasks(self, epoch: int) -> Iterator[Task]:
        rank, hosts = self._share
        records: Iterator[ImageRecord] = iter(self._records())
        if self._seed is not None:
            records = shuffled(records, np.random.default_rng((self._seed, epoch)))
        for number, record in enumerate(records):
            if number % hosts == rank:
                yield Task(record, (self._seed or 0, epoch, number))


class _Feed:
    """What DataLoader asks for the numbers of the next batch gives it the encoded records themselves."""

    def __init__(self, tasks: Iterator[Task], rows: int) -> None:
        self._tasks = tasks
        self._rows = rows

    def __iter__(self) -> Iterator[list[Task]]:
        while batch := list(itertools.islice(self._tasks, self._rows)):
            yield batch


def shuffled(
    records: Iterable[ImageRecord], rng: np.random.Generator, held_bytes: int = SHUFFLE_BYTES
) -> Iterator[ImageRecord]:
    """The records in another order: of those held, as many as fit into `held_bytes`, one by chance makes room for the next."""
    held: list[ImageRecord] = []
    size = 0
    for record in records:
        held.append(record)
        size += len(record.content)
        while size > held_bytes:
            drawn = _take(held, rng)
            size -= len(drawn.content)
            yield drawn
    while held:
        yield _take(held, rng)


def _take(held: list[ImageRecord], rng: np.random.Generator) -> ImageRecord:
    chosen = int(rng.integers(len(held)))
    held[chosen], held[-1] = held[-1], held[chosen]
    return held.pop()


def default_workers() -> int:
    """A process for each core, up to eight: they give way to the network when it computes."""
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


def _as_it_is(prepared: Any) -> Any:
    """`__getitems__` has made the batch already."""
    return prepared


def _end_with_parent(_worker: int) -> None:
    """A worker that waits to hand over a batch does not see that its parent was killed; this does."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
