"""Compare k-means in a Docker container with k-means in a process: `python -m benchmarks.docker [--rounds 5]`.

Measures the time from the start of a job to its first log line and from the start of an endpoint to its first healthy
/ping, and the sizes of the images that are built.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import docker
import urllib3

from benchmarks.report import Report
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Backend, Launch
from wildsage.local_runner.backends.docker import DockerBackend
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.processes.python import command

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROWS = b"0,0\n9,0\n0,9\n" * 400


def job_tree(folder: Path, isolated: bool) -> OptML:
    """Write the /opt/ml folder of a small job."""
    tree = OptML(folder)
    tree.make_folders()
    settings = {"k": "3", "feature_dim": "2", "mini_batch_size": "100"}
    interface = "eth0" if isolated else "lo"
    TrainingJob(settings, {"train": ChannelConfig("text/csv;label_size=0")}, network_interface=interface).write(tree)
    tree.channel("train").mkdir()
    (tree.channel("train") / "rows.csv").write_bytes(ROWS)
    return tree


def first_line_s(backend: Backend, folder: Path) -> tuple[float, float]:
    """Seconds from the start of a job to its first log line, and to its end."""
    tree = job_tree(folder, backend.isolates)
    seen: list[float] = []
    began = time.perf_counter()
    (job,) = backend.train([Launch(IMAGE, tree.root, {}, {}, lambda _: seen.append(time.perf_counter()))])
    status = job.wait(300)
    ended = time.perf_counter()
    if status or not seen:
        raise SystemExit(f"The job ended with status {status}.")
    return seen[0] - began, ended - began


def in_service_s(backend: Backend, folder: Path, model: Path) -> float:
    """Seconds from the start of an endpoint's container to the first healthy /ping."""
    tree = OptML(folder)
    tree.root.mkdir(parents=True)
    tree.model.symlink_to(model) if not backend.isolates else _copy(model, tree.model)
    began = time.perf_counter()
    server = backend.serve(Launch(IMAGE, tree.root, {}, {}, lambda _: None))
    http, url = urllib3.PoolManager(retries=False), server.url
    while not _healthy(http, url):
        time.sleep(0.01)
    taken = time.perf_counter() - began
    server.kill()
    server.wait()
    return taken


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())


def _healthy(http: urllib3.PoolManager, url: str) -> bool:
    try:
        return http.request("GET", f"{url}/ping", timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def measure(rounds: int, data: Path, tell: Callable[[str], None]) -> list[list[str]]:
    """A row of seconds for each backend, medians over the rounds. `tell` gets the progress."""
    backends: dict[str, Backend] = {
        "process": ProcessBackend(command("wildsage.containers")),
        "container": DockerBackend(data),
    }
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in backends}
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        for name, backend in backends.items():
            job = data / "jobs" / f"{name}-{number}"
            line_s, end_s = first_line_s(backend, job)
            ping_s = in_service_s(backend, data / "endpoints" / f"{name}-{number}", OptML(job).model)
            taken[name].append((line_s, end_s, ping_s))
    for backend in backends.values():
        backend.close()
    return [
        [name, *(f"{statistics.median(column):.2f} s" for column in zip(*found, strict=True))]
        for name, found in taken.items()
    ]


def sizes() -> str:
    """Wildsage's images in the engine, with their sizes."""
    found = {tag: image.attrs["Size"] for image in docker.from_env().images.list() for tag in image.tags}
    ours = {tag: size for tag, size in found.items() if tag.startswith("wildsage/")}
    return ", ".join(f"{tag} {size / 1e6:.0f} MB" for tag, size in sorted(ours.items()))


def main() -> None:
    """Measure, and print and write the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(rounds, Path(folder), lambda text: print(text, file=sys.stderr))
    report = Report(
        name="docker",
        title="K-means in a container and as a process: time to the first line, to the end, to the first healthy /ping",
        command=f"python -m benchmarks.docker --rounds {rounds}",
        columns=("runs as", "first line of a job", "end of the job", "endpoint answers"),
        rows=rows,
        notes=f"Medians of {rounds} rounds that take turns; 1,200 rows of two columns. Images: {sizes()}.",
        packages=("torch", "docker"),
    )
    report.show()
    print(report.write(date.today()))


if __name__ == "__main__":
    main()
