"""Jobs of a few seconds, each host a process of this machine, from which `benchmarks.cost_plan` learns what larger ones take."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist

from benchmarks import counted_host, job_plan
from benchmarks.datasets import mixture
from benchmarks.job_plan import Data, Exchange, Link, Work
from benchmarks.kmeans_scale import RECORDIO
from benchmarks.nginx import free_port
from wildsage.containers.codecs.records import record_protobuf
from wildsage.containers.training.cluster import Cluster

CLUSTERS, FILE_ROWS = 100, 50_000
FEW_BYTES, MANY_BYTES = 1, 8 << 20
PROCESSORS = os.cpu_count() or 1
HERE = Link(0.0, float("inf"))
"""No network: the hosts are processes of one machine."""
HOST = (sys.executable, "-m", "benchmarks.counted_host")


@dataclass(frozen=True)
class Job:
    """An algorithm with its settings. `update_rows` are those of a mini-batch after which hosts exchange; 0 where they do so at
    the end. The data is read `reads` times. `exchanges` are those of a job on some hosts."""

    algorithm: str
    title: str
    settings: dict[str, object]
    exchanges: Callable[[Data, int], list[Exchange]]
    update_rows: int = 0
    reads: int = 1

    def with_updates(self, rows: int) -> Job:
        """The same job with mini-batches of so many rows."""
        settings = {**self.settings, "mini_batch_size": rows}
        title = f"{self.title.rpartition(' of ')[0]} of {rows:,}"
        return Job(self.algorithm, title, settings, self.exchanges, rows, self.reads)


def jobs(columns: int) -> list[Job]:
    """The jobs that are measured."""
    k_means = {"k": CLUSTERS, "feature_dim": columns}
    pca = {"feature_dim": columns, "num_components": 10, "mini_batch_size": 5000}
    linear = {"predictor_type": "regressor", "epochs": 1, "mini_batch_size": 1000}
    return [
        Job(
            "kmeans",
            f"k-means, k = {CLUSTERS}",
            k_means,
            lambda data, hosts: job_plan.kmeans_exchanges(columns, CLUSTERS),
        ),
        Job("pca", "PCA, 10 components", pca, lambda data, hosts: job_plan.pca_exchanges(columns)),
        Job(
            "linear_learner",
            "linear learner, 32 models, one epoch, mini-batches of 1,000",
            linear,
            lambda data, hosts: job_plan.linear_learner_exchanges(columns, data, hosts),
            update_rows=1000,
            reads=3,  # to learn, to choose the best model, to report its metrics
        ),
    ]


@dataclass(frozen=True)
class Ran:
    """What a job took: seconds from start to end, those of the processor by all its hosts, bytes that came to each host, and
    seconds in exchanges."""

    seconds: float
    processor_s: float
    bytes: float
    exchange_s: float


class Workplace:
    """A folder with rows, in which jobs run: short ones of half of `most_files`, and one that reads all of them.

    `host`: the command that runs a host.
    """

    def __init__(self, folder: Path, columns: int, most_files: int, host: Sequence[str] = HOST) -> None:
        self._host = host
        self._folder, self.most_files, self.short_files = folder, most_files, most_files // 2
        x_nd, _ = mixture(FILE_ROWS, columns, CLUSTERS)
        rows = bytes(record_protobuf.encode_rows(x_nd, x_nd[:, :10].sum(1)))
        self.row_bytes = len(rows) / FILE_ROWS
        (folder / "rows").write_bytes(rows)

    def files(self, count: int) -> Path:
        """A folder with as many files, all of them the same bytes on the disk."""
        folder = self._folder / f"files-{count}"
        folder.mkdir(exist_ok=True)
        for number in range(count):
            if not (folder / str(number)).exists():
                os.link(self._folder / "rows", folder / str(number))
        return folder

    def data(self, job: Job, files: int) -> Data:
        """The rows of a job that reads these files."""
        return Data(files * FILE_ROWS, self.row_bytes, job.update_rows)

    def run(self, job: Job, files: int, hosts: int = 1, threads: int = 1) -> Ran:
        """Run a job. Raises RuntimeError with the log of the first host that fails."""
        words = self._words(job, files)
        shared = {
            "WORLD_SIZE": hosts,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": free_port(),
            "OMP_NUM_THREADS": threads,
        }
        began, before = time.perf_counter(), children_s()
        started = [self._start(job, words, rank, hosts, threads, shared) for rank in range(hosts)]
        logs = [process.communicate()[0] for process in started]
        seconds, processor_s = time.perf_counter() - began, children_s() - before
        for process, log in zip(started, logs, strict=True):
            if process.returncode:
                raise RuntimeError(log[-2000:])
        counts = [json.loads(self._counted(rank).read_text()) for rank in range(hosts)]
        received, exchange_s = [each["bytes"] for each in counts], min(each["seconds"] for each in counts)
        return Ran(seconds, processor_s, statistics.mean(received), exchange_s)

    def _words(self, job: Job, files: int) -> list[str]:
        options = [part for name, value in job.settings.items() for part in ("--hp", f"{name}={value}")]
        channel = ["--channel", f"train={self.files(files)}", "--content-type", f"train={RECORDIO}"]
        return ["train", *options, *channel, "--model", str(self._folder)]

    def _start(
        self, job: Job, words: list[str], rank: int, hosts: int, threads: int, shared: dict[str, object]
    ) -> subprocess.Popen:
        own = {"WILDSAGE_ALGORITHM": job.algorithm, "RANK": rank, counted_host.VARIABLE: self._counted(rank)}
        alone = hosts * threads <= PROCESSORS
        mine = set(range(rank * threads, (rank + 1) * threads)) if alone else set(range(PROCESSORS))
        return subprocess.Popen(
            [*self._host, *words],
            env=os.environ | {name: str(value) for name, value in {**shared, **own}.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, mine),
        )

    def _counted(self, rank: int) -> Path:
        return self._folder / f"counted-{rank}"


def exchanged(rank: int, port: int) -> tuple[float, float]:
    """One of two hosts: seconds of a gather of few bytes, and of one of many, lower quartiles."""
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", world_size=2, rank=rank)
    cluster, found = Cluster(rank, 2), []
    for size, count in ((FEW_BYTES, 400), (MANY_BYTES, 20)):
        array = {"array": torch.zeros(size, dtype=torch.uint8)}
        taken = []
        for _ in range(count):
            began = time.perf_counter()
            cluster.gather(array)
            taken.append(time.perf_counter() - began)
        found.append(statistics.quantiles(taken, n=4)[0])  # others on the machine disturb some of them
    dist.destroy_process_group()
    return found[0], found[1]


def link() -> Link:
    """What an exchange between two processes takes."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        few_s, many_s = max(pool.map(partial(exchanged, port=free_port()), range(2)))
    return Link(few_s / 2, (MANY_BYTES - FEW_BYTES) / (many_s - few_s))


@dataclass(frozen=True)
class Calibration:
    """What the short jobs of an algorithm took. `fewer_updates` has a fifth of the updates; None where updates cost nothing."""

    one_file: Ran
    many_files: Ran
    two_threads: Ran
    two_hosts: Ran
    fewer_updates: Ran | None = None

    def work(self, job: Job, place: Workplace, link: Link) -> Work:
        """What rows, updates, start and end take.

        Rows and updates are told by the processor time of one thread, which other programs disturb less than the clock.
        """
        first, all_of_it, two = (place.data(job, files) for files in (1, place.short_files, 2))
        update_s = self._update_s(all_of_it)
        added_s = (
            self.many_files.processor_s - self.one_file.processor_s - (all_of_it.updates - first.updates) * update_s
        )
        row_s = max(0.0, added_s / (all_of_it.rows - first.rows))
        fixed_s = self.one_file.processor_s - first.rows * row_s - first.updates * update_s
        saved_s = self.many_files.seconds - self.two_threads.seconds
        parallel_s = min(row_s, max(0.0, 2 * saved_s / all_of_it.rows))
        exchanging_s = sum(exchange.seconds(2, link) for exchange in job.exchanges(two, 2))
        updating_s = (two.updates - first.updates) * update_s
        join_s = max(0.0, self.two_hosts.seconds - self.one_file.seconds - exchanging_s - updating_s)
        return Work(fixed_s, join_s, row_s - parallel_s, parallel_s, update_s, job.reads)

    def _update_s(self, data: Data) -> float:
        if self.fewer_updates is None:
            return 0.0
        return max(0.0, self.many_files.processor_s - self.fewer_updates.processor_s) / (0.8 * data.updates)


def calibration_runs(job: Job, place: Workplace) -> dict[str, Callable[[], Ran]]:
    """The short jobs, by their names in `Calibration`."""
    fewer = job.with_updates(5 * job.update_rows) if job.update_rows else job
    return {
        "one_file": lambda: place.run(job, 1),
        "many_files": lambda: place.run(job, place.short_files),
        "two_threads": lambda: place.run(job, place.short_files, threads=2),
        "fewer_updates": lambda: place.run(fewer, place.short_files),
        "two_hosts": lambda: place.run(job, 2, hosts=2),
    }


def measured(job: Job, place: Workplace, rounds: int, hosts: Sequence[int]) -> tuple[Calibration, dict[int, Ran]]:
    """The short jobs and those that are predicted, in turns: medians of each."""
    runs = {
        **calibration_runs(job, place),
        **{str(count): partial(place.run, job, place.most_files, count) for count in hosts},
    }
    if not job.update_rows:
        del runs["fewer_updates"]
    found: dict[str, list[Ran]] = {name: [] for name in runs}
    for turn in range(rounds):
        for name, run in runs.items():
            found[name].append(run())
            print(f"{job.algorithm}, round {turn + 1}, {name}: {found[name][-1].seconds:.2f} s", file=sys.stderr)
    middle = {name: median_of(each) for name, each in found.items()}
    short = {name: ran for name, ran in middle.items() if not name.isdecimal()}
    return Calibration(**short), {count: middle[str(count)] for count in hosts}


def median_of(runs: Sequence[Ran]) -> Ran:
    """The median of each figure."""
    return Ran(*(statistics.median(figures) for figures in zip(*map(astuple, runs), strict=True)))


def children_s() -> float:
    """Processor seconds of the children of this process that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
