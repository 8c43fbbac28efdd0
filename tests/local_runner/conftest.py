"""A local AWS in a process of its own, and boto3 clients for it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config

from tests.forks import Forks, Program, serving
from wildsage.local_runner.settings import RegionFolder, ServerSettings
from wildsage.local_runner.wire.constraints import problems

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
BUCKET = "bucket"
REGION = "us-east-1"
WITHIN_S = 240
RUN = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
MODELS = botocore.session.Session().get_component("data_loader")
"""Keeps what it has read of AWS's models. Without it, each session would read all of them again, which takes a tenth of a second."""


def expect_the_shape(http_response: Any, parsed: dict, model: Any, **_: Any) -> None:
    """Every answer that any test gets has all members, enums and patterns that AWS's model promises."""
    if http_response.status_code < 300 and model.output_shape is not None:
        broken = list(problems(parsed, model.output_shape))
        assert not broken, f"{model.name} answered against its model: {broken}"


@dataclass
class Aws:
    """A running server, with the calls that most tests make."""

    data: Path
    process: subprocess.Popen | Program
    endpoint: str
    names: Iterator[int] = field(default_factory=count)

    @classmethod
    def start(cls, data: Path, *arguments: str, forks: Forks | None = None) -> Aws:
        """Start a server of a data folder in a process of its own: a new Python, or a fork of one that has imported it."""
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        words = [str(Path(__file__).with_name("run_server.py")), str(data), *arguments]
        if forks:
            process = forks.start(RUN, *words, environment=environment)
        else:
            process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True, env=environment)
        endpoint = process.stdout.readline().strip()
        assert endpoint.startswith("http://127.0.0.1:"), f"no server: {endpoint!r}"
        return cls(data, process, endpoint)

    def stop(self) -> None:
        """End the server with SIGTERM, and wait for it."""
        self.process.terminate()
        self.process.wait(WITHIN_S)

    def client(self, service: str, user_agent: str | None = None, region: str = REGION) -> Any:
        """A boto3 client that does not retry, and is as patient as the tests."""
        limits = {"connect_timeout": WITHIN_S, "read_timeout": WITHIN_S}
        config = Config(retries={"total_max_attempts": 1}, user_agent_extra=user_agent, **limits)
        return self.session.client(service, region, endpoint_url=self.endpoint, config=config)

    @cached_property
    def session(self) -> boto3.Session:
        """A session that compares each answer with AWS's model."""
        core = botocore.session.Session()
        core.register_component("data_loader", MODELS)
        session = boto3.Session("test", "test", region_name=REGION, botocore_session=core)
        session.events.register("after-call", expect_the_shape)
        return session

    @property
    def region(self) -> RegionFolder:
        """The part of the data folder that belongs to the region of the clients."""
        return ServerSettings(self.data).region(REGION)

    @cached_property
    def sagemaker(self) -> Any:
        """A client of SageMaker."""
        return self.client("sagemaker")

    @cached_property
    def runtime(self) -> Any:
        """A client of the SageMaker runtime."""
        return self.client("sagemaker-runtime")

    @cached_property
    def s3(self) -> Any:
        """A client of S3."""
        return self.client("s3")

    @cached_property
    def logs(self) -> Any:
        """A client of CloudWatch Logs."""
        return self.client("logs")

    def name(self, stem: str) -> str:
        """A name that no other test has."""
        return f"{stem}-{next(self.names)}"

    def upload(self, folder: str, **files: bytes) -> str:
        """Put files below a folder of the bucket and return the folder's address."""
        self.s3.create_bucket(Bucket=BUCKET)
        for name, content in files.items():
            self.s3.put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=content)
        return f"s3://{BUCKET}/{folder}"

    def train(self, *channels: dict, hosts: int = 1, mode: str = "File", **hyperparameters: str) -> str:
        """Start a job and return its name; keywords in capitals are fields of the request."""
        fields = {name: hyperparameters.pop(name) for name in list(hyperparameters) if name[0].isupper()}
        self.s3.create_bucket(Bucket=BUCKET)
        request = {
            "TrainingJobName": self.name("job"),
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": mode},
            "RoleArn": ROLE,
            "HyperParameters": hyperparameters,
            "InputDataConfig": list(channels),
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
            "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": hosts, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **fields,
        }
        if not channels:
            del request["InputDataConfig"]
        self.sagemaker.create_training_job(**request)
        return request["TrainingJobName"]

    def finished(self, job: str, timeout_s: float = WITHIN_S) -> dict:
        """The job's description once it has ended."""
        return self.until(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=job),
            lambda found: found["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"),
            timeout_s,
        )

    def until(self, look: Callable[[], Any], wanted: Callable[[Any], bool], timeout_s: float = WITHIN_S) -> Any:
        """What `look` returns once it is what is `wanted`. Fails after `timeout_s` seconds with what was seen last."""
        deadline = time.monotonic() + timeout_s
        while not wanted(found := look()):
            assert time.monotonic() < deadline, f"waited {timeout_s} s in vain, last seen: {found}"
            time.sleep(0.05)
        return found

    def members(self, uri: str) -> dict[str, bytes]:
        """Files of a stored archive."""
        key = uri.removeprefix(f"s3://{BUCKET}/")
        body = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            return {member.name: tar.extractfile(member).read() for member in tar}

    def seen(self, job: str, host: str = "algo-1") -> dict:
        """What the stand-in saw on a host."""
        artifact = self.finished(job)["ModelArtifacts"]["S3ModelArtifacts"]
        return json.loads(self.members(artifact)[f"seen_{host}.json"])

    def messages(self, job: str) -> list[str]:
        """All lines of the job's logs."""
        found = self.logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job}/")
        return [event["message"] for event in found["events"]]

    def messages_so_far(self, job: str) -> list[str]:
        """Like `messages`, for a job that may not have begun to log."""
        try:
            return self.messages(job)
        except self.logs.exceptions.ResourceNotFoundException:
            return []

    def model(self, environment: dict[str, str] | None = None, **hyperparameters: str) -> str:
        """Train a model, create it and return its name."""
        artifact = self.finished(self.train(**hyperparameters))["ModelArtifacts"]["S3ModelArtifacts"]
        name = self.name("model")
        container = {"Image": IMAGE, "ModelDataUrl": artifact, "Environment": environment or {}}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        return name

    def config(self, *models: str) -> str:
        """Create a configuration with one variant per model and return its name."""
        name = self.name("config")
        variants = [
            {"VariantName": f"v{number}", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}
            for number, model in enumerate(models)
        ]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    def deploy(self, config: str) -> str:
        """Create an endpoint, wait until it is no longer being created, and return its name."""
        name = self.name("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.settled(name)
        return name

    def settled(self, endpoint: str, timeout_s: float = WITHIN_S) -> dict:
        """The description of an endpoint that is in service or has failed."""
        return self.until(
            lambda: self.sagemaker.describe_endpoint(EndpointName=endpoint),
            lambda found: found["EndpointStatus"] in ("InService", "Failed"),
            timeout_s,
        )

    def invoke(self, endpoint: str, body: bytes = b"1,2", **fields: str) -> dict:
        """The JSON answer of an endpoint."""
        return json.loads(self.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, **fields)["Body"].read())


@pytest.fixture(scope="session")
def aws_class() -> type[Aws]:
    """For tests with a server of another kind."""
    return Aws


@pytest.fixture(scope="session")
def channel() -> Callable[..., dict]:
    """Makes an entry of InputDataConfig."""

    def make(
        uri: str, name: str = "train", distribution: str = "FullyReplicated", kind: str = "S3Prefix", **fields: Any
    ) -> dict:
        source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": distribution}
        source |= {"AttributeNames": fields.pop("AttributeNames")} if "AttributeNames" in fields else {}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **fields}

    return make


@pytest.fixture(scope="session")
def server_python() -> Iterator[Forks]:
    """An interpreter that has imported the server, and read AWS's models."""
    paths = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])
    modules = ("wildsage.local_runner.server.gunicorn_server", "read_models")
    with serving(*modules, environment={**os.environ, "PYTHONPATH": paths}) as found:
        yield found


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory, server_python: Forks) -> Iterator[Aws]:
    """One server for all tests that do not change it."""
    server = Aws.start(tmp_path_factory.mktemp("aws"), forks=server_python)
    yield server
    server.stop()


@pytest.fixture
def start_aws(tmp_path: Path, server_python: Forks) -> Iterator[Callable[..., Aws]]:
    """Servers of one's own, for tests that stop or kill them."""
    started: list[Aws] = []

    def start(data: Path = tmp_path / "aws", *arguments: str) -> Aws:
        started.append(Aws.start(data, *arguments, forks=server_python))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()
