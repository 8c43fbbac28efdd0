"""One job, run as processes and in containers, without a server around it: what goes in and what comes out, byte for byte."""

from __future__ import annotations

import contextlib
import importlib
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import urllib3

import algorithms
from algorithms.base.batch import SparseRows
from containers.codecs import ndarray
from containers.codecs.record_protobuf import encode_rows
from containers.contract import archive
from containers.contract.paths import OptML
from local_runner import workspace
from local_runner.backends import Backend, Launch, Running
from local_runner.backends.process import ProcessBackend
from local_runner.s3.store import ObjectStore

BUCKET = "bucket"
RECORDIO = "application/x-recordio-protobuf"
ENDS_WITHIN_S = 240
HEALTHY_WITHIN_S = 120
CONTAINERS = (sys.executable, "-P", "-m", "containers")
ROOT = Path(__file__).parents[2]


@dataclass
class Outcome:
    """What a job left: exit statuses by host, its model.tar.gz if any, its lines, and what hosts said of a failure."""

    statuses: list[int | None]
    model: bytes | None
    lines: list[str]
    failures: list[str]

    @property
    def ending(self) -> str:
        """What to look at when it went wrong."""
        return f"{self.statuses}\n" + "\n".join([*self.failures, *self.lines[-30:]])


@dataclass
class Place:
    """A backend and the folder in which it works."""

    backend: Backend
    folder: Path
    jobs: int = field(default=0)
    running: Sequence[Running] = ()
    lines: list[str] = field(default_factory=list)

    @property
    def objects(self) -> ObjectStore:
        store = ObjectStore(self.folder / "s3")
        with contextlib.suppress(Exception):
            store.create_bucket(BUCKET)
        return store

    def train(self, image: str, hyperparameters: Mapping[str, str], channel: Mapping, hosts: int = 1) -> Outcome:
        """Run a job to its end."""
        self.jobs += 1
        root = self.folder / "jobs" / f"job-{self.jobs}"
        request = {
            "AlgorithmSpecification": {"TrainingImage": uri(image), "TrainingInputMode": "File"},
            "HyperParameters": dict(hyperparameters),
            "InputDataConfig": [channel],
            "ResourceConfig": {"InstanceCount": hosts},
        }
        lines = self.lines = []
        laid = workspace.lay_out(request, root, self.objects, self.backend.isolates)
        launches = [Launch(uri(image), host.folder.root, {}, {}, lines.append, host.name) for host in laid]
        try:
            self.running = self.backend.train(launches)
            statuses = await_all(self.running)
        finally:
            for host in laid:
                host.close()
        packed = root / "model.tar.gz"
        model = packed.read_bytes() if workspace.pack_model(laid, packed) else None
        failures = [host.folder.failure.read_text() for host in laid if host.folder.failure.exists()]
        return Outcome(statuses, model, lines, failures)

    @contextlib.contextmanager
    def serving(self, image: str, model: bytes) -> Iterator[Callable[..., tuple[int, bytes]]]:
        """`ask(body, content_type, accept)` gives status and body of an invocation."""
        self.jobs += 1
        tree = OptML(self.folder / "endpoints" / f"endpoint-{self.jobs}")
        tree.model.mkdir(parents=True)
        (tree.root / "model.tar.gz").write_bytes(model)
        archive.unpack(tree.root / "model.tar.gz", tree.model)
        lines: list[str] = []
        server = self.backend.serve(Launch(uri(image), tree.root, {}, {}, lines.append))
        http = urllib3.PoolManager(retries=False)
        try:
            url = server.url
            deadline = time.monotonic() + HEALTHY_WITHIN_S
            while not healthy(http, url):
                assert server.wait(0.1) is None and time.monotonic() < deadline, "".join(lines)

            def ask(body: bytes, content_type: str, accept: str) -> tuple[int, bytes]:
                headers = {"Content-Type": content_type, "Accept": accept}
                answer = http.request("POST", f"{url}/invocations", body=body, headers=headers, timeout=60)
                return answer.status, answer.data

            yield ask
        finally:
            server.kill()
            server.wait()


def await_all(running: list) -> list[int | None]:
    """Exit statuses; when one host fails, the others are ended, as a training job does it."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while any(container.wait(0.05) is None for container in running):
        failed = any(container.wait(0) for container in running)
        if failed or time.monotonic() > deadline:
            for container in running:
                if container.wait(10 if failed else 0) is None:
                    container.kill()
    return [container.wait() for container in running]


def healthy(http: urllib3.PoolManager, url: str) -> bool:
    try:
        return http.request("GET", f"{url}/ping", timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def uri(image: str) -> str:
    """The official address of an algorithm's image."""
    return f"382416733822.dkr.ecr.us-east-1.amazonaws.com/{image}:1"


@pytest.fixture
def processes(tmp_path, monkeypatch) -> Place:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return Place(ProcessBackend(CONTAINERS), tmp_path / "processes")


@pytest.fixture
def containers(request, tmp_path, engine) -> Iterator[Place]:
    """The Docker backend, for algorithms whose image has been built."""
    request.getfixturevalue("our_image")(request.getfixturevalue("name"))
    from local_runner.backends.docker import DockerBackend

    folder = tmp_path / "containers"
    folder.mkdir()
    backend = DockerBackend(folder)
    yield Place(backend, folder)
    backend.close()


@pytest.fixture(params=algorithms.names())
def name(request) -> str:
    """Every algorithm that learns from rows."""
    if algorithms.find(request.param).spec.data != "rows":
        pytest.skip(f"{request.param} learns from images: tests of its own feed it")
    return request.param


@pytest.fixture
def case(name):
    return importlib.import_module(f"algorithms.{name}").CASE


@pytest.fixture
def image(name) -> str:
    return algorithms.find(name).spec.image


@pytest.fixture
def put(case) -> Callable[..., dict]:
    """`put(place)` stores the case's rows as four files and returns the channel that reads them."""

    def put(place: Place, files: int = 4, distribution: str = "FullyReplicated", **fields) -> dict:
        rows = case.rows()
        objects = place.objects
        for number in range(files):
            part = slice(number * len(rows) // files, (number + 1) * len(rows) // files)
            features = rows.features[part]
            labels = None if rows.labels_nl is None else rows.labels_nl[part].numpy()
            plain = features if isinstance(features, SparseRows) else features.numpy()
            objects.put(BUCKET, f"train/part-{number}", [bytes(encode_rows(plain, labels))])
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train/", "S3DataDistributionType": distribution}
        return {
            "ChannelName": "train",
            "ContentType": RECORDIO,
            "DataSource": {"S3DataSource": source | fields.pop("source", {})},
            **fields,
        }

    return put


@pytest.fixture(scope="session")
def difference() -> Callable[[bytes, bytes], str]:
    return first_difference


def first_difference(one: bytes, other: bytes) -> str:
    """Where two model.tar.gz part: the member, the array in it and the index; empty if they are the same bytes."""
    if one == other:
        return ""
    ours, theirs = members(one), members(other)
    if ours.keys() != theirs.keys():
        return f"members {sorted(ours)} and {sorted(theirs)}"
    for name in ours:
        if ours[name] != theirs[name]:
            return f"{name}: {array_difference(arrays(ours[name]), arrays(theirs[name]))}"
    return "the members are the same bytes, their packing is not"


def members(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def arrays(content: bytes) -> dict[str, np.ndarray]:
    """What a member holds: NDArray lists and dictionaries, members of a ZIP, or plain bytes."""
    if zipfile.is_zipfile(BytesIO(content)):
        with zipfile.ZipFile(BytesIO(content)) as packed:
            inner = {name: arrays(packed.read(name)) for name in packed.namelist()}
        return {f"{name}/{key}": value for name, found in inner.items() for key, value in found.items()}
    try:
        found = ndarray.read(content)
        named = found if isinstance(found, dict) else dict(enumerate(found))
        return {str(key): np.asarray(value) for key, value in named.items()}
    except Exception:
        return {"bytes": np.frombuffer(content, np.uint8)}


def array_difference(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> str:
    for name, array in ours.items():
        other = theirs.get(name)
        if other is None or other.shape != array.shape:
            return f"array {name} is {array.shape} here and {None if other is None else other.shape} there"
        unequal = np.argwhere(
            array.view(np.uint8).reshape(*array.shape, -1) != other.view(np.uint8).reshape(*array.shape, -1)
        )
        if len(unequal):
            index = tuple(int(i) for i in unequal[0][: array.ndim])
            return f"array {name}, index {index}: {array[index]!r} and {other[index]!r}"
    return "the same arrays in other bytes"
