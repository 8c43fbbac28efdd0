"""Measure what Wildsage adds to a script of the user's: `python -m benchmarks.scripts` starts a job, and an endpoint.

Each container is a new Python with the job's folder at /opt/ml, as `wildsage up` starts it. The job's script prints the time and
ends; the endpoint's model_fn returns at once, so that both take what Wildsage adds. The same Python runs them alone for comparison.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.report import Report
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.paths import DEFAULT_ROOT, OptML
from wildsage.local_runner.processes import mounts

SCRIPT = "import time\nprint('BEGAN', time.time(), flush=True)\n"
MODEL = "import sklearn\ndef model_fn(model_dir):\n    return None\n"
WITHIN_S = 60.0
COLUMNS = ("start of", "s", "processor s", "alone, s", "alone, processor s", "allowed above it, s")


def main(
    rounds: Annotated[int, typer.Option(help="Starts of each.")] = 5,
    write: Annotated[bool, typer.Option(help="Write the report to benchmarks/results.")] = True,
) -> None:
    """Measure, and show the table."""
    rows = [
        row("a script's job, to its first line", start_job, SCRIPT, "1", rounds),
        row("an endpoint, to its first ping", start_endpoint, "import sklearn, flask, gunicorn", "2", rounds),
    ]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    notes = f"Medians of {rounds} starts. The load over 1, 5 and 15 minutes at the end was {load} on {os.cpu_count()} cores."
    report = Report(
        "scripts", "What is added to a script", "python -m benchmarks.scripts", COLUMNS, rows, notes, ("scikit-learn",)
    )
    report.show()
    if write:
        print(report.write(date.today()))


def row(name: str, start: Callable[[OptML], float], alone: str, allowed: str, rounds: int) -> list[str]:
    """Medians of starts, and of `alone` in a Python of its own."""
    ours = [measured(lambda: in_folder(start)) for _ in range(rounds)]
    theirs = [measured(lambda: run_alone(alone)) for _ in range(rounds)]
    figures = [median(column) for found in (ours, theirs) for column in zip(*found, strict=True)]
    return [name, *(f"{figure:.2f}" for figure in figures), allowed]


def measured(work: Callable[[], float]) -> tuple[float, float]:
    """Seconds that `work` reports, and processor seconds of the processes that it waited for."""
    before = processor_s()
    return work(), processor_s() - before


def processor_s() -> float:
    """Processor seconds of all ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_folder(start: Callable[[OptML], float]) -> float:
    """Start a container in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        opt_ml = OptML(Path(folder) / "algo-1")
        opt_ml.make_folders()
        return start(opt_ml)


def run_alone(code: str) -> float:
    """Seconds of the code in a Python of its own."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.monotonic() - began


def start_job(opt_ml: OptML) -> float:
    """Seconds from the start of the container to the first line of the script."""
    source = opt_ml.root.with_name("source")
    source.mkdir()
    (source / "train.py").write_text(SCRIPT)
    given = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"file://{source}"}
    TrainingJob(hyperparameters={name: json.dumps(value) for name, value in given.items()}).write(opt_ml)
    began = time.time()
    done = subprocess.run(container(opt_ml, "train"), env=variables(), check=True, capture_output=True, text=True)
    return float(done.stdout.partition("\nBEGAN ")[2].split()[0]) - began


def start_endpoint(opt_ml: OptML) -> float:
    """Seconds from the start of the container until it answers a ping."""
    code = opt_ml.model / "code"
    code.mkdir()
    (code / "inference.py").write_text(MODEL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = {"WILDSAGE_BIND_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": str(port)}
    began = time.monotonic()
    server = subprocess.Popen(
        container(opt_ml, "serve"),
        env={**variables(), **address, "SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not answers(f"http://127.0.0.1:{port}/ping"):
            if time.monotonic() > began + WITHIN_S or server.poll() is not None:
                raise RuntimeError("the endpoint did not answer a ping")
            time.sleep(0.02)
        return time.monotonic() - began
    finally:
        server.terminate()
        server.wait()


def container(opt_ml: OptML, action: str) -> list[str]:
    """The command of a container whose folder is at /opt/ml."""
    return mounts.with_mounts(
        [(opt_ml.root, DEFAULT_ROOT)], [sys.executable, "-P", "-m", "wildsage.containers", action]
    )


def variables() -> dict[str, str]:
    """Those of a container of scikit-learn's image."""
    return {**os.environ, "SAGEMAKER_DATA_PATH": DEFAULT_ROOT, "WILDSAGE_FRAMEWORK": "scikit-learn"}


def answers(url: str) -> bool:
    """Whether a server answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    typer.run(main)
