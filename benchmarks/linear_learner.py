"""Compare linear learner with plain torch and scikit-learn: `python -m benchmarks.linear_learner`.

32 models beside one, beside plain torch loops and beside one SGDClassifier, on MNIST; rows of a million columns, with their memory
beside the formula; answers; a batch transform. Data is read from `../shared/data`. `linear_learner_quality` measures how good the
models are.

Axes: n rows · d features
"""

from __future__ import annotations

import io
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import torch
import typer
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.datasets import mnist
from benchmarks.report import Report, medians
from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner.algorithm import LinearLearner
from wildsage.algorithms.linear_learner.model import LinearModel
from wildsage.containers.codecs.records.files import write_numpy_to_dense_tensor
from wildsage.containers.contract import archive
from wildsage.containers.model_files import artifact
from wildsage.containers.serving.handler import Handler, HttpRequest
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.inputs.channels import InputFile
from wildsage.local_runner.jobs.hosting import instance
from wildsage.local_runner.jobs.hosting.instance import Instance
from wildsage.local_runner.jobs.logs import LogWriter
from wildsage.local_runner.jobs.transform.pipeline import MB, Pipeline, RequestPlan
from wildsage.local_runner.s3.store import ObjectStore

MODELS = 32
ROWS, BATCH_ROWS, PASSES = 50_000, 200, 15
MANY_COLUMNS, STORED_A_ROW, SPARSE_ROWS = 1_000_000, 20, 20_000
SERVED_ROWS = 5_000
SLOTS_OF_ADAM = 3
RECORDIO = "application/x-recordio-protobuf"
REGISTRY = "382416733822.dkr.ecr.us-east-1.amazonaws.com"
TRANSFORMED_ROWS, TRANSFORMED_COLUMNS = 100_000, (50, 784)
TRANSFORM = {
    "TransformInput": {"SplitType": "RecordIO", "ContentType": RECORDIO},
    "TransformOutput": {"S3OutputPath": "s3://bucket/out", "Accept": RECORDIO},
}
PLAN = RequestPlan(1, "MULTI_RECORD", 6 * MB)

SPEED_NOTES = f"""One thread, processor time, medians of rounds in which the contenders take turns. MNIST: its first {ROWS:,}
rows, 784 columns, digit 0 against the rest, batches of {BATCH_ROWS}. Ours reads, checks and scales every row in every pass.
A pass is the time of {PASSES} passes less that of one, divided by {PASSES - 1}: it leaves out the start (the scaler) and the
end (scoring all models, choosing one), which a whole job has. The second half of the passes refines the best of the {MODELS}
models, which one model does not. The plain torch loop is one nn.Linear, binary cross entropy by
autograd and torch.optim.Adam; its time is that of one loop, times {MODELS}. SGDClassifier learns with log_loss by
partial_fit. Both get rows that were scaled before. Sparse: {MANY_COLUMNS:,} columns, {STORED_A_ROW} of them stored in a row,
batches of 1000; the memory is what the process grew by at most, start and end included, beside what the README's formula
gives. Answers: one model, a binary classifier of 784 columns, from request to response through the handler. Batch transform:
{TRANSFORMED_ROWS:,} rows of one object, from the store through requests to a container of one process and back to the
store; the time is the processor's, of the local AWS and the container together."""


def rows_of(x_nd: NDArray[Any], labels_n: NDArray[Any]) -> Batch:
    """A batch of rows (n, d) with labels (n,), both as float32."""
    return Batch(torch.from_numpy(x_nd.astype(np.float32)), torch.from_numpy(labels_n.astype(np.float32))[:, None])


def fit(rows: Batch, **given: Any) -> LinearModel:
    """A whole training by Wildsage with these hyperparameters."""
    return LinearLearner(feature_dim=rows.width, **given).fit({"train": MemoryStream(rows)}, RunContext())


def zeros_of_mnist() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pixels (n, 784), and 1 for the digit 0."""
    pixels_nd, digits_n = mnist()
    return pixels_nd[:ROWS], (digits_n[:ROWS] == 0).astype(np.float32)


def classifier(rows: Batch, models: int, passes: int) -> Callable[[], LinearModel]:
    """A whole `fit` that neither stops early nor looks for a threshold."""
    return lambda: fit(
        rows, predictor_type="binary_classifier", mini_batch_size=BATCH_ROWS, epochs=passes, num_models=models,
        early_stopping_patience=passes + 1, binary_classifier_model_selection_criteria="loss_function",
    )  # fmt: skip


def plain_torch(x_nd: Tensor, labels_n: Tensor) -> None:
    """One pass of one model, as a textbook writes it."""
    model = nn.Linear(x_nd.shape[1], 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for x_batch, labels in zip(x_nd.split(BATCH_ROWS), labels_n.split(BATCH_ROWS), strict=True):
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(model(x_batch)[:, 0], labels).backward()
        optimizer.step()


def plain_sgd(x_nd: NDArray[np.float32], labels_n: NDArray[np.float32]) -> None:
    """One pass of scikit-learn's SGDClassifier."""
    model = SGDClassifier(loss="log_loss")
    for first in range(0, len(x_nd), BATCH_ROWS):
        model.partial_fit(x_nd[first : first + BATCH_ROWS], labels_n[first : first + BATCH_ROWS], classes=[0, 1])


def dense(rounds: int) -> Iterator[tuple[str, ...]]:
    """Rows of the speed table on MNIST."""
    pixels_nd, labels_n = zeros_of_mnist()
    rows = rows_of(pixels_nd, labels_n)
    deviation_d = pixels_nd.std(0)
    scaled_nd = (pixels_nd - pixels_nd.mean(0)) / np.where(deviation_d > 0, deviation_d, 1)
    tensors = torch.from_numpy(scaled_nd), torch.from_numpy(labels_n)
    work: dict[str, Callable[[], Any]] = {
        f"{models}, {passes}": classifier(rows, models, passes) for models in (1, MODELS) for passes in (1, PASSES)
    }
    work |= {"torch": lambda: plain_torch(*tensors), "sgd": lambda: plain_sgd(scaled_nd, labels_n)}
    taken = medians(work, rounds, time.process_time)
    one, many = (
        (taken[f"{models}, {PASSES}"] - taken[f"{models}, 1"]) / (PASSES - 1) for models in (1, MODELS)
    )  # fmt: skip
    whole = taken[f"{MODELS}, {PASSES}"], taken[f"1, {PASSES}"]
    yield _beside(f"MNIST, {MODELS} models, job of {PASSES} passes", whole[0], "Wildsage, one model", whole[1], "≤ 2")
    yield _beside(f"MNIST, {MODELS} models, one pass", many, "Wildsage, one model", one, "≤ 2")
    yield _beside(f"MNIST, {MODELS} models, one pass", many, "32 plain torch loops", MODELS * taken["torch"], "≤ 0.1")
    yield _beside(f"MNIST, {MODELS} models, one pass", many, "one SGDClassifier", taken["sgd"], "≤ 1")


def _beside(work: str, ours_s: float, other: str, other_s: float, wanted: str) -> tuple[str, ...]:
    return work, f"{1000 * ours_s:.1f} ms", other, f"{1000 * other_s:.1f} ms", f"{ours_s / other_s:.3g}", wanted


def sparse_rows(rows: int) -> Batch:
    """Rows with ones in random columns, one from each of `STORED_A_ROW` ranges, and labels that depend on them."""
    rng = np.random.default_rng(0)
    range_width = MANY_COLUMNS // STORED_A_ROW
    within_nk = np.minimum(rng.zipf(1.3, (rows, STORED_A_ROW)) - 1, range_width - 1)
    columns_nk = within_nk + np.arange(STORED_A_ROW) * range_width
    labels_n = rng.normal(size=MANY_COLUMNS)[columns_nk].sum(1) > 0
    starts_n1 = torch.arange(0, rows * STORED_A_ROW + 1, STORED_A_ROW)
    columns_z = torch.from_numpy(columns_nk.ravel())
    features = SparseRows(starts_n1, columns_z, torch.ones(len(columns_z)), MANY_COLUMNS)
    return Batch(features, torch.from_numpy(labels_n.astype(np.float32))[:, None])


def sparse() -> Iterator[tuple[str, ...]]:
    """Rows of the speed table with a million columns."""
    rows = sparse_rows(SPARSE_ROWS)
    given = {"predictor_type": "binary_classifier", "mini_batch_size": 1000, "early_stopping_patience": 10}
    for models in (1, MODELS):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        short, long = (partial(fit, rows, num_models=models, epochs=passes, **given) for passes in (1, 4))
        taken = medians({"1": short, "4": long}, 1, time.process_time)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        rate = 3 * SPARSE_ROWS / (taken["4"] - taken["1"])
        numbers = (SLOTS_OF_ADAM + 2) * MANY_COLUMNS * models + 21 * MANY_COLUMNS
        name, formula = f"{MANY_COLUMNS:,} sparse columns, models: {models}", f"{4 * numbers / 2**20:,.0f} MiB"
        yield name, f"{rate:,.0f} rows/s", "", "", "", ""
        yield name, f"{grown / 1024:,.0f} MiB", "the README's formula", formula, f"{grown / 4 / numbers * 1024:.3g}", ""


def answers(rounds: int) -> Iterator[tuple[str, ...]]:
    """Rows of the speed table for requests."""
    pixels_nd, labels_n = zeros_of_mnist()
    handler = Handler(classifier(rows_of(pixels_nd[:2000], labels_n[:2000]), 1, 1)(), LinearLearner.spec)
    one = HttpRequest(",".join(f"{value:.6g}" for value in pixels_nd[0]).encode(), "text/csv")
    taken = [_seconds(handler, one) for _ in range(500)]
    yield "answer to one row of CSV", f"p50 {1000 * statistics.median(taken):.2f} ms", "", "", "", "≤ 2 ms"
    body = io.BytesIO()
    write_numpy_to_dense_tensor(body, pixels_nd[:SERVED_ROWS])
    many = HttpRequest(body.getvalue(), RECORDIO, RECORDIO)
    seconds = statistics.median([_seconds(handler, many) for _ in range(5 * rounds)])
    rate = f"{SERVED_ROWS / seconds:,.0f} rows/s"
    yield f"answers to {SERVED_ROWS:,} rows of RecordIO", rate, "", "", "", "≥ 100,000 rows/s"


def transform(rounds: int) -> Iterator[tuple[str, ...]]:
    """Rows of the speed table for batch transforms: objects of a store, split into requests to a served container, and stored."""
    for columns in TRANSFORMED_COLUMNS:
        rate = statistics.median(_transformed(columns) for _ in range(rounds))
        yield f"batch transform of RecordIO, {columns} columns", f"{rate:,.0f} rows/s", "", "", "", "≥ 100,000 rows/s"


def _transformed(columns: int) -> float:
    """Rows per second of the processor time of everything: the pipeline here, and the container."""
    x_nd = np.random.default_rng(0).normal(size=(TRANSFORMED_ROWS, columns)).astype(np.float32)
    model = fit(rows_of(x_nd[:2000], x_nd[:2000, 0] > 0), predictor_type="binary_classifier", num_models=1, epochs=1)
    body = io.BytesIO()
    write_numpy_to_dense_tensor(body, x_nd)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        store = ObjectStore(folder / "s3")
        store.create_bucket("bucket")
        rows = InputFile("rows.pbr", store.put("bucket", "rows.pbr", [body.getvalue()]))
        with served(model, "linear-learner", folder, store, {"OMP_NUM_THREADS": "1"}) as machine:
            pipeline = Pipeline(TRANSFORM, PLAN, machine, store, store, threading.Event(), print, folder)
            pipeline.run([rows])  # the first requests load what later ones use
            began = processor_s()
            assert pipeline.run([rows]) == []
            return TRANSFORMED_ROWS / (processor_s() - began)


@contextmanager
def served(
    model: Model, image: str, folder: Path, store: ObjectStore, environment: Mapping[str, str]
) -> Iterator[Instance]:
    """An instance whose one container, a process with this environment, serves the model for requests of `store`'s objects."""
    (folder / "model").mkdir()
    artifact.save(model, folder / "model", "algo-1")
    archive.pack(folder / "model", folder / "model.tar.gz")
    store.put("bucket", "model.tar.gz", [(folder / "model.tar.gz").read_bytes()])
    container = {
        "Name": "one", "Image": f"{REGISTRY}/{image}:1", "ModelDataUrl": "s3://bucket/model.tar.gz", "Mode": "SingleModel",
        "Environment": environment,
    }  # fmt: skip
    backend = ProcessBackend((sys.executable, "-m", "wildsage.containers"))
    log = LogWriter(folder / "log")
    machine = instance.start("", [container], folder, backend, store, lambda name: log, {"AWS_REGION": "us-east-1"})
    try:
        machine.await_healthy()
        yield machine
    finally:
        machine.stop(1)


def processor_s() -> float:
    """Processor time of this process and of all that it started, in seconds."""
    live = psutil.Process().children(recursive=True)
    return sum(os.times()[:4]) + sum(sum(each.cpu_times()[:2]) for each in live)


def _seconds(handler: Handler, request: HttpRequest) -> float:
    began = time.process_time()
    answer = handler.invocations(request)
    taken = time.process_time() - began
    assert answer.status == 200, answer.body[:200]
    return taken


def main(
    rounds: Annotated[int, typer.Option(help="Rounds; the tables show medians.", min=1)] = 5,
    write: Annotated[bool, typer.Option(help="Write the dated reports.")] = True,
) -> None:
    """Measure, and print and write the reports. One thread, since other work disturbs it least."""
    torch.set_num_threads(1)
    threadpool_limits(1)
    command, packages = f"python -m benchmarks.linear_learner --rounds {rounds}", ("torch", "numpy", "scikit-learn")
    columns = ("work", "Wildsage", "beside", "it takes", "ratio", "wanted")
    rows = [*sparse(), *dense(rounds), *answers(rounds), *transform(rounds)]
    speeds = Report("linear_learner_speed", "Linear learner, time", command, columns, rows, SPEED_NOTES, packages)
    speeds.show()
    if write:
        speeds.write(date.today())


if __name__ == "__main__":
    typer.run(main)
