"""Measure what a request and a row cost a server of each algorithm: `python -m benchmarks.serving_rates`.

Each algorithm trains a small model in its container and serves it. Requests of one row and of many go to it in turns, and the
processor time of the server's processes is counted. `wildsage manifest --serve --rows-per-s` computes with these figures.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer
import urllib3

from benchmarks.nginx import free_port, is_ready, wait_until
from benchmarks.report import Report, load
from wildsage.containers.codecs.records import record_protobuf

TRAINED_ROWS, FEATURES, MANY_ROWS = 10_000, 100, 500
SERVES_WITHIN_S = 600
CSV, UNLABELLED = "text/csv", "text/csv;label_size=0"
RECORDIO, JSON, TEXT = "application/x-recordio-protobuf", "application/json", "text/plain"
COLUMNS = (
    "algorithm",
    "model",
    "request",
    "one row, ms",
    f"{MANY_ROWS} rows, ms",
    "each further row, µs",
    "rows/s of a core",
)
NOTES = f"""Models of {TRAINED_ROWS:,} × {FEATURES} rows, or as many texts of twelve words. Requests of one row and of {MANY_ROWS}
take turns, over connections that are kept; milliseconds of the processor, of all processes of the server, HTTP included, medians of
{{rounds}} rounds. The rate of a core is that of requests of {MANY_ROWS} rows. {{load}}"""


@dataclass(frozen=True)
class Served:
    """A model to measure: how it is trained, and the body of a request of some rows. `shape` says what it is."""

    algorithm: str
    shape: str
    settings: Mapping[str, object]
    trained_from: tuple[str, bytes]
    content_type: str
    body: Callable[[int], bytes]


def rows_of(count: int) -> np.ndarray:
    """Rows (count, FEATURES) float32, the same in each run."""
    return np.random.default_rng(0).random((count, FEATURES), dtype=np.float32)


def labels_of(count: int) -> np.ndarray:
    """Labels (count,) of two classes that the rows tell apart."""
    return (rows_of(count)[:, :10].sum(1) > 5).astype(np.float32)


def csv(rows_nd: np.ndarray) -> bytes:
    """Rows as CSV, with six digits."""
    return "".join(",".join(f"{value:.6g}" for value in row) + "\n" for row in rows_nd.tolist()).encode()


def texts(count: int) -> list[str]:
    """Texts of twelve of a thousand words."""
    words_nw = np.random.default_rng(0).integers(0, 1000, (count, 12)).tolist()
    return [" ".join(f"word{word}" for word in words) for words in words_nw]


def models() -> list[Served]:
    """One model of each algorithm that answers rows."""
    x_nd, y_n = rows_of(TRAINED_ROWS), labels_of(TRAINED_ROWS)
    plain, labelled = csv(x_nd), csv(np.column_stack([y_n, x_nd]))
    records = bytes(record_protobuf.encode_rows(x_nd, y_n))
    lines = [f"__label__{number % 10} {text}" for number, text in enumerate(texts(TRAINED_ROWS))]

    def columns(count: int) -> bytes:
        return csv(rows_of(count))

    def recordio(count: int) -> bytes:
        return bytes(record_protobuf.encode_rows(rows_of(count)))

    def instances(count: int) -> bytes:
        return json.dumps({"instances": texts(count)}).encode()

    width = {"feature_dim": FEATURES, "mini_batch_size": 1000}
    return [
        Served("kmeans", "k = 10", {**width, "k": 10}, (UNLABELLED, plain), CSV, columns),
        Served("pca", "10 components", {**width, "num_components": 10}, (UNLABELLED, plain), CSV, columns),
        Served("linear_learner", "binary", {"predictor_type": "binary_classifier"}, (CSV, labelled), CSV, columns),
        Served(
            "knn",
            f"{TRAINED_ROWS:,} rows, k = 10",
            {"feature_dim": FEATURES, "k": 10, "sample_size": TRAINED_ROWS, "predictor_type": "classifier"},
            (CSV, labelled),
            CSV,
            columns,
        ),
        Served(
            "factorization_machines",
            "64 factors",
            {**width, "num_factors": 64, "predictor_type": "binary_classifier"},
            (RECORDIO, records),
            RECORDIO,
            recordio,
        ),
        Served(
            "xgboost",
            "100 trees of depth 6",
            {"num_round": 100, "max_depth": 6, "objective": "binary:logistic"},
            (CSV, labelled),
            CSV,
            columns,
        ),
        Served(
            "blazingtext",
            "10 labels, 100 dimensions",
            {"mode": "supervised", "min_count": 1},
            (TEXT, "\n".join(lines).encode()),
            JSON,
            instances,
        ),
    ]


def train(of: Served, folder: Path) -> Path:
    """Train in a container; its model.tar.gz."""
    content_type, content = of.trained_from
    data = folder / "rows"
    data.write_bytes(content)
    options = [part for name, value in of.settings.items() for part in ("--hp", f"{name}={value}")]
    words = [
        "train",
        *options,
        "--channel",
        f"train={data}",
        "--content-type",
        f"train={content_type}",
        "--model",
        str(folder),
    ]
    ended = subprocess.run(
        command(words), env=os.environ | {"WILDSAGE_ALGORITHM": of.algorithm}, capture_output=True, text=True
    )
    if ended.returncode:
        raise RuntimeError(f"{of.algorithm}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    return folder / "model.tar.gz"


def command(words: list[str]) -> list[str]:
    """The container as a process."""
    return [sys.executable, "-m", "wildsage.containers", *words]


@contextmanager
def serving(model: Path, algorithm: str) -> Iterator[tuple[psutil.Process, int]]:
    """A server that answers, and its port."""
    port = free_port()
    variables = {"WILDSAGE_ALGORITHM": algorithm, "SAGEMAKER_BIND_TO_PORT": str(port)}
    process = subprocess.Popen(
        command(["serve", "--model", str(model)]), env=os.environ | variables, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: is_ready(port), SERVES_WITHIN_S)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait()


def processor_s(server: psutil.Process) -> float:
    """Processor seconds of a server and its workers so far."""
    return sum(sum(each.cpu_times()[:2]) for each in (server, *server.children(recursive=True)))


def cost_ms(server: psutil.Process, send: Callable[[], None], requests: int) -> float:
    """Milliseconds of the processor that a request takes."""
    before = processor_s(server)
    for _ in range(requests):
        send()
    return 1000 * (processor_s(server) - before) / requests


def sender(of: Served, port: int, rows: int) -> Callable[[], None]:
    """A request of some rows, which raises AssertionError where the answer is not 200."""
    http, body, url = urllib3.PoolManager(retries=False), of.body(rows), f"http://127.0.0.1:{port}/invocations"

    def send() -> None:
        answer = http.request("POST", url, body=body, headers={"Content-Type": of.content_type})
        assert answer.status == 200, answer.data

    return send


def measured(of: Served, rounds: int) -> tuple[float, float]:
    """Milliseconds of the processor of a request of one row, and of one of many."""
    one, many = [], []
    with tempfile.TemporaryDirectory() as folder, serving(train(of, Path(folder)), of.algorithm) as (server, port):
        ask_one, ask_many = sender(of, port, 1), sender(of, port, MANY_ROWS)
        for _ in range(rounds + 1):
            one.append(cost_ms(server, ask_one, 100))
            many.append(cost_ms(server, ask_many, 40))
    later = slice(1, None)  # the first turn opens connections and compiles loops
    return statistics.median(one[later]), statistics.median(many[later])


def line(of: Served, rounds: int) -> tuple[str, ...]:
    """A row of the table."""
    one_ms, many_ms = measured(of, rounds)
    print(f"{of.algorithm}: {one_ms:.3f} ms for one row, {many_ms:.3f} ms for {MANY_ROWS}", file=sys.stderr)
    further_us = 1000 * max(0.0, many_ms - one_ms) / (MANY_ROWS - 1)
    return (
        of.algorithm,
        of.shape,
        of.content_type,
        f"{one_ms:.2f}",
        f"{many_ms:.2f}",
        f"{further_us:.3g}",
        f"{1000 * MANY_ROWS / many_ms:,.0f}",
    )


def main(
    rounds: Annotated[int, typer.Option(help="Turns of both sizes of requests.")] = 5,
    write: Annotated[bool, typer.Option(help="Write the report to benchmarks/results.")] = True,
) -> None:
    """Measure, and show the table. This takes about two minutes."""
    report = Report(
        "serving_rates", "What a request and a row cost a server", f"python -m benchmarks.serving_rates --rounds {rounds}",
        COLUMNS, [line(of, rounds) for of in models()], NOTES.format(rounds=rounds, load=load()),
        ("torch", "numpy", "gunicorn", "flask"),
    )  # fmt: skip
    report.show()
    if write:
        print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
