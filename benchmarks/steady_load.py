"""Hold a local AWS at a part of its peak load and watch its memory: `python -m benchmarks.steady_load --minutes 60`.

Clients invoke a k-means endpoint, write and read objects, and list jobs and streams of logs. First they do so as fast as they can,
which is the peak; then they keep to a part of that rate. Each minute the memory of the server's processes is written down.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
import urllib3

from benchmarks.invoke import NAME, SCOPE, client, deploy
from benchmarks.report import Report
from wildsage.local_runner.server import background, lock

CLIENTS = 4
WARM_UP_S, PEAK_S = 20.0, 40.0
KEYS, OBJECT_BYTES = 200, 10_000
MINUTE_S = 60.0
COLUMNS = ("minutes", "requests/s", "slowest, s", "local AWS, MiB", "endpoint, MiB")
NOTES = """Of 20 requests 17 invoke a k-means endpoint with one row of 34 numbers; one writes an object of 10 kB, one reads it, and
one lists jobs or streams of logs. {clients} clients with connections that they keep. Peak: as fast as they can, {peak:.0f}
requests a second; then they keep to {share:.0%} of that, and a client that is late sends at once. Server and clients share the
processors with whatever else the machine does. **MiB**: proportional set size of the processes of the local AWS (the first process
and its worker), and of those of the endpoint. {requests:,} requests, {wrong} of them with another answer than the right one.
From the first quarter of the minutes to the last, the median memory of all processes went from {first:.1f} to {last:.1f} MiB."""
Work = Callable[[int], None]


@dataclass
class Figures:
    """What clients have seen since the last look, and in all."""

    requests: int = 0
    slowest_s: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)
    total: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float, wrong: str) -> None:
        """Count one request."""
        with self.guard:
            self.requests += 1
            self.total += 1
            self.slowest_s = max(self.slowest_s, seconds)
            if wrong:
                self.wrong[wrong] += 1

    def take(self) -> tuple[int, float]:
        """Requests since the last look, and the seconds of the slowest of them."""
        with self.guard:
            taken = self.requests, self.slowest_s
            self.requests, self.slowest_s = 0, 0.0
        return taken


@dataclass
class Mix:
    """The requests of one client, one after the other. Each raises AssertionError where the answer is not the right one."""

    endpoint: str
    number: int

    def __post_init__(self) -> None:
        self.http = urllib3.PoolManager(retries=False)
        self.sagemaker, self.logs = client("sagemaker", self.endpoint), client("logs", self.endpoint)
        self.row = ",".join(["0.5"] * 34).encode()
        self.answer = self._invoke()

    def send(self, turn: int) -> None:
        """One request."""
        key = f"{self.endpoint}/{NAME}/load/{self.number}/{turn // 20 % KEYS}"
        body = (turn // 20).to_bytes(8, "big") * (OBJECT_BYTES // 8)
        match turn % 20:
            case 0:
                assert self.http.request("PUT", key, body=body).status == 200, "an object was not written"
            case 1:
                assert self.http.request("GET", key).data == body, "an object was not read as it was written"
            case 2 if turn // 20 % 2:
                assert self.sagemaker.list_training_jobs()["TrainingJobSummaries"], "a list had no jobs"
            case 2:
                group = "/aws/sagemaker/TrainingJobs"
                assert self.logs.describe_log_streams(logGroupName=group)["logStreams"], "a list had no streams"
            case _:
                assert self._invoke() == self.answer, "an invocation had another answer"

    def _invoke(self) -> bytes:
        headers = {"Content-Type": "text/csv", "Authorization": SCOPE}
        answer = self.http.request(
            "POST", f"{self.endpoint}/endpoints/{NAME}/invocations", body=self.row, headers=headers
        )
        assert answer.status == 200, f"an invocation had status {answer.status}"
        return answer.data


def keep_asking(send: Work, figures: Figures, over: threading.Event, interval_s: float, first_turn: int) -> None:
    """Send requests at an interval until it is over, at once after one that took longer."""
    due = time.monotonic()
    for turn in itertools.count(first_turn):
        if over.wait(max(0.0, due - time.monotonic())):
            return
        began = time.monotonic()
        wrong = ""
        try:
            send(turn)
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"[:200]
        figures.add(time.monotonic() - began, wrong)
        due = max(due + interval_s, began)


@contextmanager
def clients(mixes: Sequence[Mix], figures: Figures, interval_s: float = 0.0) -> Iterator[None]:
    """Clients that ask until the block ends."""
    over = threading.Event()
    threads = [
        threading.Thread(target=keep_asking, args=(mix.send, figures, over, interval_s, 20 * mix.number))
        for mix in mixes
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def peak(mixes: Sequence[Mix], figures: Figures) -> float:
    """Requests a second as fast as the clients can, once all is warm."""
    with clients(mixes, figures):
        time.sleep(WARM_UP_S)
        figures.take()
        began = time.monotonic()
        time.sleep(PEAK_S)
        return figures.take()[0] / (time.monotonic() - began)


def memory_mib(data: Path) -> tuple[float, float]:
    """Proportional set size of the local AWS, and of its endpoint."""
    found = lock.running(data)
    assert found, f"no server on {data}"
    first = psutil.Process(found.pid)
    everyone = [first, *first.children(recursive=True)]
    ours = [one for one in everyone if one.cmdline() == first.cmdline()]
    sizes = [sum(one.memory_full_info().pss for one in some) / (1 << 20) for some in (ours, everyone)]
    return sizes[0], sizes[1] - sizes[0]


def minute(number: int, figures: Figures, data: Path) -> tuple[Any, ...]:
    """One row: what happened in a minute, and the memory at its end."""
    began = time.monotonic()
    time.sleep(MINUTE_S)
    requests, slowest_s = figures.take()
    row = (number, requests / (time.monotonic() - began), slowest_s, *memory_mib(data))
    print(*(f"{value:.6g}" for value in row), sep="\t", flush=True)
    return row


def table(rows: Sequence[tuple[Any, ...]], every: int) -> list[tuple[str, ...]]:
    """Rows as they are shown: the first, and each that many minutes."""
    shown = [row for row in rows if row[0] == 1 or row[0] % every == 0]
    return [(str(row[0]), f"{row[1]:.1f}", f"{row[2]:.2f}", f"{row[3]:.1f}", f"{row[4]:.1f}") for row in shown]


def main(
    minutes: Annotated[int, typer.Option(help="How long the load lasts.", min=1)] = 60,
    share: Annotated[float, typer.Option(help="The part of the peak that is held.")] = 0.7,
    every: Annotated[int, typer.Option(help="Minutes between the rows that are shown.")] = 5,
    write: Annotated[bool, typer.Option(help="Write the dated report.")] = True,
) -> None:
    """Measure the peak, hold a part of it, print the memory of each minute, and with --write keep the report."""
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        with background.server(data) as server:
            deploy(server.endpoint)
            mixes = [Mix(server.endpoint, number) for number in range(CLIENTS)]
            most = peak(mixes, figures)
            print(f"peak: {most:.1f} requests a second", flush=True)
            with clients(mixes, figures, CLIENTS / (share * most)):
                rows = [minute(number, figures, data) for number in range(1, minutes + 1)]
    quarter = max(1, minutes // 4)
    first, last = (statistics.median(row[3] + row[4] for row in some) for some in (rows[:quarter], rows[-quarter:]))
    wrong = sum(figures.wrong.values())
    told = {"clients": CLIENTS, "peak": most, "share": share, "requests": figures.total, "wrong": wrong}
    command = f"python -m benchmarks.steady_load --minutes {minutes}"
    report = Report(
        "steady_load",
        f"{minutes} minutes under load",
        command,
        COLUMNS,
        table(rows, every),
        NOTES.format(**told, first=first, last=last),
        ("boto3",),
    )
    report.show()
    if write:
        print(report.write(date.today()))
    if wrong:
        raise SystemExit(f"Wrong answers: {dict(figures.wrong)}")


if __name__ == "__main__":
    typer.run(main)
