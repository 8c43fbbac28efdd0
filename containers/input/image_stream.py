"""A channel of images as a stream of batches, decoded and augmented by processes that work ahead of the network.

Records pass through a bounded shuffle, are distributed over the hosts, and go to the workers encoded and in order. The random
augmentation of an image depends only on the seed, the pass and the position in the pass. So the number of workers and the way
bytes arrive change nothing.

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
from wildsage.algorithms.base.images import PicturePreparation
from wildsage.containers.codecs.images import encoded
from wildsage.containers.codecs.images.image_recordio import ImageRecord
from wildsage.containers.input.row_stream import ReadCounts

SHUFFLE_BYTES = 64 << 20
"""Encoded images held for the shuffle. A smaller channel is shuffled completely."""

MOST_WORKERS = 8
BATCHES_AHEAD = 4  # mutants: equivalent: any number gives the same batches, in another time
"""Batches that each worker prepares ahead."""


@dataclass(frozen=True)
class DecodingTask:
    """A record for a worker, with the seed of its random augmentation."""

    record: ImageRecord
    seed: tuple[int, int, int]


@dataclass(frozen=True)
class PreparedBatch:
    """A batch from a worker. `problem` says why a record cannot be used; then there are no pixels."""

    pixels_nhwc: torch.Tensor
    labels_nl: torch.Tensor
    problem: str = ""


class BatchPreparer(Dataset):
    """Runs in the workers: decodes, augments and stacks the images of a batch."""

    def __init__(self, preparation: PicturePreparation) -> None:
        self._preparation = preparation

    def __getitems__(self, tasks: Sequence[DecodingTask]) -> PreparedBatch:
        pixels, labels = [], []
        for task in tasks:
            try:
                pixels.append(self._pixels(task))
                labels.append(self._preparation.labels(task.record.labels))
            except (ValueError, UserError) as error:
                return PreparedBatch(torch.empty(0), torch.empty(0), f"{task.record.place}: {error}.")
        return PreparedBatch(torch.from_numpy(np.stack(pixels)), torch.tensor(labels, dtype=torch.float32))

    def _pixels(self, task: DecodingTask) -> NDArray[np.uint8]:
        with encoded.decoded(task.record.content, self._preparation.mode) as picture:
            return self._preparation.pixels(picture, np.random.default_rng(task.seed))


class ImageStream:
    """A `Stream` over a channel. It holds `SHUFFLE_BYTES` of encoded images, and `BATCHES_AHEAD` batches for each worker.

    `records()` reads the channel once. `share` is the number of this host and the number of hosts, where all have the same
    records. After a pass, `log` receives the share of time that training waited for images.
    """

    def __init__(
        self,
        name: str,
        records: Callable[[], Iterable[ImageRecord]],
        preparation: PicturePreparation,
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
        """Yield pass number `epoch` in batches of (n, c, h, w) uint8, n at most `rows`.

        Raises UserError naming channel, file and row of an image that cannot be used, and where train has no images.
        """
        loader = DataLoader(
            BatchPreparer(self._preparation),
            batch_sampler=_TaskSampler(self._tasks(epoch), rows),
            num_workers=self._workers,
            prefetch_factor=BATCHES_AHEAD if self._workers else None,
            collate_fn=_unchanged,
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

    def _next(self, prepared: Iterator[PreparedBatch]) -> PreparedBatch | None:
        begun_s = time.perf_counter()
        batch = next(prepared, None)
        self._waited_s += time.perf_counter() - begun_s
        return batch

    def _tasks(self, epoch: int) -> Iterator[DecodingTask]:
        rank, hosts = self._share
        records: Iterator[ImageRecord] = iter(self._records())
        if self._seed is not None:
            records = shuffled(records, np.random.default_rng((self._seed, epoch)))
        for number, record in enumerate(records):
            if number % hosts == rank:
                yield DecodingTask(record, (self._seed or 0, epoch, number))


class _TaskSampler:
    """A batch sampler. Where DataLoader expects the indices of a batch, it yields the encoded records themselves."""

    def __init__(self, tasks: Iterator[DecodingTask], rows: int) -> None:
        self._tasks = tasks
        self._rows = rows

    def __iter__(self) -> Iterator[list[DecodingTask]]:
        while batch := list(itertools.islice(self._tasks, self._rows)):
            yield batch


def shuffled(
    records: Iterable[ImageRecord], rng: np.random.Generator, held_bytes: int = SHUFFLE_BYTES
) -> Iterator[ImageRecord]:
    """Shuffle records with bounded memory: hold as many as fit into `held_bytes`, and yield a random one to make room."""
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
    """One process per core, at most `MOST_WORKERS`."""
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


def _unchanged(prepared: Any) -> Any:
    """Collate nothing: `__getitems__` returns a whole batch."""
    return prepared


def _end_with_parent(_worker: int) -> None:
    """End the worker when its parent is killed. A worker that waits to hand over a batch would not notice."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
