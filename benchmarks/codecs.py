"""Compare the codecs with the SageMaker Python SDK and pandas: `python -m benchmarks.codecs`.

Readers turn the same bytes into arrays of numbers. Writers turn the same rows into the same bytes, which is checked first.
All use one thread and are measured in processor time. Contenders take turns; the table shows medians over the rounds.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated, Any

import numpy as np
import pandas
import scipy.sparse
import torch
import typer
from numpy.typing import NDArray
from sagemaker.amazon.common import read_records, write_numpy_to_dense_tensor, write_spmatrix_to_sparse_tensor

from benchmarks.report import Report, medians
from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.containers.codecs.records import record_protobuf
from wildsage.containers.codecs.text import text_csv

BATCH_ROWS = 1000
COLUMNS = ("task", "ours", "others, same data", "times faster")
NOTES = """Rows: dense 784 float32 columns and a float32 label (MNIST's shape); sparse two ones out of 2625 columns and a label
(MovieLens' shape); CSV 34 columns of random doubles, and 784 columns of pixel values. Reading ends with arrays: the SDK's
`read_records` and then one `np.array` a record. Ours writes 1000 dense, 10,000 sparse rows at a time. GB and MB are powers
of ten, of the encoded bytes. Seconds are processor time, so that other work on the machine does not count as ours."""

Measured = tuple[str, float, str, dict[str, Callable[[], Any]]]


def dense_tasks(rng: np.random.Generator, rows: int) -> Iterable[Measured]:
    """Writing and reading `rows` records of 784 float32 values with a label, as images of MNIST have them."""
    features, labels = rng.random((rows, 784), dtype=np.float32), rng.random(rows, dtype=np.float32)

    def theirs() -> bytes:
        file = io.BytesIO()
        write_numpy_to_dense_tensor(file, features, labels)
        return file.getvalue()

    def ours() -> bytes:
        starts = range(0, rows, BATCH_ROWS)
        parts = [record_protobuf.encode_rows(features[i : i + BATCH_ROWS], labels[i : i + BATCH_ROWS]) for i in starts]
        return b"".join(parts)

    content = theirs()
    assert ours() == content
    gigabytes = len(content) / 1e9
    readers = {"ours": lambda: consume(record_protobuf.decode([content])), "SDK": lambda: sdk_dense(content)}
    yield "recordio-protobuf, dense, read", gigabytes, "GB/s", readers
    yield "recordio-protobuf, dense, write", gigabytes, "GB/s", {"ours": ours, "SDK": theirs}


def sparse_tasks(rng: np.random.Generator, rows: int) -> Iterable[Measured]:
    """Writing and reading `rows` records of two ones among 2625 columns with a label, as ratings of MovieLens have them."""
    columns = np.stack([rng.integers(0, 943, rows), rng.integers(943, 2625, rows)], axis=1).reshape(-1)
    starts, ones = np.arange(0, 2 * rows + 1, 2), np.ones(2 * rows, np.float32)
    matrix = scipy.sparse.csr_matrix((ones, columns, starts), shape=(rows, 2625))
    labels = rng.random(rows, dtype=np.float32)
    features = SparseRows(torch.from_numpy(starts), torch.from_numpy(columns), torch.from_numpy(ones), 2625)

    def theirs() -> bytes:
        file = io.BytesIO()
        write_spmatrix_to_sparse_tensor(file, matrix, labels)
        return file.getvalue()

    def ours() -> bytes:
        step = 10 * BATCH_ROWS
        parts = [
            record_protobuf.encode_rows(features[i : i + step], labels[i : i + step]) for i in range(0, rows, step)
        ]
        return b"".join(parts)

    content = theirs()
    assert ours() == content
    readers = {"ours": lambda: consume(record_protobuf.decode([content])), "SDK": lambda: sdk_sparse(content)}
    yield "recordio-protobuf, sparse, read", rows / 1e6, "million rows/s", readers
    yield "recordio-protobuf, sparse, write", rows / 1e6, "million rows/s", {"ours": ours, "SDK": theirs}


def csv_tasks(rng: np.random.Generator, rows: int) -> Iterable[Measured]:
    """Reading CSV of `rows` rows with 34 doubles, and of a twentieth as many with 784 pixels, most of them 0."""
    pixels = rng.integers(0, 256, (rows // 20, 784)) * (rng.random((rows // 20, 784)) < 0.2)
    for name, table in (("34 doubles", rng.standard_normal((rows, 34))), ("784 pixels", pixels)):
        content = "".join(",".join(map(repr, row)) + "\n" for row in table.tolist()).encode()
        read = torch.cat([batch.features for batch in text_csv.decode([content], label_size=0)])
        assert np.array_equal(read.numpy(), table.astype(np.float32))
        readers = {
            "ours": lambda content=content: consume(text_csv.decode([content], label_size=0)),
            "pandas": lambda content=content: pandas.read_csv(io.BytesIO(content), header=None).to_numpy(np.float32),
            "np.loadtxt": lambda content=content: np.loadtxt(io.BytesIO(content), np.float32, delimiter=","),
        }
        yield f"CSV, {name}, read", len(content) / 1e6, "MB/s", readers


def consume(batches: Iterable[Batch]) -> None:
    """Read to the end, holding one batch at a time."""
    for _ in batches:
        pass


def sdk_dense(content: bytes) -> NDArray[np.float32]:
    """The rows (n, d) of dense records, by the SDK."""
    records = read_records(io.BytesIO(content))
    return np.array([record.features["values"].float32_tensor.values for record in records], np.float32)


def sdk_sparse(content: bytes) -> list[tuple[NDArray[np.uint64], NDArray[np.float32]]]:
    """Columns and values of each sparse record, by the SDK."""
    tensors = (record.features["values"].float32_tensor for record in read_records(io.BytesIO(content)))
    return [(np.array(each.keys, np.uint64), np.array(each.values, np.float32)) for each in tensors]


def row(task: str, amount: float, unit: str, seconds: dict[str, float]) -> tuple[str, ...]:
    """A row of the table: our rate in `unit` for `amount`, the others' rates, and how often our time fits into theirs."""
    others = {name: taken for name, taken in seconds.items() if name != "ours"}
    rates = ", ".join(f"{name} {amount / taken:.3g}" for name, taken in others.items())
    times = ", ".join(f"{taken / seconds['ours']:.3g}" for taken in others.values())
    return task, f"{amount / seconds['ours']:.3g} {unit}", rates, times


def main(
    rounds: Annotated[int, typer.Option(help="Rounds; the table shows medians.", min=1)] = 7,
    seed: Annotated[int, typer.Option(help="Seed of the data.")] = 0,
    write: Annotated[bool, typer.Option(help="Write the dated report.")] = True,
) -> None:
    """Measure the codecs, and print and write the report."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    tasks = [*dense_tasks(rng, 5_000), *sparse_tasks(rng, 40_000), *csv_tasks(rng, 20_000)]
    rows = [
        row(task, amount, unit, medians(contenders, rounds, time.process_time))
        for task, amount, unit, contenders in tasks
    ]
    report = Report(
        name="codecs",
        title="Codecs, one thread, processor time",
        command=f"python -m benchmarks.codecs --rounds {rounds} --seed {seed}",
        columns=COLUMNS,
        rows=rows,
        notes=NOTES,
        packages=("numpy", "torch", "orjson", "sagemaker", "protobuf", "pandas"),
    )
    report.show()
    if write:
        print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
