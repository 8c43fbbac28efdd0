"""Measure pages of lists by the number of jobs: `python -m benchmarks.listings` asks servers with 100 and with 10,000 of each.

The state is written as operations write it, then a server is started on it and asked over HTTP.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
import urllib3
from botocore.config import Config

from benchmarks.report import Report
from wildsage.local_runner.console import PATH
from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.lineage import COMPONENT, EXPERIMENT, TRIAL
from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs
from wildsage.local_runner.jobs.processing.job import KIND as PROCESSING_JOB
from wildsage.local_runner.jobs.store import TAGS, Document, Store
from wildsage.local_runner.jobs.training.states import KIND as TRAINING_JOB
from wildsage.local_runner.jobs.transform.job import KIND as TRANSFORM_JOB
from wildsage.local_runner.jobs.tuning.job import KIND as TUNING_JOB
from wildsage.local_runner.server import forked
from wildsage.local_runner.settings import ServerSettings

SIZES = (100, 10_000)
BEGAN = 1_700_000_000.0
STATUSES = ("Completed", "Completed", "Completed", "Failed", "Stopped")
PER_TRIAL = 5
MODEL, ENDPOINT_CONFIG = Kind("model", "Model", "model"), Kind("endpoint-config", "EndpointConfig", "configuration")
KINDS = (TRAINING_JOB, TRANSFORM_JOB, PROCESSING_JOB, TUNING_JOB, MODEL, ENDPOINT_CONFIG, EXPERIMENT, TRIAL, COMPONENT)
STOP_WITHIN_S = 20.0
REGION = "us-east-1"
NOTES = """A server holds that many of each resource, of objects in one bucket and of log streams in one group; documents of jobs
have 3 kB. **page**: the median of the calls, by boto3 over HTTP with its parsing, of pages of the size in the row; 10 where the row
says none. **answer**: the part of it from sending the request until the last byte of the answer is here, without boto3's parsing,
which takes most of the time of long pages. Middle: a page from the middle of the list. Search selects by status, name, time of
creation, and trial and experiment of a component; it reads all documents that these do not exclude for other properties. A page of
the console lists jobs of four kinds, so four times as many."""


def document(kind: Kind, number: int) -> Document:
    """A resource that has ended, about as large as those of real jobs."""
    name = name_of(kind, number)
    moment = BEGAN + number
    return {
        kind.arn_field: f"arn:aws:sagemaker:{REGION}:000000000000:{kind.name}/{name}",
        kind.status_field: STATUSES[number % len(STATUSES)],
        "SecondaryStatus": "Completed",
        "CreationTime": moment,
        "LastModifiedTime": moment + 60,
        "HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": {"MaxParallelTrainingJobs": 1}},
        "TuningJobArn": f"arn:aws:sagemaker:{REGION}:000000000000:{TUNING_JOB.name}/{name_of(TUNING_JOB, number)}",
        "TrainingJobDefinitionName": "",
        "TuningObjective": {"Type": "Minimize", "MetricName": "loss"},
        "TunedHyperParameters": {},
        "ExperimentName": name_of(EXPERIMENT, number // PER_TRIAL),
        "Trials": [name_of(TRIAL, number // PER_TRIAL)],
        "HyperParameters": {"k": str(number % 10)},
        "Environment": {"PADDING": "x" * 2_400},
        kind.name_field: name,
    }


def name_of(kind: Kind, number: int) -> str:
    """Names whose order differs from that of their creation."""
    return f"{kind.stem[:20]}-{number * 7919 % 1_000_003:07d}"


def fill(data: Path, count: int) -> None:
    """Write the state of a server with so many resources of every kind."""
    folder = ServerSettings(data).region(REGION)
    folder.path.mkdir(parents=True)
    store, logs = Store(folder.state), Logs(folder.logs)
    for kind in KINDS:
        for number in range(count):
            made = document(kind, number)
            store.insert(kind.name, made[kind.name_field], made)
            store.insert(TAGS, made[kind.arn_field], {"team": "red"})
    for number in range(count):
        writer = logs.writer(TRAINING_JOBS, f"{name_of(TRAINING_JOB, number)}/algo-1-1")
        writer("a line")
        writer.close()
    store.close()


@contextmanager
def served(count: int) -> Iterator[Callable[[str], Any]]:
    """Clients of a server that holds so many resources of every kind."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        fill(data, count)
        server = forked.start(ServerSettings(data))
        session = boto3.Session("test", "test", region_name=REGION)
        try:
            yield lambda name: session.client(
                name, endpoint_url=server.endpoint, config=Config(parameter_validation=False)
            )
        finally:
            server.stop(STOP_WITHIN_S)


def upload(s3: Any, count: int) -> None:
    """A bucket with so many objects."""
    s3.create_bucket(Bucket="bench")
    for number in range(count):
        s3.put_object(Bucket="bench", Key=f"folder-{number % 10}/{number:06d}", Body=b"x")


def calls(sagemaker: Any, logs: Any, s3: Any, count: int) -> Mapping[str, Callable[[], Any]]:
    """What is measured, by the words of its row."""
    jobs, search = sagemaker.list_training_jobs, sagemaker.search
    middle = {"CreationTimeAfter": BEGAN + count / 2}
    trial, experiment = name_of(TRIAL, 3), name_of(EXPERIMENT, 3)
    named = {"Name": "TrainingJobName", "Operator": "Equals", "Value": name_of(TRAINING_JOB, 7)}
    setting = {"Name": "HyperParameters.k", "Operator": "Equals", "Value": "7"}
    of_experiment = {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": experiment}
    failed = {"Name": "TrainingJobStatus", "Operator": "Equals", "Value": "Failed"}
    return {
        "training jobs": jobs,
        "training jobs, 100 a page": lambda: jobs(MaxResults=100),
        "training jobs, middle": lambda: jobs(**middle),
        "training jobs, by name": lambda: jobs(SortBy="Name", SortOrder="Descending"),
        "training jobs, by status": lambda: jobs(SortBy="Status"),
        "training jobs, that failed": lambda: jobs(StatusEquals="Failed"),
        "training jobs, changed lately": lambda: jobs(LastModifiedTimeAfter=BEGAN + 55 + count),
        "training jobs, name contains 0042": lambda: jobs(NameContains="0042"),
        "training jobs, name contains nothing": lambda: jobs(NameContains="nothing"),
        "transform jobs": sagemaker.list_transform_jobs,
        "processing jobs": sagemaker.list_processing_jobs,
        "tuning jobs": sagemaker.list_hyper_parameter_tuning_jobs,
        "training jobs of a tuning job": lambda: sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name_of(TUNING_JOB, 5)
        ),
        "models": sagemaker.list_models,
        "endpoint configurations": sagemaker.list_endpoint_configs,
        "experiments": sagemaker.list_experiments,
        "trials of an experiment": lambda: sagemaker.list_trials(ExperimentName=experiment),
        "components of a trial": lambda: sagemaker.list_trial_components(TrialName=trial),
        "components of an experiment": lambda: sagemaker.list_trial_components(ExperimentName=experiment),
        "log streams": lambda: logs.describe_log_streams(logGroupName=TRAINING_JOBS),
        "log streams, last written": lambda: logs.describe_log_streams(
            logGroupName=TRAINING_JOBS, orderBy="LastEventTime", descending=True
        ),
        "log streams of a job": lambda: logs.describe_log_streams(
            logGroupName=TRAINING_JOBS, logStreamNamePrefix=name_of(TRAINING_JOB, 5)
        ),
        "objects, 100 a page": lambda: s3.list_objects_v2(Bucket="bench", MaxKeys=100, StartAfter="folder-5"),
        "objects, 1,000 a page": lambda: s3.list_objects_v2(Bucket="bench"),
        "objects, folders": lambda: s3.list_objects_v2(Bucket="bench", Delimiter="/"),
        "search by name": lambda: search(Resource="TrainingJob", SearchExpression={"Filters": [named]}),
        "search by status": lambda: search(Resource="TrainingJob", SearchExpression={"Filters": [failed]}),
        "search by status and hyperparameter": lambda: search(
            Resource="TrainingJob", SearchExpression={"Filters": [failed, setting]}
        ),
        "search by hyperparameter": lambda: search(Resource="TrainingJob", SearchExpression={"Filters": [setting]}),
        "search by experiment": lambda: search(
            Resource="ExperimentTrialComponent", SearchExpression={"Filters": [of_experiment]}
        ),
    }


class AnswerTimes:
    """How long the answers to a client's requests took, in seconds: from before sending to before parsing."""

    def __init__(self, *clients: Any) -> None:
        self.taken: list[float] = []
        self._began = 0.0
        for client in clients:
            client.meta.events.register("before-send", self._sent)
            client.meta.events.register("before-parse", self._answered)

    def visit(self, address: str) -> None:
        """Load a page as a browser does, all of which is the answer."""
        self._sent()
        response = urllib3.request("GET", address)
        self._answered()
        if response.status != 200:
            raise RuntimeError(f"{address} answered with status {response.status}.")

    def _sent(self, **_: Any) -> None:
        self._began = time.perf_counter()

    def _answered(self, **_: Any) -> None:
        self.taken.append(time.perf_counter() - self._began)


def pages(endpoint: str, answers: AnswerTimes) -> Mapping[str, Callable[[], None]]:
    """Lists of the console, by the words of their rows."""
    paths = {
        "console: overview": "/",
        "console: jobs, 50 a page": "/jobs/",
        "console: jobs whose name contains nothing": "/jobs/?name=nothing",
        "console: objects, 500 a page": "/s3/buckets/bench?prefix=folder-5/",
    }
    return {name: partial(answers.visit, f"{endpoint}{PATH}{path}") for name, path in paths.items()}


def measured(count: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of each call and of the answer in it, medians of `rounds`."""
    with served(count) as client:
        sagemaker, logs, s3 = clients = client("sagemaker"), client("logs"), client("s3")
        upload(s3, count)
        answers = AnswerTimes(*clients)
        found = {}
        lists = {**calls(sagemaker, logs, s3, count), **pages(sagemaker.meta.endpoint_url, answers)}
        for name, call in lists.items():
            call()
            answers.taken.clear()
            taken = [_seconds(call) for _ in range(rounds)]
            found[name] = 1000 * statistics.median(taken), 1000 * statistics.median(answers.taken)
        return found


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main(
    rounds: Annotated[int, typer.Option(help="Calls of each.")] = 21,
    write: Annotated[bool, typer.Option(help="Write the report to benchmarks/results.")] = True,
) -> None:
    """Measure, and show the table."""
    by_size = {count: measured(count, rounds) for count in SIZES}
    columns = ("list", *(f"{part} of {count:,}, ms" for count in SIZES for part in ("page", "answer")))
    rows = [
        (name, *(f"{part_ms:.1f}" for count in SIZES for part_ms in by_size[count][name])) for name in by_size[SIZES[0]]
    ]
    report = Report("listings", "Pages of lists", "python -m benchmarks.listings", columns, rows, NOTES, ("boto3",))
    report.show()
    if write:
        print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
