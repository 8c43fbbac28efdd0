"""One job, run as processes and in containers, without a server around it: what goes in and what comes out, byte for byte."""

from __future__ import annotations

import contextlib
import importlib
import os
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
from PIL import Image

from wildsage import algorithms
from wildsage.algorithms.base import hyperparameters as declared
from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.containers.codecs.images import image_recordio
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.codecs.records.record_protobuf import encode_rows
from wildsage.containers.contract import archive
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Backend, Launch, Running
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.backends.warm import WarmInterpreter
from wildsage.local_runner.inputs import workspace
from wildsage.local_runner.jobs.training.failures import EndedHost, failure_reason
from wildsage.local_runner.jobs.training.job import PEER_GRACE_S
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.server.services import WARM_IMPORTS

BUCKET = "bucket"
CONTENT_TYPES = {"rows": "application/x-recordio-protobuf", "images": "application/x-recordio"}
ENDS_WITHIN_S = 240
HEALTHY_WITHIN_S = 240
THREADS = {"OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"]}
"""The same number everywhere, since gradients of convolutions are added up by thread: processes have it from this one."""
CONTAINERS = (sys.executable, "-P", "-m", "wildsage.containers")
ROOT = Path(__file__).parents[2]


@dataclass
class Outcome:
    """What a job left: exit statuses by host, its model.tar.gz if any, its lines, and the reason of a failure."""

    statuses: list[int | None]
    model: bytes | None
    lines: list[str]
    reason: str | None

    @property
    def ending(self) -> str:
        """What to look at when it went wrong."""
        return "\n".join([f"{self.statuses}", f"{self.reason}", *self.lines[-30:]])


@dataclass
class Place:
    """A backend and the folder in which it works."""

    backend: Backend
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    jobs: int = field(default=0)
    running: Sequence[Running] = ()
    lines: list[str] = field(default_factory=list)

    @property
    def objects(self) -> ObjectStore:
        """The S3 of this place, with its bucket."""
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
        launches = [
            Launch(uri(image), host.folder.root, self.environment, {}, lines.append, host.name) for host in laid
        ]
        try:
            self.running = self.backend.train(launches)
            statuses = await_all(self.running)
        finally:
            for host in laid:
                host.close()
        packed = root / "model.tar.gz"
        model = packed.read_bytes() if workspace.pack_model(laid, packed) else None
        return Outcome(statuses, model, lines, failure_reason(map(EndedHost, laid, statuses)))

    @contextlib.contextmanager
    def serving(self, image: str, model: bytes) -> Iterator[Callable[..., tuple[int, bytes]]]:
        """`ask(body, content_type, accept)` gives status and body of an invocation."""
        self.jobs += 1
        tree = OptML(self.folder / "endpoints" / f"endpoint-{self.jobs}")
        tree.model.mkdir(parents=True)
        (tree.root / "model.tar.gz").write_bytes(model)
        archive.unpack(tree.root / "model.tar.gz", tree.model)
        lines: list[str] = []
        server = self.backend.serve(Launch(uri(image), tree.root, self.environment, {}, lines.append))
        http = urllib3.PoolManager(retries=False)
        try:
            url = server.url
            deadline = time.monotonic() + HEALTHY_WITHIN_S
            while not healthy(http, url):
                assert server.wait(0.1) is None and time.monotonic() < deadline, "".join(lines)

            def ask(body: bytes, content_type: str, accept: str) -> tuple[int, bytes]:
                headers = {"Content-Type": content_type, "Accept": accept}
                answer = http.request("POST", f"{url}/invocations", body=body, headers=headers, timeout=240)
                return answer.status, answer.data

            yield ask
        finally:
            server.kill()
            server.wait()


def await_all(running: list) -> list[int | None]:
    """Exit statuses; when one host fails, the others are stopped, and killed after a while, as a training job does it."""
    kill_at, failed = time.monotonic() + ENDS_WITHIN_S, False
    while any(container.wait(0.05) is None for container in running):
        if not failed and any(container.wait(0) for container in running):
            kill_at, failed = time.monotonic() + PEER_GRACE_S, True
            for container in running:
                container.terminate()
        if time.monotonic() > kill_at:
            for container in running:
                container.kill()
    return [container.wait() for container in running]


def healthy(http: urllib3.PoolManager, url: str) -> bool:
    """Whether the container answers /ping with 200."""
    try:
        return http.request("GET", f"{url}/ping", timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def uri(image: str) -> str:
    """The official address of an algorithm's image; its tag is 1 unless the name has one."""
    return f"382416733822.dkr.ecr.us-east-1.amazonaws.com/{image if ':' in image else f'{image}:1'}"


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmInterpreter]:
    """What starts the processes, as in `wildsage up`, with what DistributedDataParallel imports."""
    interpreter = WarmInterpreter(CONTAINERS[-1], (*WARM_IMPORTS, "torch._dynamo"))
    yield interpreter
    interpreter.close()


@pytest.fixture
def processes(tmp_path, monkeypatch, warm) -> Place:
    """A place where containers are processes."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return Place(ProcessBackend(CONTAINERS, warm), tmp_path / "processes")


@pytest.fixture
def containers(request, tmp_path, engine) -> Iterator[Place]:
    """The Docker backend, for algorithms whose image has been built."""
    request.getfixturevalue("our_image")(request.getfixturevalue("name"))
    from wildsage.local_runner.backends.docker import DockerBackend

    folder = tmp_path / "containers"
    folder.mkdir()
    backend = DockerBackend(folder)
    yield Place(backend, folder, THREADS)
    backend.close()


@pytest.fixture(params=algorithms.on_the_toolkit())
def name(request) -> str:
    """Every algorithm."""
    return request.param


@pytest.fixture
def case(name):
    """The conformance case of the algorithm under test."""
    return importlib.import_module(f"wildsage.algorithms.{name}.conformance").CASE


@pytest.fixture
def image(name) -> str:
    """The algorithm's name on SageMaker."""
    return algorithms.find(name).spec.image


@pytest.fixture
def data(name) -> str:
    """What the algorithm learns from: rows or images."""
    return algorithms.find(name).spec.data


@pytest.fixture
def hyperparameters(name, case) -> dict[str, str]:
    """The case's; of many passes two are enough to part."""
    passes = {**declared.defaults(algorithms.find(name)), **case.hyperparameters}.get("epochs", "1")
    return {**case.hyperparameters, **({"epochs": "2"} if int(passes) > 2 else {})}


@pytest.fixture
def pictures(case) -> list[bytes]:
    """The case's images, in turn as PNG and as JPEG."""
    pixels_nhw = case.rows().features[:, 0].numpy()
    return [encoded(pixels_hw, ("PNG", "JPEG")[i % 2]) for i, pixels_hw in enumerate(pixels_nhw)]


def encoded(pixels_hw: np.ndarray, form: str) -> bytes:
    """Grey pixels (h, w) as a picture of that form."""
    content = BytesIO()
    Image.fromarray(pixels_hw).save(content, form)
    return content.getvalue()


@pytest.fixture
def files(request, case, data) -> Callable[[int], list[bytes]]:
    """`files(count)` are the case's rows or images as so many RecordIO files, in their order."""
    rows = case.rows()
    records = image_records(rows, request.getfixturevalue("pictures")) if data == "images" else None

    def files(count: int) -> list[bytes]:
        parts = [slice(number * len(rows) // count, (number + 1) * len(rows) // count) for number in range(count)]
        return [b"".join(records[part]) if records else row_records(rows, part) for part in parts]

    return files


def image_records(images: Batch, pictures: list[bytes]) -> list[bytes]:
    """One image record for each picture, with its label."""
    labels = images.labels_nl[:, 0].tolist()
    return [image_recordio.encode(p, [label], i) for i, (p, label) in enumerate(zip(pictures, labels, strict=True))]


def row_records(rows: Batch, part: slice) -> bytes:
    """Some rows, with their labels, as RecordIO-protobuf."""
    features = rows.features[part]
    labels = None if rows.labels_nl is None else rows.labels_nl[part].numpy()
    return bytes(encode_rows(features if isinstance(features, SparseRows) else features.numpy(), labels))


@pytest.fixture
def put(files, data) -> Callable[..., dict]:
    """`put(place)` stores the case's rows or images as four files and returns the channel that reads them."""

    def put(place: Place, count: int = 4, distribution: str = "FullyReplicated") -> dict:
        objects = place.objects
        for number, content in enumerate(files(count)):
            objects.put(BUCKET, f"train/part-{number}.rec", [content])
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train/", "S3DataDistributionType": distribution}
        return {
            "ChannelName": "train",
            "ContentType": CONTENT_TYPES[data],
            "DataSource": {"S3DataSource": source},
        }

    return put


@pytest.fixture(scope="session")
def difference() -> Callable[[bytes, bytes], str]:
    """Says where two files differ first; empty if they are equal."""
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
    """The members of a tar archive, by name."""
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
    """Where arrays of equal names differ first, down to the bit."""
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
