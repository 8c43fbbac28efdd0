"""Compare kNN with faiss and scikit-learn: `python -m benchmarks.knn`.

Speed: the real server, with one worker on one core and its caller on another, beside faiss alone with one thread on one core. Both
search the same 60,000 rows of 784 columns for k = 10. Quality: accuracy beside scikit-learn's brute force on the same split.
"""

from __future__ import annotations

import gzip
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import faiss
import numpy as np
import pandas
import torch
import typer
import urllib3
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.datasets import SHARED, Rows, mixture, mnist
from benchmarks.report import Report, medians
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.algorithm import KNN
from wildsage.algorithms.knn.model import KNNModel
from wildsage.containers.codecs.records import record_protobuf
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact

ROOT = Path(__file__).resolve().parents[1]
NEIGHBOURS, BATCH_ROWS, ONE_ROW_ROUNDS = 10, 500, 200
CSV, RECORDIO = "text/csv", "application/x-recordio-protobuf"
COLUMNS = ("what", "ours", "beside it", "ours over that")
Row = tuple[str, ...]


def fit(x: Rows, y: np.ndarray, **settings: object) -> KNNModel:
    """A model of all rows (n, d) with labels (n,), by Wildsage."""
    settings = {"k": NEIGHBOURS, "predictor_type": "classifier", "sample_size": len(x), **settings}
    labels = torch.from_numpy(y.astype(np.float32))[:, None]
    return KNN(**settings).fit({"train": MemoryStream(Batch(torch.from_numpy(x), labels))}, RunContext())


@contextmanager
def serving(folder: Path, core: int) -> Iterator[Callable[[bytes, str], bytes]]:
    """Run the real server on one core, where it has one worker; yield a function that sends it a request."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    ours = {"SAGEMAKER_DATA_PATH": str(folder), "SAGEMAKER_BIND_TO_PORT": str(port), "PYTHONPATH": str(ROOT)}
    command = ["taskset", "-c", str(core), sys.executable, "-m", "wildsage.containers", "serve"]
    process = subprocess.Popen(command, env=os.environ | ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    http = urllib3.PoolManager(timeout=120)
    url = f"http://127.0.0.1:{port}"

    def ask(body: bytes, content_type: str) -> bytes:
        answer = http.request("POST", f"{url}/invocations", body=body, headers={"Content-Type": content_type})
        assert answer.status == 200, answer.data
        return answer.data

    try:
        http.request("GET", f"{url}/ping", retries=urllib3.Retry(60, backoff_factor=0.5, backoff_max=1))
        yield ask
    finally:
        process.terminate()
        process.wait(timeout=60)


def body(rows: Rows, content_type: str) -> bytes:
    """A request of rows (n, d) in that content type."""
    if content_type == RECORDIO:
        return bytes(record_protobuf.encode_rows(rows))
    return "\n".join(",".join(f"{number:g}" for number in row) for row in rows).encode()


def in_turn(work: Callable[[Any], object], parts: list) -> Callable[[], object]:
    """Run the work on another part at every call, so that the rows it touches are not in the cache yet."""
    following = itertools.cycle(parts)
    return lambda: work(next(following))


def on_core(core: int, work: Callable[[], object]) -> Callable[[], object]:
    """Run the same work with this process on one core."""

    def pinned() -> object:
        os.sched_setaffinity(0, {core})
        return work()

    return pinned


def speeds(x: Rows, y: np.ndarray, queries: Rows, rounds: int) -> list[Row]:
    """Measure requests of 500 rows and of one row, by the server and by faiss alone.

    With 500 rows the contenders take turns. With one row each contender sends all its requests in sequence, as a client does:
    faiss reads the whole index and would leave a cold cache behind for the next contender.
    """
    server_core, caller_core = sorted(os.sched_getaffinity(0))[:2]
    model = fit(x, y)
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        artifact.save(model, OptML(Path(folder)).model, "algo-1")
        with serving(Path(folder), server_core) as ask:
            for count in (BATCH_ROWS, 1):
                works = contenders(model, ask, queries, count, (server_core, caller_core))
                for work in works.values():
                    work()
                if count == 1:
                    seconds = {name: medians({name: work}, ONE_ROW_ROUNDS)[name] for name, work in works.items()}
                else:
                    seconds = medians(works, rounds)
                rows += [_speed(count, kind, seconds[kind], seconds["faiss"]) for kind in (CSV, RECORDIO, "library")]
    return rows


def contenders(
    model: KNNModel, ask: Callable[[bytes, str], bytes], queries: Rows, count: int, cores: tuple[int, int]
) -> dict[str, Callable[[], object]]:
    """The contenders for requests of `count` rows. The first of `cores` computes, the second sends."""
    parts = [queries[first : first + count] for first in range(0, BATCH_ROWS, count)]
    batches = [Batch(torch.from_numpy(part)) for part in parts]
    served = {
        kind: on_core(cores[1], in_turn(partial(ask, content_type=kind), [body(part, kind) for part in parts]))
        for kind in (CSV, RECORDIO)
    }
    return {
        "faiss": on_core(cores[0], in_turn(lambda part: model.index.search(part, NEIGHBOURS), parts)),
        **served,
        "library": on_core(cores[0], in_turn(model.predict, batches)),
    }


def _speed(count: int, kind: str, seconds: float, faiss_s: float) -> Row:
    how = "in process" if kind == "library" else f"served, {kind}"
    if count == 1:
        return (
            f"one row, {how}",
            f"{1000 * seconds:.2f} ms",
            f"faiss {1000 * faiss_s:.2f} ms",
            f"{seconds / faiss_s:.2f}",
        )
    per_second = f"{count / seconds:.0f} queries/s"
    return (f"{count} rows, {how}", per_second, f"faiss {count / faiss_s:.0f}", f"{faiss_s / seconds:.2f}")


def digits() -> tuple[Rows, np.ndarray, Rows]:
    """MNIST's training images, and 500 of its test images as queries."""
    content = gzip.decompress((SHARED / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    asked = np.frombuffer(content, np.uint8, offset=16, count=BATCH_ROWS * 784).reshape(-1, 784)
    return *mnist(), asked.astype(np.float32) / 255


def made() -> tuple[Rows, np.ndarray, Rows]:
    """Generated rows (60000, 784) with labels, and the rows of one request."""
    x, y = mixture(60_000 + BATCH_ROWS, 784, 10)
    return x[:60_000], y[:60_000], x[60_000:]


def accuracies() -> list[Row]:
    """Accuracies on forest cover types, with nine tenths to learn from, and on MNIST reduced to a quarter of its columns."""
    table = pandas.read_csv(SHARED / "tabular" / "covtype" / "covtype-92962.data.gz", header=None).to_numpy(np.float32)
    table = table[np.random.default_rng(0).permutation(len(table))]
    cut = 9 * len(table) // 10
    train, test = table[:cut], table[cut:]
    peer = KNeighborsClassifier(NEIGHBOURS, algorithm="brute").fit(train[:, :-1].astype(np.float64), train[:, -1])
    judged = float((peer.predict(test[:, :-1].astype(np.float64)) == test[:, -1]).mean())
    kinds = {"faiss.Flat": {}, "faiss.IVFFlat": {"index_type": "faiss.IVFFlat"}}
    kinds |= {f"faiss.IVFPQ, pq_m {m}": {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": m} for m in (8, 16)}
    rows = []
    for name, settings in kinds.items():
        ours = accuracy(fit(np.ascontiguousarray(train[:, :-1]), train[:, -1], **settings), test[:, :-1], test[:, -1])
        rows.append((f"covtype, k=10, {name}", f"{ours:.4f}", f"scikit-learn {judged:.4f}", f"{ours - judged:+.4f}"))
    return rows + reductions()


def reductions() -> list[Row]:
    """Rows of the quality table for reduced columns."""
    x, y = mnist()
    train, test = slice(0, 50_000), slice(50_000, 55_000)
    plain = accuracy(fit(x[train], y[train], k=1), x[test], y[test])
    rows: list[Row] = []
    for kind in ("sign", "fjlt"):
        model = fit(x[train], y[train], k=1, dimension_reduction_type=kind, dimension_reduction_target=196)
        ours = accuracy(model, x[test], y[test])
        rows.append(
            (f"MNIST, k=1, {kind}, 196 of 784 columns", f"{ours:.4f}", f"784: {plain:.4f}", f"{ours - plain:+.4f}")
        )
    return rows


def accuracy(model: KNNModel, x: Rows, y: np.ndarray) -> float:
    """The share of rows (n, d) whose label (n,) the model finds."""
    rows = Batch(torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y.astype(np.float32))[:, None])
    return model.evaluate(MemoryStream(rows).batches(5000), RunContext())["accuracy"]


def main(
    rounds: Annotated[int, typer.Option(help="Timed rounds of 500 rows.")] = 5,
    quality: Annotated[bool, typer.Option(help="Measure accuracies too.")] = True,
    write: Annotated[bool, typer.Option(help="Write the report.")] = True,
) -> None:
    """Measure, print the table, and with --write keep it in benchmarks/results."""
    began = time.monotonic()
    real = (SHARED / "mnist").exists()
    x, y, queries = digits() if real else made()
    rows = accuracies() if quality and real else []
    rows += speeds(x, y, queries, rounds)
    report = Report(
        "knn",
        "k-nearest neighbours",
        f"python -m benchmarks.knn --rounds {rounds}",
        COLUMNS,
        rows,
        f"{'MNIST' if real else 'Made rows'}, 60,000 × 784, k = {NEIGHBOURS}, faiss.Flat, L2; queries are rows of its test set. "
        f"Server: one worker on one core; faiss and the library: one thread on the same core; medians of {rounds} rounds "
        f"of 500 rows, in turns, and {ONE_ROW_ROUNDS} of one, one contender after the other.",
        ("faiss-cpu", "torch", "scikit-learn"),
    )
    report.show()
    if write:
        print(report.write(date.today()))
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    typer.run(main)
