"""Reference material beside the repository: files the real service wrote, and real data sets. Absent on a stranger's clone."""

import gc
import gzip
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests import forks

# Properties are tried with the same inputs in every run, and a busy machine fails none of them. Others are looked for by
# make test ARGS="-m hypothesis --hypothesis-profile=search"
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", patient, derandomize=True)
settings.register_profile("search", patient, derandomize=False, max_examples=1000)
settings.load_profile("same")

# Tests start many programs at once. Those that share a core wait for each other at every operation that is split over cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Programs that tests start share what the first one has compiled: compiling is a third of the work with which one starts.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A run in the background of a shell ignores SIGINT, and every program it starts would too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


OURS = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their length: some hold the time, and every process of a run has to find the same names."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) else None


def pytest_configure(config: pytest.Config) -> None:
    """Each worker of a parallel run starts to collect in another folder: in a new clone each compiles some, and reads the others."""
    worker = getattr(config, "workerinput", None)
    if worker and config.args == config.getini("testpaths"):
        here = Path(__file__).parent
        places = sorted(
            str(path) for path in here.iterdir() if path.match("test_*.py") or (path.is_dir() and path.name[0] != "_")
        )
        first = len(places) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
        config.args[:] = places[first:] + places[:first]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: no worker of a parallel run begins one when the others have nothing left to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, item.path))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collected tests stay: to look for garbage among them took a seventh of the time of collecting, and a twelfth of that of the
    short tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """What a test does to signals ends with it. Where a kernel does not start, nbclient leaves a descriptor to which each signal
    is written from then on, and the next notebook of the process would take the SIGTERM of a test in between for its own.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def _folder(path: Path) -> Path:
    if not path.is_dir():
        pytest.skip(
            f"{path.parent.name}/{path.name} is not beside this repository: the reference files are not published"
        )
    return path


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of files the real service wrote."""
    return _folder(SHARED / "golden")


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real data sets."""
    return _folder(SHARED / "data")


@pytest.fixture(scope="session")
def mnist(data) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's training images (60000, 784) float32 in 0..1, and their labels (60000,)."""
    images = gzip.decompress((data / "mnist" / "train-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((data / "mnist" / "train-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784)
    return pixels.astype(np.float32) / 255, np.frombuffer(labels, np.uint8, offset=8)


@pytest.fixture(scope="session")
def census(data) -> np.ndarray:
    """The counties (3218, 34) float32, min-max scaled, in the order of the file."""
    pandas = pytest.importorskip("pandas")
    counties = pandas.read_csv(data / "census" / "acs2015_county_data.csv").dropna()
    numbers = counties.drop(columns=["CensusId", "State", "County"])
    return ((numbers - numbers.min()) / (numbers.max() - numbers.min())).to_numpy(np.float32)


@pytest.fixture(scope="session")
def containers_python() -> Iterator[forks.Forks]:
    """An interpreter that has imported what the local AWS's has: `train` and `serve` of a container are forks of it."""
    with forks.serving("wildsage.containers.train", "wildsage.containers.serve", environment=OURS) as found:
        yield found


@pytest.fixture(scope="session")
def engine():
    """A Docker engine."""
    docker = pytest.importorskip("docker")
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers ({error}); one command lets the Docker tests run: make docker")
    yield client
    client.close()


@pytest.fixture(scope="session")
def our_image(engine):
    """Tag of our image of an algorithm. Where it has not been built its tests are skipped; in CI, which builds all, they fail."""
    docker = pytest.importorskip("docker")

    def tag(algorithm: str) -> str:
        name = f"wildsage/{algorithm.replace('_', '-')}:cpu"
        try:
            engine.images.get(name)
        except docker.errors.ImageNotFound:
            missing = f"{name} has not been built: wildsage build {algorithm.replace('_', '-')}"
            pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
        return name

    return tag
