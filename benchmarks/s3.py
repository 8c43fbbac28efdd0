"""Compare the local S3 with moto and ministack on this machine: `python -m benchmarks.s3`.

In each round every server starts fresh and serves the same boto3 client; the table shows medians over the rounds.
ministack needs a virtual environment of its own (`pip install ministack`), named by `--ministack`.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import boto3
import psutil
import typer
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from benchmarks.report import Report

BIG_BYTES = 200_000_000
SMALL_BYTES = 20_000
SMALL_OBJECTS = 300
LISTED_OBJECTS = 10_000
LISTINGS = 5
WRITERS = 8
PATIENCE_S = 30
COLUMNS = (
    "server",
    "multipart up, MB/s",
    "ranged down, MB/s",
    "single put, MB/s",
    "single get, MB/s",
    "20 kB put/s",
    "20 kB get/s",
    "memory after, MB",
    "10,000 keys listed, s",
    "the same by boto3, s",
    "memory that added, MB",
)
NOTES = """One boto3 client with its default settings (8 MiB parts, ten threads, CRC32 both ways) moves a file of 200 MB of random
bytes up and down, in parts and in one piece, then 300 objects of 20 kB one after another; client and server share the
machine, so the client's own hashing bounds every column. Memory is resident in all the server's processes at the end. The
last three columns are of a fresh server with 10,000 objects of 10 bytes: all pages of ListObjectsV2, read and not parsed,
then by boto3, whose parsing takes most of it, medians of five, and what that added to the server's memory."""


@dataclass(frozen=True)
class Contender:
    """A server to measure. `{port}` and `{folder}` are filled in in `command` and `environment`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def contenders(ministack: Path | None) -> list[Contender]:
    """The servers that are compared; ministack is one if the command of its environment is given."""
    ours = (sys.executable, "-m", "wildsage.local_runner.s3", "{folder}", "--bind", "127.0.0.1:{port}")
    moto = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}")
    found = [Contender("Wildsage", ours), Contender("moto", moto)]
    if ministack:
        found.append(Contender("ministack", (str(ministack),), {"GATEWAY_PORT": "{port}"}))
    return found


@contextlib.contextmanager
def running(contender: Contender, folder: Path) -> Iterator[tuple[Any, psutil.Popen]]:
    """Run a server; yield a client and its process once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        places = {"port": probe.getsockname()[1], "folder": folder}
    command = [word.format(**places) for word in contender.command]
    environment = os.environ | {name: value.format(**places) for name, value in contender.environment.items()}
    process = psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client = client_of(places["port"])
        wait_for(client, process)
        yield client, process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def client_of(port: int) -> Any:
    """A boto3 client of the server on a port."""
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(s3={"addressing_style": "path"}),
    )


def wait_for(client: Any, process: psutil.Popen) -> None:
    """Wait until the server answers. Raises the client's last error if it does not answer in time."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.list_buckets()
            return
        except BotoCoreError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def measure(client: Any, process: psutil.Popen, big: Path) -> list[float]:
    """Measure one server: one value for each column after the name."""
    client.create_bucket(Bucket="speed")
    small = os.urandom(SMALL_BYTES)
    keys = [f"small/{number}" for number in range(SMALL_OBJECTS)]
    transfers = [
        lambda: client.upload_file(str(big), "speed", "parts"),
        lambda: client.download_file("speed", "parts", str(big.with_suffix(".copy"))),
        lambda: put_whole(client, big),
        lambda: read(client, "whole"),
    ]
    series = [
        lambda: [client.put_object(Bucket="speed", Key=key, Body=small) for key in keys],
        lambda: [read(client, key) for key in keys],
    ]
    speeds = [BIG_BYTES / 1e6 / seconds(work) for work in transfers]
    rates = [SMALL_OBJECTS / seconds(work) for work in series]
    return [*speeds, *rates, memory_mb(process)]


def memory_mb(process: psutil.Popen) -> float:
    """Resident memory of all the server's processes in MB."""
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]) / 1e6


def measure_listing(client: Any, process: psutil.Popen) -> list[float]:
    """Seconds to list a bucket of many objects, as bytes and by boto3, and the megabytes that this added to the server."""
    client.create_bucket(Bucket="many")
    keys = [f"train/part-{number:05}" for number in range(LISTED_OBJECTS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda key: client.put_object(Bucket="many", Key=key, Body=b"0123456789"), keys))
    before_mb = memory_mb(process)
    plain, by_boto3 = (
        statistics.median(seconds(partial(work, client)) for _ in range(LISTINGS))
        for work in (list_plainly, list_by_boto3)
    )
    return [plain, by_boto3, memory_mb(process) - before_mb]


def list_plainly(client: Any) -> None:
    """Read every page of a listing as bytes over one connection."""
    count, token = 0, ""
    with urllib3.PoolManager() as http:
        while token is not None:
            fields = {"list-type": "2", **({"continuation-token": token} if token else {})}
            page = http.request("GET", f"{client.meta.endpoint_url}/many", fields=fields).data
            count += page.count(b"<Key>")
            found = re.search(rb"<NextContinuationToken>(.+?)<", page)
            token = found[1].decode() if found else None
    check_count(count)


def list_by_boto3(client: Any) -> None:
    """List the bucket of many objects, page by page."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="many")
    check_count(sum(len(page["Contents"]) for page in pages))


def check_count(count: int) -> None:
    """Raises RuntimeError for a list that is not complete."""
    if count != LISTED_OBJECTS:
        raise RuntimeError(f"{count} keys listed, expected {LISTED_OBJECTS}.")


def put_whole(client: Any, path: Path) -> None:
    """Upload a file in one request."""
    with path.open("rb") as file:
        client.put_object(Bucket="speed", Key="whole", Body=file)


def read(client: Any, key: str) -> None:
    """Download an object in pieces of a megabyte, without keeping them."""
    for _ in client.get_object(Bucket="speed", Key=key)["Body"].iter_chunks(1 << 20):
        pass


def seconds(work: Callable[[], Any]) -> float:
    """How long the work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rounds_of(found: Sequence[Contender], rounds: int, folder: Path) -> dict[str, list[float]]:
    """Medians by contender and column. They take turns, so that a busy moment of the machine meets all of them.

    No files are removed before the end: for a minute after many were removed, ext4 without a journal takes twenty times as
    long to create one, which would slow down only those servers that write files.
    """
    big = folder / "big"
    with big.open("wb") as file:
        file.writelines(os.urandom(1_000_000) for _ in range(BIG_BYTES // 1_000_000))
    measured: dict[str, list[list[float]]] = {contender.name: [] for contender in found}
    for turn in range(rounds):
        for contender in found:
            data = folder / f"{contender.name}-{turn}"
            with running(contender, data) as (client, process):
                measured[contender.name].append(measure(client, process, big))
    return {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in measured.items()}


def listings_of(found: Sequence[Contender], folder: Path) -> dict[str, list[float]]:
    """By contender: seconds, seconds by boto3, and megabytes of a listing."""
    measured = {}
    for contender in found:
        with running(contender, folder / f"{contender.name}-many") as (client, process):
            measured[contender.name] = measure_listing(client, process)
    return measured


def main(
    rounds: Annotated[int, typer.Option(help="Rounds; the table shows medians.")] = 5,
    ministack: Annotated[
        Path | None, typer.Option(help="Path of ministack's executable. Without it ministack is left out.")
    ] = None,
) -> None:
    """Measure, print the table, and write the report."""
    with tempfile.TemporaryDirectory() as folder:
        found = contenders(ministack)
        measured = rounds_of(found, rounds, Path(folder))
        listings = listings_of(found, Path(folder))
    report = Report(
        name="s3",
        title="S3 on one machine",
        command=f"python -m benchmarks.s3 --rounds {rounds}" + (" --ministack PATH" if ministack else ""),
        columns=COLUMNS,
        rows=[
            (name, *(f"{value:.0f}" for value in row), *(f"{value:.2f}" for value in listings[name]))
            for name, row in measured.items()
        ],
        notes=NOTES,
        packages=("boto3", "gunicorn", "moto"),
    )
    report.show()
    print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
