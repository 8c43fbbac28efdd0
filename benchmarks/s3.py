"""Our S3 beside moto and ministack, back to back on this machine: `python -m benchmarks.s3`.

In each round every server starts fresh and serves the same boto3 client; the table shows medians over the rounds.
ministack lives in a virtual environment of its own (`pip install ministack`), named by `--ministack`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import boto3
import psutil
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from benchmarks.report import Report

BIG_BYTES = 200_000_000
SMALL_BYTES = 20_000
SMALL_OBJECTS = 300
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
)
NOTES = """One boto3 client with its default settings (8 MiB parts, ten threads, CRC32 both ways) moves a file of 200 MB of random
bytes up and down, in parts and in one piece, then 300 objects of 20 kB one after another; client and server share the
machine, so the client's own hashing bounds every column. Memory is resident in all the server's processes at the end."""


@dataclass(frozen=True)
class Contender:
    """`command` and `environment` take `{port}` and `{folder}`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def contenders(ministack: Path | None) -> list[Contender]:
    ours = (sys.executable, "-m", "local_runner.s3", "{folder}", "--bind", "127.0.0.1:{port}")
    moto = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}")
    found = [Contender("Sagebrush", ours), Contender("moto", moto)]
    if ministack:
        found.append(Contender("ministack", (str(ministack),), {"GATEWAY_PORT": "{port}"}))
    return found


@contextlib.contextmanager
def running(contender: Contender, folder: Path) -> Iterator[tuple[Any, psutil.Popen]]:
    """A client and the server's process, once it answers."""
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
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(s3={"addressing_style": "path"}),
    )


def wait_for(client: Any, process: psutil.Popen) -> None:
    """Raises what the client met last, if the server is not up in time."""
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
    """One value per column after the name."""
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
    processes = [process, *process.children(recursive=True)]
    return [*speeds, *rates, sum(each.memory_info().rss for each in processes) / 1e6]


def put_whole(client: Any, path: Path) -> None:
    with path.open("rb") as file:
        client.put_object(Bucket="speed", Key="whole", Body=file)


def read(client: Any, key: str) -> None:
    for _ in client.get_object(Bucket="speed", Key=key)["Body"].iter_chunks(1 << 20):
        pass


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rounds_of(found: Sequence[Contender], rounds: int, folder: Path) -> dict[str, list[float]]:
    """Contender → median per column. They take turns, so that a busy moment of the machine meets all of them."""
    big = folder / "big"
    with big.open("wb") as file:
        file.writelines(os.urandom(1_000_000) for _ in range(BIG_BYTES // 1_000_000))
    measured: dict[str, list[list[float]]] = {contender.name: [] for contender in found}
    for _ in range(rounds):
        for contender in found:
            data = folder / contender.name
            with running(contender, data) as (client, process):
                measured[contender.name].append(measure(client, process, big))
            shutil.rmtree(data, ignore_errors=True)
    return {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in measured.items()}


def main(
    rounds: Annotated[int, typer.Option(help="Turns each server takes.")] = 5,
    ministack: Annotated[Path | None, typer.Option(help="ministack's executable; left out unless given.")] = None,
) -> None:
    """Measure, print the table, write the report."""
    with tempfile.TemporaryDirectory() as folder:
        measured = rounds_of(contenders(ministack), rounds, Path(folder))
    report = Report(
        name="s3",
        title="S3 on one machine",
        command=f"python -m benchmarks.s3 --rounds {rounds}" + (" --ministack PATH" if ministack else ""),
        columns=COLUMNS,
        rows=[(name, *(f"{value:.0f}" for value in row)) for name, row in measured.items()],
        notes=NOTES,
        packages=("boto3", "gunicorn", "moto"),
    )
    report.show()
    print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
