"""SageMaker's own headline for k-means: 23 million rows of 400 columns, k = 500, from a pipe: `python -m benchmarks.headline`.

A process of its own makes the rows, a training container reads them from a FIFO, and its centers are judged by rows that it has
not seen. Beside it: MiniBatchKMeans on the same pipe, and scikit-learn's KMeans and faiss on as many rows as fit into memory.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from benchmarks import container_clocks
from benchmarks.datasets import Rows
from benchmarks.kmeans_scale import high_water_mb, piped_job, train_in
from benchmarks.report import Report
from wildsage import read_model
from wildsage.algorithms.kmeans import steps
from wildsage.containers.codecs.records import record_protobuf
from wildsage.containers.contract.paths import OptML

FEATURES, CLUSTERS, BATCH_ROWS, UNSEEN_ROWS, PASSES = 400, 500, 5_000, 200_000, 25
FULL, SHORT = (23_000_000, 4_000_000), (2_300_000, 400_000)
"""Rows of the pipe, and of the peers that hold theirs. Four million are 6.4 GB, which leaves a peer a fifth of 8 GB for itself."""

NOISE_NUMBERS = 1 << 24
TRAIN, PEERS, UNSEEN = range(3)
COLUMNS = ("what", "seconds", "of one core", "rows/s, or share", "peak memory", "loss on unseen rows")
NOTES = f"""A mixture of {CLUSTERS} unit Gaussians around standard normal centers in {FEATURES} columns: a row's squared distance to
its own center is {FEATURES} in the mean. Float32 records. Another process makes them on the same cores, from a table of
{NOISE_NUMBERS:,} random numbers that it reads from a random place for each {BATCH_ROWS:,} rows. "Of one core": seconds
of the processor. **Container**: from its start to its end, with its phases, of which "settle" is all that follows the last row.
**Peers**: each in a process of its own; making the rows is left out, and the memory is with the rows. MiniBatchKMeans learns
from {BATCH_ROWS:,} rows at a time (`partial_fit`), which it takes from the pipe without any check. KMeans has one start and at
most {PASSES} iterations, faiss has {PASSES} over all of its rows. **Loss**: mean squared distance of {UNSEEN_ROWS:,} further
rows to the nearest center."""


class Mixture:
    """Rows (n, d) of unit Gaussians around `CLUSTERS` standard normal centers, made faster than k-means reads them."""

    def __init__(self, seed: int) -> None:
        self._centers_kd = np.random.default_rng(0).standard_normal((CLUSTERS, FEATURES), dtype=np.float32)
        self._rng = np.random.default_rng(seed + 1)
        self._noise = self._rng.standard_normal(NOISE_NUMBERS, dtype=np.float32)

    def batches(self, rows: int) -> Iterator[Rows]:
        """The rows in batches, each of which overwrites the one before."""
        batch_nd = np.empty((BATCH_ROWS, FEATURES), np.float32)
        for _ in range(rows // BATCH_ROWS):
            first = self._rng.integers(NOISE_NUMBERS - batch_nd.size)
            np.take(self._centers_kd, self._rng.integers(0, CLUSTERS, BATCH_ROWS), axis=0, out=batch_nd, mode="clip")
            batch_nd += self._noise[first : first + batch_nd.size].reshape(batch_nd.shape)
            yield batch_nd

    def rows(self, count: int) -> Rows:
        """All rows at once."""
        x_nd = np.empty((count, FEATURES), np.float32)
        for number, batch_nd in enumerate(self.batches(count)):
            x_nd[number * BATCH_ROWS : (number + 1) * BATCH_ROWS] = batch_nd
        return x_nd


def feed(fifo: Path, rows: int) -> float:
    """Write the rows as records. Returns the seconds of the processor that this took."""
    mixture, before = Mixture(TRAIN), time.process_time()
    records = np.frombuffer(record_protobuf.encode_rows(np.zeros((BATCH_ROWS, FEATURES), np.float32)), np.uint8).copy()
    frames_nb = records.reshape(BATCH_ROWS, -1)
    first, stop = values_of(frames_nb.shape[1])
    with fifo.open("wb", buffering=0) as sink:
        for batch_nd in mixture.batches(rows):
            frames_nb[:, first:stop] = batch_nd.view(np.uint8)
            left = memoryview(records)
            while left:
                left = left[sink.write(left) :]
    return time.process_time() - before


def values_of(frame_bytes: int) -> tuple[int, int]:
    """Where the numbers of a record begin and stop in its frame. They come last, but for padding."""
    one = bytes(record_protobuf.encode_rows(np.full((1, FEATURES), np.pi, np.float32)))
    numbers = np.full(FEATURES, np.pi, np.float32).tobytes()
    first = one.index(numbers)
    assert len(one) == frame_bytes
    return first, first + len(numbers)


@dataclass(frozen=True)
class Measured:
    """Centers (k, d) and what they took: seconds by the clock, seconds of one core, peak memory in MB."""

    centers_kd: NDArray[np.float32]
    seconds: float
    core_seconds: float
    peak_mb: float


def container(folder: Path) -> tuple[Measured, dict[str, list[float]], str]:
    """Train in a container on what another process writes into its FIFO. Also returns the seconds of each phase, and the log."""
    clocks, log = folder / "clocks.json", folder / "log"
    began, before = time.perf_counter(), children_s()
    with log.open("w") as written:
        command = [sys.executable, "-m", "benchmarks.container_clocks", "train"]
        peak_mb = train_in(folder, command, written, **{container_clocks.VARIABLE: str(clocks)})
    seconds, core_seconds = time.perf_counter() - began, children_s() - before
    centers_kd = read_model(OptML(folder).model).arrays["centers"]
    return Measured(centers_kd, seconds, core_seconds, peak_mb), json.loads(clocks.read_text()), log.read_text()


def children_s() -> float:
    """Seconds of the processor that the ended children of this process have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(fit: Callable[[], NDArray]) -> Measured:
    """Run `fit`, which returns centers, in this process."""
    began, before = time.perf_counter(), time.process_time()
    centers_kd = np.ascontiguousarray(fit(), np.float32)
    return Measured(centers_kd, time.perf_counter() - began, time.process_time() - before, high_water_mb(os.getpid()))


def mini_batch(fifo: Path) -> Measured:
    """scikit-learn's MiniBatchKMeans, one update for each batch of the pipe."""
    from sklearn.cluster import MiniBatchKMeans

    peer = MiniBatchKMeans(CLUSTERS, batch_size=BATCH_ROWS, n_init=1, random_state=0)
    frame_bytes = len(record_protobuf.encode_rows(np.zeros((1, FEATURES), np.float32)))
    first, stop = values_of(frame_bytes)

    def fit() -> NDArray:
        with fifo.open("rb") as source:
            while batch := source.read(frame_bytes * BATCH_ROWS):
                frames_nb = np.frombuffer(batch, np.uint8).reshape(-1, frame_bytes)
                peer.partial_fit(np.ascontiguousarray(frames_nb[:, first:stop]).view(np.float32))
        return peer.cluster_centers_

    return measured(fit)


def scikit_learn(rows: int) -> Measured:
    """scikit-learn's KMeans on rows in memory."""
    from sklearn.cluster import KMeans

    x_nd = Mixture(PEERS).rows(rows)
    peer = KMeans(CLUSTERS, n_init=1, max_iter=PASSES, random_state=0, copy_x=False)
    return measured(lambda: peer.fit(x_nd).cluster_centers_)


def faiss_kmeans(rows: int) -> Measured:
    """faiss's k-means on rows in memory, all of them in each pass."""
    import faiss

    x_nd = Mixture(PEERS).rows(rows)
    peer = faiss.Kmeans(FEATURES, CLUSTERS, niter=PASSES, seed=1, max_points_per_centroid=rows)

    def fit() -> NDArray:
        peer.train(x_nd)
        return peer.centroids

    return measured(fit)


def alone(work: Callable[..., Measured], *given: object) -> Measured:
    """Run a peer in a process of its own."""
    with processes() as pool:
        return pool.submit(work, *given).result()


def processes() -> ProcessPoolExecutor:
    """One process, started afresh, so that its memory is its own."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def piped(rows: int) -> list[tuple[str, ...]]:
    """Rows of the table for the container and its phases, and for the process that feeds it."""
    with tempfile.TemporaryDirectory() as folder, processes() as pool:
        fed: Future[float] = pool.submit(feed, piped_job(Path(folder), k=CLUSTERS, feature_dim=FEATURES), rows)
        ours, phases, log = container(Path(folder))
        feeding_s = fed.result()
    lines = [line(f"container, {rows:,} rows", ours, rows)]
    whole = [ours.seconds, ours.core_seconds]
    phases["start and end"] = [
        total - sum(each) for total, each in zip(whole, zip(*phases.values(), strict=True), strict=True)
    ]
    for name, (elapsed, core) in phases.items():
        lines.append((f"· {name}", f"{elapsed:.1f}", f"{core:.1f}", f"{elapsed / ours.seconds:.1%}", "", ""))
    lines.append(("making the rows", "", f"{feeding_s:.1f}", f"{rows / feeding_s:,.0f} rows/s", "", ""))
    lines += [(found, "", "", "", "", "") for found in re.findall(r"Nearest centers: .*", log)]
    return lines


def line(name: str, of: Measured, rows: int) -> tuple[str, ...]:
    """A row of the table, with the loss of the centers."""
    rate = f"{rows / of.seconds:,.0f} rows/s"
    return (
        name,
        f"{of.seconds:.1f}",
        f"{of.core_seconds:.1f}",
        rate,
        f"{of.peak_mb:.0f} MB",
        f"{loss(of.centers_kd):.3f}",
    )


def loss(centers_kd: NDArray[np.float32]) -> float:
    """Mean squared distance to the nearest center, of rows that nobody has trained on."""
    parts = [
        steps.mean_cost(torch.from_numpy(batch_nd), torch.from_numpy(centers_kd))
        for batch_nd in Mixture(UNSEEN).batches(UNSEEN_ROWS)
    ]
    return float(np.mean(parts))


def peers(piped_rows: int, held_rows: int) -> list[tuple[str, ...]]:
    """Rows of the table for each peer."""
    with tempfile.TemporaryDirectory() as folder, processes() as pool:
        fifo = Path(folder) / "rows"
        os.mkfifo(fifo)
        fed = pool.submit(feed, fifo, piped_rows)
        lines = [line(f"MiniBatchKMeans, {piped_rows:,} rows", alone(mini_batch, fifo), piped_rows)]
        fed.result()
    lines.append(line(f"faiss, {held_rows:,} rows", alone(faiss_kmeans, held_rows), held_rows * PASSES))
    lines.append(line(f"scikit-learn KMeans, {held_rows:,} rows", alone(scikit_learn, held_rows), held_rows))
    return lines


def main(
    short: Annotated[bool, typer.Option(help="A tenth of the rows.")] = False,
    beside: Annotated[bool, typer.Option("--peers/--no-peers", help="Measure the peers, too.")] = True,
    write: Annotated[bool, typer.Option(help="Write the report to benchmarks/results.")] = True,
) -> None:
    """Measure, and show the table."""
    piped_rows, held_rows = SHORT if short else FULL
    lines = piped(piped_rows)
    if beside:
        lines += peers(piped_rows, held_rows)
    flags = " --short" * short + " --no-peers" * (not beside)
    report = Report(
        "headline_short" if short else "headline", "K-means on 23 million rows of 400 columns, k = 500",
        f"python -m benchmarks.headline{flags}", COLUMNS, lines, NOTES, ("torch", "numpy", "scikit-learn", "faiss-cpu"),
    )  # fmt: skip
    report.show()
    if write:
        print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
