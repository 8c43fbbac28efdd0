"""Measure jobs from call to return: `python -m benchmarks.jobs` times 24 jobs at once, one `fit` and one `deploy`.

Warm: containers are forks of an interpreter that has imported torch, as `wildsage up` starts them. Cold: each container is a new
Python, as `python -m wildsage.containers` starts it. A second table compares two ways to opt out of the SDK's telemetry: its own
file of defaults, which it validates at every use, and the patch that `wildsage run` makes.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import boto3
import numpy as np
import typer

from benchmarks.report import Report
from wildsage.local_runner.client import environment as client
from wildsage.local_runner.server import forked
from wildsage.local_runner.settings import CONTAINERS, ServerSettings

JOBS = 24
ROWS, FEATURES, CLUSTERS = 3_220, 34, 7  # the counties of the census
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
PATIENCE_S = 300.0
STOP_WITHIN_S = 30.0
TURNS = 3
COMMANDS = {"warm": CONTAINERS, "cold": (sys.executable, "-u", *CONTAINERS[1:])}
COLUMNS = ("containers", "24 jobs, s", "fit, first, s", "fit, s", "deploy, first, s", "deploy, s", "transform, s")
OPT_OUTS = ("defaults file", "patch")
OPT_OUT_COLUMNS = ("telemetry opted out by", "validations", "fit, s", "its processor s", "deploy, s", "its processor s")
DEFAULTS = """SchemaVersion: "1.0"
SageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}
"""
OPT_OUT_NOTES = f"""Two programs take turns on one warm server: KMeans with k = {CLUSTERS} on {ROWS} × {FEATURES} rows by SDK v2, as
`wildsage run` runs it, polling shortened. With the SDK's own file of defaults it validates its configuration again and again; the
patch of `wildsage run` needs no file. **Validations** are those of one round: KMeans(), `fit` and `deploy`. The seconds are
medians from call to return; processor seconds are those of the client's process alone."""
NOTES = f"""The server is fresh on an empty folder and, where warm, has had its imports done. **24 jobs**: k-means with k = 1 … 24
on {ROWS} × {FEATURES} rows, created one after another through boto3, from the first call until the last is Completed; as many run
at a time as the machine has cores. **fit**, **deploy** and **transform**: SDK v2 in a script as `wildsage run` runs it, polling
shortened, from call to return, the import of the SDK and the upload aside: KMeans with k = {CLUSTERS} on the same rows; the first
and the median of the following ones, and the median of all transforms."""

SCRIPT = """
import json, os, time
import jsonschema
validate, validations = jsonschema.validate, []
jsonschema.validate = lambda *args, **settings: validations.append(1) or validate(*args, **settings)
import numpy as np, sagemaker
rows = np.load(os.environ["ROWS"])
role = sagemaker.get_execution_role()
taken = {name: [] for name in ("fit", "deploy", "transform", "fit, processor", "deploy, processor", "validations")}
def timed(name, call):
    began, processor_began = time.perf_counter(), time.process_time()
    answer = call()
    taken[name].append(time.perf_counter() - began)
    taken.setdefault(f"{name}, processor", []).append(time.process_time() - processor_began)
    return answer
for round in range(int(os.environ["ROUNDS"]) + 1):
    validations.clear()
    estimator = sagemaker.KMeans(role=role, instance_count=1, instance_type="ml.c4.xlarge", k=7)
    records = estimator.record_set(rows)
    timed("fit", lambda: estimator.fit(records, logs=False))
    predictor = timed("deploy", lambda: estimator.deploy(1, "ml.m4.xlarge"))
    taken["validations"].append(len(validations))
    predictor.delete_endpoint()
    source = f"s3://{estimator.sagemaker_session.default_bucket()}/rows.csv"
    sagemaker.s3.S3Uploader.upload_string_as_file_body("\\n".join(",".join(map(str, r)) for r in rows.tolist()), source)
    transformer = estimator.transformer(1, "ml.m4.xlarge")
    timed("transform", lambda: transformer.transform(source, content_type="text/csv", split_type="Line", wait=True, logs=False))
print(json.dumps(taken))
"""


def counties() -> np.ndarray:
    """Rows of the census's size and shape, (ROWS, FEATURES)."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(CLUSTERS, FEATURES))
    return (centers[rng.integers(0, CLUSTERS, ROWS)] + rng.normal(size=(ROWS, FEATURES))).astype(np.float32)


@contextmanager
def served(command: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Address and folder of a fresh server that has finished its preparations in the background."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        server = forked.start(ServerSettings(data, command=tuple(command), hold_first_describe_s=0, warm_up=True))
        try:
            time.sleep(5)
            yield server.endpoint, data
        finally:
            server.stop(STOP_WITHIN_S)


def jobs_at_once(endpoint: str, rows: np.ndarray) -> float:
    """Seconds until 24 jobs have completed."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    s3, sagemaker = (session.client(name, endpoint_url=endpoint) for name in ("s3", "sagemaker"))
    text = io.BytesIO()
    np.savetxt(text, rows, delimiter=",", fmt="%.6g")
    s3.create_bucket(Bucket="bench")
    s3.put_object(Bucket="bench", Key="rows/a.csv", Body=text.getvalue())
    began = time.perf_counter()
    for k in range(1, JOBS + 1):
        sagemaker.create_training_job(**_request(k))
    while time.perf_counter() < began + PATIENCE_S:
        found = sagemaker.list_training_jobs(MaxResults=100, StatusEquals="Completed")["TrainingJobSummaries"]
        if len(found) == JOBS:
            return time.perf_counter() - began
        time.sleep(0.1)
    raise TimeoutError(f"{len(found)} of {JOBS} jobs have completed in {PATIENCE_S:.0f} s")


def _request(k: int) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bench/rows/", "S3DataDistributionType": "FullyReplicated"}
    channel = {
        "ChannelName": "train",
        "ContentType": "text/csv;label_size=0",
        "DataSource": {"S3DataSource": source},
    }
    return {
        "TrainingJobName": f"k-{k}",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"k": str(k), "feature_dim": str(FEATURES), "mini_batch_size": "500"},
        "InputDataConfig": [channel],
        "OutputDataConfig": {"S3OutputPath": "s3://bench/output"},
        "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def by_the_sdk(
    endpoint: str, data: Path, rows: np.ndarray, rounds: int, opt_out: str = OPT_OUTS[1]
) -> dict[str, list[float]]:
    """Seconds of each call of the script, by name."""
    np.save(data / "rows.npy", rows)
    environment = client.client_environment(endpoint, data, False, os.environ)
    if opt_out != OPT_OUTS[1]:
        (data / "defaults.yaml").write_text(DEFAULTS)
        environment["SAGEMAKER_USER_CONFIG_OVERRIDE"] = str(data / "defaults.yaml")
    environment |= {"ROWS": str(data / "rows.npy"), "ROUNDS": str(rounds)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The script of the SDK ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measured(name: str, rounds: int) -> list[str]:
    """One row of the table."""
    rows = counties()
    with served(COMMANDS[name]) as (endpoint, _):
        at_once_s = jobs_at_once(endpoint, rows)
    with served(COMMANDS[name]) as (endpoint, data):
        taken = by_the_sdk(endpoint, data, rows, rounds)
    pairs = [(taken[call][0], median(taken[call][1:])) for call in ("fit", "deploy")]
    figures = [at_once_s, *(seconds for pair in pairs for seconds in pair), median(taken["transform"])]
    return [name, *(f"{seconds:.1f}" for seconds in figures)]


def opted_out(rounds: int) -> list[list[str]]:
    """The rows of the second table. The first call of each program is left out."""
    rows, found = counties(), {name: dict[str, list[float]]() for name in OPT_OUTS}
    with served(COMMANDS["warm"]) as (endpoint, data):
        for _ in range(TURNS):
            for name in OPT_OUTS:
                for call, taken in by_the_sdk(endpoint, data, rows, rounds, name).items():
                    found[name].setdefault(call, []).extend(taken[1:])
    calls = ("fit", "fit, processor", "deploy", "deploy, processor")
    return [
        [name, f"{median(taken['validations']):.0f}", *(f"{median(taken[call]):.2f}" for call in calls)]
        for name, taken in found.items()
    ]


def main(
    rounds: Annotated[int, typer.Option(help="Calls after the first of each.")] = 3,
    write: Annotated[bool, typer.Option(help="Write the reports to benchmarks/results.")] = True,
    telemetry_only: Annotated[bool, typer.Option(help="Measure the second table alone.")] = False,
) -> None:
    """Measure, and show the tables."""
    shared: Any = {"command": "python -m benchmarks.jobs", "packages": ("torch", "sagemaker", "boto3")}
    if not telemetry_only:
        jobs = [measured(name, rounds) for name in COMMANDS]
        _finish(Report("jobs", "Jobs from call to return", columns=COLUMNS, rows=jobs, notes=NOTES, **shared), write)
    title = "The SDK's configuration, validated or not"
    rows = opted_out(rounds)
    _finish(Report("jobs_telemetry", title, columns=OPT_OUT_COLUMNS, rows=rows, notes=OPT_OUT_NOTES, **shared), write)


def _finish(report: Report, write: bool) -> None:
    report.show()
    if write:
        print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
