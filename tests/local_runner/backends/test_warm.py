"""Containers in forks of an interpreter that is warm: what a cold start gives, sooner."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import replace

import psutil
import pytest

from tests.local_runner.living import lives
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Launch, preloaded
from wildsage.local_runner.backends import warm as warm_module
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.backends.warm import WarmInterpreter
from wildsage.local_runner.images import catalogue
from wildsage.local_runner.settings import CONTAINERS

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
WITHIN_S = 240

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="interpreters are forked on Linux only")


@pytest.fixture
def children():
    """Processes that this one has started since the test began: servers of the session, which start others, are older."""
    before = set(psutil.Process().children())
    return lambda: [child for child in psutil.Process().children() if child not in before]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine may take long to import what an interpreter needs."""
    monkeypatch.setattr(warm_module, "READY_WITHIN_S", WITHIN_S)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module that a warm interpreter can run, and the interpreter."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made: list[WarmInterpreter] = []

    def make(script: str, *imports: str) -> ProcessBackend:
        (tmp_path / "warm_example.py").write_text(script)
        made.append(WarmInterpreter("warm_example", imports))
        return ProcessBackend((sys.executable, "-c", "raise SystemExit('cold')"), made[-1])

    yield make
    for warm in made:
        warm.close()


REPORT = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ["TRAINING_JOB_NAME"], 'json' in sys.modules, __name__, flush=True)
print("to stderr", file=sys.stderr)
sys.exit(7)
"""


def test_a_warm_container_is_what_a_cold_one_is(module, tmp_path):
    lines: list[str] = []
    launch = Launch(IMAGE, tmp_path, {"SAGEMAKER_MINE": "1"}, {"TRAINING_JOB_NAME": "mine"}, lines.append)
    (process,) = module(REPORT, "colorsys").train([launch])
    assert process.wait(WITHIN_S) == 7
    assert lines == ["['train'] /opt/ml mine True __main__\n", "to stderr\n"]
    assert process.usage.peak_bytes > 0


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "PYTHONHASHSEED", "TZ"])
def test_a_callers_variable_that_imports_may_read_means_a_cold_start(module, tmp_path, name):
    lines: list[str] = []
    (process,) = module(REPORT).train([Launch(IMAGE, tmp_path, {name: "1"}, {}, lines.append)])
    assert process.wait(WITHIN_S) == 1
    assert lines == ["cold\n"]


def test_one_container_leaves_nothing_to_the_next(module, tmp_path):
    """Not its imports, its variables, its folder or its random numbers."""
    script = """
import os, random, sys
print('wave' in sys.modules, os.environ.get("TRAINING_JOB_NAME"), random.random(), flush=True)
import wave
"""
    backend, lines = module(script), []
    for name in ("one", "two"):
        (process,) = backend.train([Launch(IMAGE, tmp_path, {}, {"TRAINING_JOB_NAME": name}, lines.append)])
        assert process.wait(WITHIN_S) == 0
    (was_there, name, number), (was_there_again, name_again, number_again) = (line.split() for line in lines)
    assert (was_there, was_there_again, name, name_again) == ("False", "False", "one", "two")
    assert number != number_again


def test_packages_of_an_algorithm_are_imported_once_and_one_that_cannot_be_is_left_to_the_container(
    module, tmp_path, monkeypatch
):
    """XGBoost's take a second."""
    backend, lines = module("import sys\nprint([name in sys.modules for name in ('wave', 'colorsys')])"), []
    kmeans = catalogue.named("kmeans")
    for packages in ((), ("no_such_module", "wave"), ("colorsys",), ()):
        monkeypatch.setattr(catalogue, "algorithms", lambda here=packages: (replace(kmeans, packages=here),))
        (process,) = backend.train([Launch(IMAGE, tmp_path, {}, {}, lines.append)])
        assert process.wait(WITHIN_S) == 0
    assert lines == ["[False, False]\n", "[True, False]\n", "[True, True]\n", "[True, True]\n"]


def test_an_interpreter_that_died_is_replaced_and_one_that_cannot_import_is_done_without(module, tmp_path, children):
    lines: list[str] = []
    launch = Launch(IMAGE, tmp_path, {}, {"TRAINING_JOB_NAME": "x"}, lines.append)
    warm = module(REPORT)
    statuses = []
    for _ in range(2):
        (process,) = warm.train([launch])
        statuses.append(process.wait(WITHIN_S))
        (interpreter,) = children()
        interpreter.kill()
        interpreter.wait(WITHIN_S)
    (process,) = module(REPORT, "no_such_module").train([launch])
    assert [*statuses, process.wait(WITHIN_S)] == [7, 7, 1]
    assert lines[-1] == "cold\n"


def test_warm_containers_end_with_their_owner_and_outlive_their_interpreter(module, tmp_path):
    lines: list[str] = []
    backend = module("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(1000)")
    (process,) = backend.train([Launch(IMAGE, tmp_path, {}, {}, lines.append)])
    while not lines:
        assert process.wait(0.01) is None
    container = psutil.Process(int(lines[0]))
    backend.close()
    assert process.wait(0.2) is None
    process._control.close()  # as when this process dies
    deadline = time.monotonic() + WITHIN_S
    while lives(container):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_warm_training_gives_the_same_bytes_as_cold_training(tmp_path):
    rows = "".join(f"{row % 7},{row % 11},{row % 13}\n" for row in range(500))

    def digest(backend: ProcessBackend, name: str) -> str:
        folder = OptML(tmp_path / name)
        folder.make_folders()
        folder.channel("train").mkdir()
        (folder.channel("train") / "rows.csv").write_text(rows)
        channel = ChannelConfig("text/csv;label_size=0")
        TrainingJob({"k": "3", "feature_dim": "3", "mini_batch_size": "100"}, {"train": channel}).write(folder)
        lines: list[str] = []
        (process,) = backend.train([Launch(IMAGE, folder.root, {}, {}, lines.append)])
        assert process.wait(WITHIN_S) == 0, lines
        return hashlib.sha256((folder.model / "model_algo-1").read_bytes()).hexdigest()

    warm = ProcessBackend(CONTAINERS, WarmInterpreter(CONTAINERS[-1], ("wildsage.containers.train",)))
    try:
        assert digest(warm, "one") == digest(warm, "two") == digest(ProcessBackend(CONTAINERS), "cold")
    finally:
        warm.close()


# The interpreter without a backend


def started(warm: WarmInterpreter, tmp_path, output: int) -> tuple[bool, socket.socket]:
    """Start a process; it writes to `output`."""
    control, parent_pipe = socket.socketpair()
    with parent_pipe:
        given = {"PATH": os.defpath, "PYTHONPATH": os.environ["PYTHONPATH"]}
        return warm.start(["x"], given, tmp_path, control, parent_pipe.fileno(), output), control


@pytest.fixture
def interpreter(tmp_path, monkeypatch):
    """Makes an interpreter that runs a script."""
    made: list[WarmInterpreter] = []

    def make(script: str, *imports: str) -> WarmInterpreter:
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        (tmp_path / "warm_example.py").write_text(script)
        made.append(WarmInterpreter("warm_example", imports))
        return made[-1]

    yield make
    for warm in made:
        warm.close()


def test_an_interpreter_is_prepared_once_and_ends_with_its_owner(interpreter, tmp_path, children):
    warm = interpreter("print('here', flush=True)")
    warm.prepare()
    (first,) = children()
    assert os.getsid(first.pid) == first.pid  # so that Ctrl-C is not for it
    warm.prepare()
    assert children() == [first]
    reading, writing = os.pipe()
    begun, control = started(warm, tmp_path, writing)
    os.close(writing)
    with open(reading, "rb") as output, control:
        assert begun and output.read() == b"here\n"
        assert json.loads(control.recv(4096))["status"] == 0
    deadline = time.monotonic() + WITHIN_S
    while first.children():  # not even dead ones that nobody has waited for
        assert time.monotonic() < deadline
        time.sleep(0.01)
    warm.close()
    assert not first.is_running()
    warm.close()


def test_what_a_process_has_is_its_own(interpreter, tmp_path):
    script = (
        "import os, sys; print(sys.stdin.read(), sorted(os.environ), os.getsid(0) == os.getpid(), sys.argv, flush=True)"
    )
    reading, writing = os.pipe()
    begun, control = started(interpreter(script), tmp_path, writing)
    os.close(writing)
    with open(reading) as output, control:
        assert begun
        said = output.read().split(" ", 1)[1]
    assert said.startswith("['") and "'PATH', 'PYTHONPATH'" in said and "'HOME'" not in said
    assert said.endswith(f" True ['{tmp_path / 'warm_example.py'}', 'x']\n")


def test_a_process_holds_no_socket_of_its_supervisor_or_of_its_interpreter(interpreter, tmp_path):
    """So that the end of each of them is noticed, however long the process or what it has started lives."""
    script = (
        "import os\nopened = [f'/proc/self/fd/{name}' for name in os.listdir('/proc/self/fd')]\n"
        "print([file for file in opened if os.path.lexists(file) and 'socket' in os.readlink(file)])"
    )
    reading, writing = os.pipe()
    begun, control = started(interpreter(script), tmp_path, writing)
    os.close(writing)
    with open(reading) as output, control:
        assert begun and output.read() == "[]\n"


def test_an_interpreter_that_takes_too_long_is_done_without(interpreter, tmp_path, monkeypatch):
    monkeypatch.setattr(warm_module, "READY_WITHIN_S", 0.1)
    (tmp_path / "slow_import.py").write_text("import time; time.sleep(1000)")
    with open(os.devnull, "wb") as nothing:
        begun, control = started(interpreter("", "slow_import"), tmp_path, nothing.fileno())
    control.close()
    assert begun is False


def test_the_output_ends_when_the_process_closes_it(interpreter, tmp_path):
    """No other process holds it open."""
    script = "import os, time\nprint('here', flush=True)\nos.close(1)\nos.close(2)\ntime.sleep(1000)"
    reading, writing = os.pipe()
    begun, control = started(interpreter(script), tmp_path, writing)
    os.close(writing)
    with open(reading, "rb") as output, control:
        assert begun and output.read() == b"here\n"
        with pytest.raises(BlockingIOError):  # it has not ended
            control.recv(1, socket.MSG_DONTWAIT)


def test_an_interpreter_that_dies_as_it_is_asked_is_done_without_and_replaced(interpreter, tmp_path, monkeypatch):
    warm, send = interpreter(""), socket.send_fds

    def once_it_has_died(*given: object) -> int:
        warm._process.kill()
        warm._process.wait()
        return send(*given)

    with open(os.devnull, "wb") as nothing:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "send_fds", once_it_has_died)
            begun, control = started(warm, tmp_path, nothing.fileno())
        control.close()
        begun_again, control = started(warm, tmp_path, nothing.fileno())
        control.close()
    assert (begun, begun_again) == (False, True)


def test_an_order_that_is_cancelled_starts_nothing(tmp_path):
    """The control socket closes before the order is whole."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", "from wildsage.local_runner.backends import preloaded; preloaded.main([])"]
    with subprocess.Popen(command, stdin=theirs.fileno()) as process:
        theirs.close()
        assert ours.recv(1) == preloaded.READY
        control, parent_pipe = socket.socketpair()
        reading, writing = os.pipe()
        socket.send_fds(ours, [b"."], [parent_pipe.fileno(), writing])
        parent_pipe.close()
        os.close(writing)
        control.sendall(struct.pack("!I", 100) + b"{")
        control.close()
        with open(reading, "rb") as output:
            assert output.read() == b""
        ours.close()
        assert process.wait(WITHIN_S) == 0


def test_an_order_is_read_to_its_last_byte_and_no_further():
    ours, theirs = socket.socketpair()
    text = json.dumps({"arguments": ["a"]}).encode()
    ours.sendall(preloaded.LENGTH.pack(len(text)) + text + b"T")
    assert preloaded._read_order(theirs.fileno()) == {"arguments": ["a"]}
    assert theirs.recv(10) == b"T"


@pytest.mark.parametrize("first", ["prepare", "start"])
def test_two_who_need_an_interpreter_at_once_start_one(interpreter, tmp_path, children, monkeypatch, first):
    warm, start_process, others = interpreter(""), subprocess.Popen, []

    def while_another_comes(*arguments, **options):
        if not others:
            others.append(threading.Thread(target=warm.prepare))
            others[0].start()
            others[0].join(0.2)
        return start_process(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", while_another_comes)
    if first == "prepare":
        warm.prepare()
    else:
        with open(os.devnull, "wb") as nothing:
            begun, control = started(warm, tmp_path, nothing.fileno())
        control.close()
        assert begun
    others[0].join()
    assert len(children()) == 1


def test_an_interpreter_is_not_closed_while_somebody_waits_for_it(interpreter, tmp_path, monkeypatch):
    """Its imports take a while, during which a container that is being started needs it."""
    (tmp_path / "slow_import.py").write_text("import time; time.sleep(0.5)")
    warm, start_process = interpreter("", "slow_import"), subprocess.Popen
    closing = threading.Thread(target=warm.close)

    def while_somebody_closes_it(*arguments, **options):
        closing.start()
        return start_process(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", while_somebody_closes_it)
    with open(os.devnull, "wb") as nothing:
        begun, control = started(warm, tmp_path, nothing.fileno())
    closing.join()
    control.close()
    assert begun
