"""Measure what InvokeEndpoint adds to a container's own time: `python -m benchmarks.invoke`.

The same request goes to one k-means endpoint in three ways that take turns: to its container directly, through
InvokeEndpoint with the same HTTP client, and through boto3.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import boto3
import numpy as np
import psutil
import typer
import urllib3

from benchmarks.report import Report
from wildsage.local_runner.server import background, lock

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
NAME = "speed"
COLUMNS = ("request", "p50, ms", "p90, ms", "added at p50, ms")
SCOPE = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
NOTES = """One row of 34 numbers as CSV to a k-means endpoint with one instance, one request at a time over connections kept
alive; the three ways take turns. The container's own time is what the same HTTP client measures when it asks the
container itself. "Added" is the difference of the medians; boto3's contains its own work of building, signing and
parsing, which a call to AWS has too."""


def client(service: str, endpoint: str) -> Any:
    """A boto3 client of the local AWS."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def deploy(endpoint: str) -> None:
    """Train k-means on rows of CSV and deploy it."""
    s3, sagemaker = client("s3", endpoint), client("sagemaker", endpoint)
    s3.create_bucket(Bucket=NAME)
    rows = np.random.default_rng(0).random((500, 34))
    text = io.StringIO()
    np.savetxt(text, rows, delimiter=",", fmt="%.6f")
    s3.put_object(Bucket=NAME, Key="train/rows.csv", Body=text.getvalue().encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{NAME}/train/"}
    sagemaker.create_training_job(
        TrainingJobName=NAME,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        HyperParameters={"k": "10", "feature_dim": "34", "mini_batch_size": "500"},
        InputDataConfig=[
            {"ChannelName": "train", "ContentType": "text/csv;label_size=0", "DataSource": {"S3DataSource": source}}
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{NAME}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=NAME, WaiterConfig={"Delay": 1})
    artifact = sagemaker.describe_training_job(TrainingJobName=NAME)["ModelArtifacts"]["S3ModelArtifacts"]
    sagemaker.create_model(
        ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact}
    )
    variant = {"VariantName": "v", "ModelName": NAME, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME, WaiterConfig={"Delay": 1})


def container_url(data: Path) -> str:
    """The address of the endpoint's container: the only child server that answers /ping with an empty body."""
    found = lock.running(data)
    assert found, f"no server on {data}"
    ports = {
        connection.laddr.port
        for process in psutil.Process(found.pid).children(recursive=True)
        for connection in process.net_connections(kind="tcp4")
        if connection.status == psutil.CONN_LISTEN
    }
    urls = [f"http://127.0.0.1:{port}" for port in sorted(ports)]
    return next(url for url in urls if urllib3.request("GET", f"{url}/ping").data == b"")


def ways(endpoint: str, container: str) -> dict[str, Callable[[], Any]]:
    """The three ways to send the same request."""
    body = ",".join(["0.5"] * 34).encode()
    http = urllib3.PoolManager(retries=False)
    runtime = client("sagemaker-runtime", endpoint)
    content_type = {"Content-Type": "text/csv"}
    signed = {**content_type, "Authorization": SCOPE}
    url = f"{endpoint}/endpoints/{NAME}/invocations"
    return {
        "container": lambda: http.request("POST", f"{container}/invocations", body=body, headers=content_type).data,
        "InvokeEndpoint": lambda: http.request("POST", url, body=body, headers=signed).data,
        "InvokeEndpoint, boto3": lambda: runtime.invoke_endpoint(EndpointName=NAME, Body=body, ContentType="text/csv")[
            "Body"
        ].read(),
    }


def measured(asked: Mapping[str, Callable[[], Any]], requests: int) -> dict[str, list[float]]:
    """Milliseconds of every request, by way."""
    answers = {way(): name for name, way in asked.items()}
    assert len(answers) == 1, f"not the same answer: {answers}"
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(requests):
        for name, way in asked.items():
            began = time.perf_counter()
            way()
            taken[name].append(1000 * (time.perf_counter() - began))
    return taken


def rows(taken: Mapping[str, list[float]]) -> list[tuple[str, ...]]:
    """The table: median and 90th percentile in milliseconds, and what each way adds to the container's own median."""
    own = statistics.median(taken["container"])
    return [
        (
            name,
            f"{statistics.median(each):.2f}",
            f"{statistics.quantiles(each, n=10)[8]:.2f}",
            f"{statistics.median(each) - own:.2f}" if name != "container" else "",
        )
        for name, each in taken.items()
    ]


def main(requests: Annotated[int, typer.Option(help="Requests of each way.")] = 1000) -> None:
    """Measure, print the table, and write the report."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        with background.server(data) as server:
            deploy(server.endpoint)
            taken = measured(ways(server.endpoint, container_url(data)), requests)
    report = Report(
        name="invoke",
        title="InvokeEndpoint beside the container alone",
        command=f"python -m benchmarks.invoke --requests {requests}",
        columns=COLUMNS,
        rows=rows(taken),
        notes=NOTES,
        packages=("boto3", "gunicorn", "flask", "urllib3"),
    )
    report.show()
    print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
