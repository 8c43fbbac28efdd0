"""The largest jobs of PCA, kNN and batch transform that fit in 1 GB and ten minutes on two cores, and how near they come to the
machine's limit: `python -m benchmarks.limits`.

PCA: a training container reads RecordIO files and multiplies. kNN: the same container builds an index, whose handler then answers
queries. Batch transform: objects of a store are split into requests to a served container, and the answers are stored, from CSV and
from RecordIO. In the same run the machine does the bare work: the product of the same shape, and a read of the same bytes.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from math import ceil
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import torch
import typer
from torch import Tensor

from benchmarks.datasets import Rows, mixture
from benchmarks.kmeans_scale import RECORDIO, high_water_mb, train_in, write_job
from benchmarks.linear_learner import processor_s, served
from benchmarks.report import Report
from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch, MemoryStream, rebatch
from wildsage.algorithms.base.parallel import ENTRIES_LOW, over_parts, over_rows
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.knn.algorithm import KNN
from wildsage.algorithms.pca import moments
from wildsage.algorithms.pca.algorithm import SKETCH_WIDTH
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.codecs.records import record_protobuf
from wildsage.containers.contract.paths import OptML
from wildsage.containers.input.sources import CHUNK_BYTES
from wildsage.containers.model_files import artifact
from wildsage.containers.serving import payloads
from wildsage.containers.serving.handler import Handler, HttpRequest
from wildsage.local_runner.inputs.channels import InputFile
from wildsage.local_runner.jobs.transform.pipeline import Pipeline, RequestPlan
from wildsage.local_runner.s3.store import ObjectStore

CPU = torch.device("cpu")
CSV = "text/csv"
ANSWERS = {CSV: "application/jsonlines", RECORDIO: RECORDIO}
LIMIT_S, SHORT_S, LIMIT_MB = 600, 30, 1000
PCA_COLUMNS, FILE_ROWS, COMPONENTS = 3000, 5000, 50
SKETCH_COLUMNS = 2 * SKETCH_WIDTH * COMPONENTS
KNN_ROWS, KNN_COLUMNS, NEIGHBOURS, QUERIES = 500_000, 128, 10, 500
TRANSFORMED_COLUMNS, CLUSTERS, INDEXED_ROWS = 50, 10, 10_000
OBJECT_ROWS = 100_000
PRODUCT_OPERATIONS = 10**10
COLUMNS = (
    "job", "rows in ten minutes", "start and end", "rows/s", "processor, a row", "peak memory", "the machine's limit",
    "share of it", "share by processor time", "phases, shares of processor time",
)  # fmt: skip
NOTES = f"""Rows in ten minutes: "measured" where the job ran that long, otherwise extrapolated from a shorter one, without
the seconds of its start and end. Two threads on two cores. Shares: the bare work's time over the job's, by the clock and by
processor seconds, which other programs on the machine disturb less. Phases were measured apart, on one thread and on one
file or request; "other" is the rest of the job's processor time. **PCA**: a training container in File mode,
{PCA_COLUMNS:,} columns, about the most whose scatter matrix and eigenvectors fit in {LIMIT_MB:,} MB, and {COMPONENTS}
components; its files are hard links to one of {FILE_ROWS:,} rows, so that the disk is its cache. The limit of regular mode is
half of the float64 product of the same blocks with themselves, because a scatter matrix is symmetric; that of randomized mode
is both of its products. **kNN**: the container indexes the rows (faiss.Flat), which is the peak of memory; a handler of its
model then answers RecordIO requests of {QUERIES} queries for {NEIGHBOURS} neighbours. The limit is the float32 product of
queries and rows. **Batch transform**: k-means with {CLUSTERS} centers, and kNN with {INDEXED_ROWS:,} rows,
{TRANSFORMED_COLUMNS} columns; an object of {OBJECT_ROWS:,} rows, again and again, from the store through requests of 6 MB, as
many at a time as the container proposes, and back. Memory is that of the container's processes together. Client is the local
AWS, which splits the objects, sends the requests and stores the answers; other is HTTP in the container. The limit is the
slower one of a read of the same bytes (from the disk's cache) and the product of rows and centers or indexed rows."""


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and processor seconds of this process and of those that it started."""

    seconds: float
    processor_s: float

    def __mul__(self, times: float) -> Spent:
        return Spent(self.seconds * times, self.processor_s * times)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.seconds - other.seconds, self.processor_s - other.processor_s)


@dataclass(frozen=True)
class Measured:
    """One line of the table: `rows` took `spent`, without `fixed_s` seconds that do not grow with the rows. The machine needs
    `least` for the bare work, which is of the kind `bare`. `phases` are shares of the processor time."""

    job: str
    rows: int
    spent: Spent
    fixed_s: float
    peak_mb: float
    bare: str
    least: Spent
    phases: Mapping[str, float]

    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        rate = self.rows / self.spent.seconds
        how = "measured" if self.spent.seconds > 0.8 * LIMIT_S else "extrapolated"
        return (
            self.job,
            f"{rate * (LIMIT_S - self.fixed_s):,.0f}, {how}",
            f"{self.fixed_s:.1f} s",
            f"{rate:,.0f}",
            f"{1e6 * self.spent.processor_s / self.rows:.3g} µs",
            f"{self.peak_mb:,.0f} MB",
            f"{self.bare}: {self.rows / self.least.seconds:,.0f} rows/s",
            f"{self.least.seconds / self.spent.seconds:.0%}",
            f"{self.least.processor_s / self.spent.processor_s:.0%}",
            ", ".join(f"{name} {share:.0%}" for name, share in self.phases.items()),
        )


def clocked(work: Callable[[], object]) -> Spent:
    """What the work takes."""
    began, began_processor = time.perf_counter(), processor_s()
    work()
    return Spent(time.perf_counter() - began, processor_s() - began_processor)


def train(
    folder: Path, algorithm: str, hyperparameters: Mapping[str, object], rows: bytes, files: int
) -> tuple[Spent, float]:
    """Time and peak memory in MB of a training container that reads as many hard links to one RecordIO file."""
    channel = write_job(folder, "File", hyperparameters).data / "train"
    channel.mkdir()
    first = channel / "rows-0"
    first.write_bytes(rows)
    for number in range(1, files):
        os.link(first, channel / f"rows-{number}")
    command = [sys.executable, "-m", "wildsage.containers", "train"]
    began, began_processor = time.perf_counter(), processor_s()
    peak_mb = train_in(folder, command, WILDSAGE_ALGORITHM=algorithm)
    return Spent(time.perf_counter() - began, processor_s() - began_processor), peak_mb


Parts = Mapping[str, Callable[[], object]]


def shares(parts: Parts, whole_s: float, known: Mapping[str, float]) -> dict[str, float]:
    """The share of `whole_s` processor seconds that each part takes on one thread, beside the `known` ones, and the rest."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = {**known, **{name: least(work).processor_s / whole_s for name, work in parts.items()}}
    torch.set_num_threads(threads)
    return {**found, "other": max(0.0, 1 - sum(found.values()))}


def pca(seconds: float) -> Iterator[Measured]:
    """PCA in both modes for about so long, and the products of the same blocks for a moment, of which each core has some."""
    x = np.random.default_rng(0).standard_normal((FILE_ROWS, PCA_COLUMNS), dtype=np.float32)
    blocks = torch.from_numpy(x).double().split(FILE_ROWS // 2)
    half = least(lambda: over_parts(blocks, ENTRIES_LOW, CPU, lambda block: block.T @ block)) * 0.5
    yield pca_job("regular", seconds, x, half, None)
    test_dl = moments.test_matrix(PCA_COLUMNS, SKETCH_COLUMNS, torch.Generator())
    both = least(lambda: over_parts(blocks, ENTRIES_LOW, CPU, lambda block: block.T @ (block @ test_dl)))
    yield pca_job("randomized", seconds, x, both, test_dl)


def pca_job(mode: str, seconds: float, x: Rows, product: Spent, test_dl: Tensor | None) -> Measured:
    """A job of as many files of rows `x` as take about so long, less one of a single file. `product` is the least for a file."""
    body = bytes(record_protobuf.encode_rows(x))
    hyperparameters = {
        "feature_dim": PCA_COLUMNS, "num_components": COMPONENTS, "mini_batch_size": FILE_ROWS, "algorithm_mode": mode,
    }  # fmt: skip

    def job(files: int) -> tuple[Spent, float]:
        with tempfile.TemporaryDirectory() as folder:
            return train(Path(folder), "pca", hyperparameters, body, files)

    fixed = job(1)[0]
    files = 1 + max(2, int((seconds - fixed.seconds) / (2 * product.seconds)))
    spent, peak_mb = job(files)
    more, rest = files - 1, spent - fixed
    phases = shares(pca_parts(x, body, test_dl), rest.processor_s / more, {})
    name = f"PCA, {mode}, {PCA_COLUMNS:,} columns"
    return Measured(name, more * FILE_ROWS, rest, fixed.seconds, peak_mb, "product", product * more, phases)


def pca_parts(x: Rows, body: bytes, test_dl: Tensor | None) -> Parts:
    """What PCA does with one file."""
    pieces = [body[first : first + CHUNK_BYTES] for first in range(0, len(body), CHUNK_BYTES)]
    rows = torch.from_numpy(x).split(FILE_ROWS // 2)
    seen, centered_nd = moments.Moments.none(PCA_COLUMNS, test_dl), rows[0].double()

    def multiply() -> None:
        for _ in rows:
            if test_dl is None:
                moments.add_gram(seen.scatter_dl, centered_nd)
            else:
                moments.add_sketch(seen.scatter_dl, centered_nd, test_dl)

    return {
        "reading": lambda: list(rebatch(record_protobuf.decode(pieces), FILE_ROWS)),
        "centering": lambda: [moments.center(part, centered_nd) for part in rows],
        "product": multiply,
    }


def least(work: Callable[[], object]) -> Spent:
    """The least time of the work in three attempts."""
    return min((clocked(work) for _ in range(3)), key=lambda spent: spent.processor_s)


def knn(seconds: float) -> Iterator[Measured]:
    """An index as large as fits, then queries for about so long."""
    x = mixture(KNN_ROWS + QUERIES, KNN_COLUMNS, 100)[0]
    hyperparameters = {
        "k": NEIGHBOURS, "feature_dim": KNN_COLUMNS, "predictor_type": "classifier", "sample_size": KNN_ROWS,
    }  # fmt: skip
    indexed = record_protobuf.encode_rows(x[:KNN_ROWS], np.arange(KNN_ROWS, dtype=np.float32) % 10)
    with tempfile.TemporaryDirectory() as made:
        fixed, peak_mb = train(Path(made), "knn", hyperparameters, bytes(indexed), 1)
        handler = Handler(artifact.load(OptML(Path(made)).model)[1], KNN.spec, batch=True)
        request = HttpRequest(bytes(record_protobuf.encode_rows(x[KNN_ROWS:])), RECORDIO, RECORDIO)
        handler.invocations(request)
        requests = max(2, int(seconds / clocked(lambda: handler.invocations(request)).seconds))
        spent = clocked(lambda: [handler.invocations(request) for _ in range(requests)])
    bare = product(QUERIES, KNN_ROWS, KNN_COLUMNS) * requests
    name = f"kNN, {KNN_ROWS:,} × {KNN_COLUMNS} rows, queries"
    phases = shares(answer_parts(handler, request), spent.processor_s / requests, {})
    yield Measured(name, requests * QUERIES, spent, fixed.seconds, peak_mb, "product", bare, phases)


def answer_parts(handler: Handler, request: HttpRequest) -> Parts:
    """What a handler does with a request."""
    codec, model = payloads.find(handler.spec.data), handler.model
    media_type, accept = MediaType.parse(request.content_type or ""), MediaType.parse(request.accept or "")
    rows = codec.decode(media_type, request.body, model, lone_records=True)
    columns = model.predict(rows)
    return {
        "reading": lambda: codec.decode(media_type, request.body, model, lone_records=True),
        "predicting": lambda: model.predict(rows),
        "writing": lambda: codec.encode(accept, columns, handler.spec.response),
    }


def product(rows: int, others: int, columns: int) -> Spent:
    """The time of the float32 product of so many rows with so many others, from a part of them, or from several if it is short.

    Each core multiplies rows of its own: threads that share one product spin while they wait for each other.
    """
    block, part = min(rows, 250), min(others, 2_000)
    turns = max(rows // block, ceil(PRODUCT_OPERATIONS / (block * part * columns)))
    left, right = torch.randn(block, columns), torch.randn(columns, part)

    def multiply(mine: slice) -> None:
        room = torch.empty(block, part)
        for _ in range(mine.stop - mine.start):
            torch.mm(left, right, out=room)

    spent = least(lambda: over_rows(turns, ENTRIES_LOW, CPU, multiply))
    return spent * (rows / (turns * block) * (others / part))


def transforms(seconds: float) -> Iterator[Measured]:
    """Batch transforms with k-means and kNN, from CSV and from RecordIO, each for about so long."""
    x, label = mixture(OBJECT_ROWS, TRANSFORMED_COLUMNS, CLUSTERS)
    kmeans = KMeans(k=CLUSTERS, feature_dim=TRANSFORMED_COLUMNS)
    knn = KNN(k=NEIGHBOURS, feature_dim=TRANSFORMED_COLUMNS, predictor_type="classifier", sample_size=INDEXED_ROWS)
    labelled = Batch(torch.from_numpy(x), torch.from_numpy(label.astype(np.float32))[:, None])[:INDEXED_ROWS]
    bodies = {CSV: csv(x), RECORDIO: bytes(record_protobuf.encode_rows(x))}
    for name, algorithm, others in (("k-means", kmeans, CLUSTERS), ("kNN", knn, INDEXED_ROWS)):
        model = algorithm.fit({"train": MemoryStream(labelled)}, RunContext())
        for content_type, body in bodies.items():
            with tempfile.TemporaryDirectory() as folder:
                job = _transformed(model, algorithm.spec.image, content_type, body, seconds, Path(folder))
                (Path(folder) / "bare").write_bytes(body)
                read = least((Path(folder) / "bare").read_bytes)
            bare = {"product": product(OBJECT_ROWS, others, TRANSFORMED_COLUMNS), "read": read}
            slowest = max(bare, key=lambda kind: bare[kind].seconds)
            request = HttpRequest(body, content_type, ANSWERS[content_type])
            parts = answer_parts(Handler(model, algorithm.spec, batch=True), request)
            phases = shares(parts, job.spent.processor_s / job.times, {"client": job.client_s / job.spent.processor_s})
            what, rows = f"batch transform, {name}, {content_type}", job.times * OBJECT_ROWS
            yield Measured(what, rows, job.spent, 0, job.peak_mb, slowest, bare[slowest] * job.times, phases)


def csv(x: Rows) -> bytes:
    """Rows (n, d) as text, six digits a number."""
    return "".join(",".join(f"{number:.6g}" for number in row) + "\n" for row in x.tolist()).encode()


@dataclass(frozen=True)
class Transformed:
    """So many transforms of one object: the time, `client_s` processor seconds of this process in it, and the peak memory in MB
    of the container's processes together."""

    times: int
    spent: Spent
    client_s: float
    peak_mb: float


def _transformed(model: Model, image: str, content_type: str, body: bytes, seconds: float, folder: Path) -> Transformed:
    """Transforms of one object for about so long."""
    split, accept = "Line" if content_type == CSV else "RecordIO", ANSWERS[content_type]
    job = {
        "TransformInput": {"SplitType": split, "ContentType": content_type},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out", "Accept": accept},
    }
    store = ObjectStore(folder / "s3")
    store.create_bucket("bucket")
    stored = InputFile("rows", store.put("bucket", "rows", [body]))
    with served(model, image, folder, store, {}) as machine:
        proposed = json.loads(machine.containers[0].request("GET", "/execution-parameters").data)
        plan = RequestPlan.from_job(job, proposed)
        pipeline = Pipeline(job, plan, machine, store, store, threading.Event(), print, folder)
        pipeline.run([stored])  # the first requests load what later ones use
        times = max(1, int(seconds / clocked(lambda: pipeline.run([stored])).seconds))
        began_s = time.process_time()
        spent = clocked(lambda: pipeline.run([stored] * times))
        client_s = time.process_time() - began_s
        peak_mb = sum(high_water_mb(child.pid) for child in psutil.Process().children(recursive=True))
    return Transformed(times, spent, client_s, peak_mb)


WORKS = {"pca": pca, "knn": knn, "transform": transforms}


def main(
    only: Annotated[str, typer.Option(help="Of pca, knn and transform, some, separated by commas.")] = "",
    full: Annotated[bool, typer.Option(help="Run each job for ten minutes, in place of half a minute.")] = False,
    write: Annotated[bool, typer.Option(help="Write the dated report.")] = True,
) -> None:
    """Measure, print the table, and with --write keep it in benchmarks/results. The short form takes about seven minutes."""
    seconds = LIMIT_S if full else SHORT_S
    rows = []
    for name in only.split(",") if only else WORKS:
        print(f"{name} …", flush=True)
        rows += [measured.cells() for measured in WORKS[name](seconds)]
    report = Report(
        "limits", "The largest jobs in 1 GB and ten minutes, beside the machine's limit",
        f"python -m benchmarks.limits{' --full' * full}", COLUMNS, rows, NOTES, ("torch", "numpy", "faiss-cpu"),
    )  # fmt: skip
    report.show()
    if write:
        print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
