"""Measure k-means on more rows and more hosts: `python -m benchmarks.kmeans_scale`.

Search: the rate of the search for the nearest of many centers, beside the machine's rate of matrix products. Hosts: jobs of the
local AWS with one host and with two, of one thread each, on the same four objects. Pipe: `python -m wildsage.containers train`
reads 5 and 50 million rows.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import IO, Annotated, Any

import boto3
import numpy as np
import torch
import typer
from torch import Tensor

from benchmarks.datasets import Rows, mixture
from benchmarks.jobs import COMMANDS, IMAGE, PATIENCE_S, ROLE, served
from benchmarks.report import Report, medians
from wildsage import read_model
from wildsage.algorithms.base.parallel import over_rows
from wildsage.algorithms.kmeans import steps
from wildsage.containers.codecs.records import record_protobuf
from wildsage.containers.contract.paths import OptML

RECORDIO = "application/x-recordio-protobuf"
PIPED_ROWS, PIPED_FEATURES, PIPED_CLUSTERS, BLOCK_ROWS = (5_000_000, 50_000_000), 50, 10, 100_000
SHARDS, SHARD_ROWS, FEATURES, CLUSTERS = 4, 1_000_000, 100, 100
SEARCHES = ((60_000, 784, 100), (60_000, 784, 1000), (500_000, 100, 400))
SQUARE = 4096
ROUNDS = 3
TOTAL_MS = re.compile(r'"totaltime": \{"sum": ([\d.]+)')
NOTES = f"""**Search**: rows × columns, centers; 2 · rows · columns · centers operations, and the rate of a product of two
{SQUARE} × {SQUARE} matrices; its product alone: the same blocks of rows times the centers, by torch.
**Hosts**: {SHARDS} objects of {SHARD_ROWS:,} × {FEATURES} rows of a Gaussian mixture, k = {CLUSTERS},
OMP_NUM_THREADS=1; each host has its share of the objects (ShardedByS3Key). Seconds: `totaltime` of the job's last line of metrics,
the slowest host's, median of {ROUNDS} jobs in turn; msd of all rows. **Pipe**: float32 records of {PIPED_FEATURES} columns,
k = {PIPED_CLUSTERS}, written by another process; seconds from the container's start to its end, and its peak of resident memory."""


def searches() -> list[tuple[str, ...]]:
    """Rows of the table: the rates of `nearest` and of the matrix product in it, beside the rate of one large product."""
    square = torch.randn(SQUARE, SQUARE)
    lines = []
    for rows, columns, centers in SEARCHES:
        x, c = torch.randn(rows, columns), torch.randn(centers, columns)
        taken = medians(
            {
                "search": lambda x=x, c=c: steps.nearest(x, c),
                "its product alone": lambda x=x, c=c: product(x, c),
                "square": lambda: square @ square,
            },
            2 * ROUNDS + 1,
        )
        peak = 2e-9 * SQUARE**3 / taken.pop("square")
        for what, seconds in taken.items():
            rate = 2e-9 * rows * columns * centers / seconds
            shape = f"{rows:,} × {columns}, {centers}"
            lines.append((f"{what}, {shape}", f"{seconds:.3f} s", f"{rate:.0f} GFLOP/s", f"{rate / peak:.0%} of sgemm"))
    return lines


def product(x_nd: Tensor, centers_md: Tensor) -> None:
    """Compute all inner products in the blocks of the search and drop them: what torch needs for the arithmetic alone."""

    def part(rows: slice) -> None:
        size = steps.block_rows(rows, centers_md)
        scores_bm = x_nd.new_empty(size, len(centers_md))
        for block in steps.blocks(rows, size):
            torch.mm(x_nd[block], centers_md.T, out=scores_bm[: block.stop - block.start])

    over_rows(len(x_nd), steps.entries(x_nd, centers_md), x_nd.device, part)


def feed(fifo: Path, rows: int) -> None:
    """Write the same block again and again, in a process of its own."""
    block = bytes(record_protobuf.encode_rows(mixture(BLOCK_ROWS, PIPED_FEATURES, PIPED_CLUSTERS)[0]))
    with fifo.open("wb", buffering=0) as sink:
        for _ in range(rows // BLOCK_ROWS):
            sink.write(block)


def piped(rows: int) -> tuple[float, float]:
    """Seconds and peak memory in MB of a training container that reads `rows` from a FIFO."""
    with tempfile.TemporaryDirectory() as folder:
        fifo = piped_job(Path(folder), k=PIPED_CLUSTERS, feature_dim=PIPED_FEATURES)
        threading.Thread(target=feed, args=(fifo, rows), daemon=True).start()
        began = time.perf_counter()
        peak_mb = train_in(Path(folder), [sys.executable, "-m", "wildsage.containers", "train"])
        return time.perf_counter() - began, peak_mb


def piped_job(folder: Path, **hyperparameters: int) -> Path:
    """Write what a training container of k-means reads, with one channel in Pipe mode. Returns the FIFO of the channel."""
    fifo = write_job(folder, "Pipe", hyperparameters).pipe("train", 0)
    os.mkfifo(fifo)
    return fifo


def write_job(folder: Path, mode: str, hyperparameters: Mapping[str, object]) -> OptML:
    """Write what a training container reads, with one channel of RecordIO in this mode. Returns the paths."""
    paths = OptML(folder)
    paths.config.mkdir(parents=True)
    paths.data.mkdir(parents=True)
    paths.hyperparameters.write_text(json.dumps({name: str(value) for name, value in hyperparameters.items()}))
    channel = {"TrainingInputMode": mode, "ContentType": RECORDIO, "S3DistributionType": "FullyReplicated"}
    paths.input_data_config.write_text(json.dumps({"train": channel}))
    paths.resource_config.write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
    return paths


def train_in(folder: Path, command: list[str], log: int | IO[str] = subprocess.DEVNULL, **variables: str) -> float:
    """Run a training container in a folder, of k-means unless a variable says otherwise. Returns its peak memory in MB."""
    environment = os.environ | {"SAGEMAKER_DATA_PATH": str(folder), "WILDSAGE_ALGORITHM": "kmeans"} | variables
    process = subprocess.Popen(command, env=environment, stdout=log)
    peak_mb = 0.0
    while process.poll() is None:
        peak_mb = max(peak_mb, high_water_mb(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"Training ended with status {process.returncode}: {OptML(folder).failure.read_text()}")
    return peak_mb


def high_water_mb(pid: int) -> float:
    """The peak resident memory of a process in MB, or 0 once it has ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


def hosts(counts: tuple[int, ...] = (1, 2)) -> list[tuple[str, ...]]:
    """Rows of the table: jobs with one host and with two on the same objects."""
    x = mixture(SHARDS * SHARD_ROWS, FEATURES, CLUSTERS)[0]
    with served(COMMANDS["cold"]) as (endpoint, data):
        session = boto3.Session("test", "test", region_name="us-east-1")
        s3 = session.client("s3", endpoint_url=endpoint)
        s3.create_bucket(Bucket="bench")
        for number, shard in enumerate(np.split(x, SHARDS)):
            s3.put_object(Bucket="bench", Key=f"rows/{number}", Body=bytes(record_protobuf.encode_rows(shard)))
        jobs = [(count, f"hosts-{count}-{turn}") for turn in range(ROUNDS) for count in counts]
        seconds = {name: train(session, endpoint, name, count) for count, name in jobs}
        losses = {name: msd(x, session, endpoint, name, data) for _, name in jobs}
    typical = {count: statistics.median(seconds[name] for of, name in jobs if of == count) for count in counts}
    return [
        (
            f"{count} host" + "s" * (count > 1),
            f"{typical[count]:.2f} s",
            f"{typical[counts[0]] / typical[count]:.2f} × as fast",
            f"msd {statistics.median(losses[name] for of, name in jobs if of == count):.4f}",
        )
        for count in counts
    ]


def train(session: boto3.Session, endpoint: str, name: str, count: int) -> float:
    """Seconds of training that the slowest host reports."""
    sagemaker = session.client("sagemaker", endpoint_url=endpoint)
    sagemaker.create_training_job(**_request(name, count))
    deadline = time.monotonic() + PATIENCE_S
    while (job := sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] == "InProgress":
        if time.monotonic() > deadline:
            raise TimeoutError(f"Job {name} has not ended in {PATIENCE_S:.0f} s")
        time.sleep(0.2)
    if job["TrainingJobStatus"] != "Completed":
        raise RuntimeError(job["FailureReason"])
    logs = session.client("logs", endpoint_url=endpoint)
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    lines = [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    ]
    return max(float(found[1]) for line in lines if (found := TOTAL_MS.search(line))) / 1000


def _request(name: str, count: int) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bench/rows/", "S3DataDistributionType": "ShardedByS3Key"}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"k": str(CLUSTERS), "feature_dim": str(FEATURES)},
        "InputDataConfig": [{"ChannelName": "train", "ContentType": RECORDIO, "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": "s3://bench/output"},
        "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": count, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "Environment": {"OMP_NUM_THREADS": "1"},
    }


def msd(x: Rows, session: boto3.Session, endpoint: str, name: str, data: Path) -> float:
    """Mean squared distance of all rows to the job's centers."""
    archive = data / "model.tar.gz"
    session.client("s3", endpoint_url=endpoint).download_file(
        "bench", f"output/{name}/output/model.tar.gz", str(archive)
    )
    centers_kd = read_model(archive).arrays["centers"]
    return steps.mean_cost(torch.from_numpy(x), torch.from_numpy(centers_kd))


def main(write: Annotated[bool, typer.Option(help="Write the report to benchmarks/results.")] = True) -> None:
    """Measure, and show the table. This takes about three minutes."""
    rows = [*searches(), *hosts()]
    for count in PIPED_ROWS:
        seconds, peak_mb = piped(count)
        rate = f"{count / seconds / 1e6:.2f} million rows/s"
        rows.append((f"pipe, {count // 1_000_000} million rows", f"{seconds:.1f} s", rate, f"{peak_mb:.0f} MB"))
    report = Report(
        "kmeans_scale", "K-means on more rows and more hosts", "python -m benchmarks.kmeans_scale",
        ("what", "seconds", "rate", "beside it"), rows, NOTES, ("torch", "numpy"),
    )  # fmt: skip
    report.show()
    if write:
        print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
