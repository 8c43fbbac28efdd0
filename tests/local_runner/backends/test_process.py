"""Containers as processes: their usage is measured, and a warm start gives what a cold one gives."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
import urllib3

from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers.contract import frameworks, pretrained_weights, spark
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact
from wildsage.local_runner.backends import CannotRun, Launch, Usage
from wildsage.local_runner.backends.process import MAX_LINE_BYTES, Process, ProcessBackend, _script_framework
from wildsage.local_runner.processes import mounts, no_network
from wildsage.local_runner.settings import CONTAINERS

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
WITHIN_S = 240
needs_namespaces = pytest.mark.skipif(
    no_network.problem() is not None, reason=f"no network namespaces: {no_network.problem()}"
)


@pytest.fixture
def launch(tmp_path):
    lines: list[str] = []
    return Launch(IMAGE, tmp_path, {}, {}, lines.append), lines


@pytest.fixture
def children():
    """Processes started since the test began: other tests may share their servers with the rest of the session."""
    before = set(psutil.Process().children(recursive=True))
    return lambda: [child for child in psutil.Process().children(recursive=True) if child not in before]


def backend(tmp_path, script: str, **fields) -> ProcessBackend:
    (tmp_path / "container.py").write_text(script)
    return ProcessBackend((sys.executable, "-S", str(tmp_path / "container.py")), **fields)


def test_a_container_writes_to_the_log_and_its_use_is_known_when_it_has_ended(tmp_path, launch):
    script = "import sys\nblock = bytearray(64 << 20)\nprint('hello', flush=True)\nsum(range(10**6))\nsys.exit(5)"
    given, lines = launch
    (process,) = backend(tmp_path, script).train([given])
    assert process.wait(WITHIN_S) == 5
    assert process.wait(0) == 5
    assert lines == ["hello\n"]
    assert process.usage.cpu_s > 0
    assert process.usage.peak_bytes > 64 << 20


def test_a_container_has_ended_once_its_last_line_is_in_the_log(tmp_path):
    lines: list[str] = []

    def slow(line: str) -> None:
        time.sleep(0.2)
        lines.append(line)

    (process,) = backend(tmp_path, "print('first\\nlast')").train([Launch(IMAGE, tmp_path, {}, {}, slow)])
    assert process.wait(WITHIN_S) == 0
    assert lines == ["first\n", "last\n"]


def test_a_byte_that_is_not_utf_8_costs_the_log_one_character(tmp_path, launch):
    given, lines = launch
    script = "import sys\nsys.stdout.buffer.write(b'before\\na\\xffb\\nafter\\n')"
    (process,) = backend(tmp_path, script).train([given])
    assert process.wait(WITHIN_S) == 0
    assert lines == ["before\n", "a\ufffdb\n", "after\n"]


def test_a_log_names_the_folder_as_sagemaker_does(tmp_path, launch):
    given, lines = launch
    script = "import os\nprint(os.path.join(os.environ['SAGEMAKER_DATA_PATH'], 'input', 'a.csv'), 'is empty')"
    (process,) = backend(tmp_path, script).train([given])
    assert process.wait(WITHIN_S) == 0
    assert lines == ["/opt/ml/input/a.csv is empty\n"]


def test_terminate_asks_and_kill_does_not(tmp_path, launch):
    script = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: print('no', flush=True))\nprint('up', flush=True)\nwhile True: time.sleep(0.01)"
    given, lines = launch
    (process,) = backend(tmp_path, script).train([given])
    while lines != ["up\n"]:
        assert process.wait(0.01) is None
    process.terminate()
    while lines != ["up\n", "no\n"]:
        assert process.wait(0.01) is None
    process.kill()
    assert process.wait(WITHIN_S) == 128 + signal.SIGKILL
    process.terminate()
    process.kill()


def test_a_supervisor_that_somebody_kills_counts_as_killed(tmp_path, launch, children):
    (process,) = backend(tmp_path, "import time\ntime.sleep(1000)").train([launch[0]])
    supervisor = next(child for child in children() if child.ppid() == os.getpid())
    supervisor.kill()
    assert process.wait(WITHIN_S) == 128 + signal.SIGKILL


def test_a_supervisor_that_died_with_an_order_unread_counts_as_killed():
    control, theirs = socket.socketpair()
    reading, writing = os.pipe()
    os.close(writing)
    process = Process(print, control, reading, None)
    process.terminate()
    theirs.close()
    assert process.wait(WITHIN_S) == 128 + signal.SIGKILL


def test_a_host_that_cannot_be_started_leaves_nothing_of_the_others(tmp_path, launch, children):
    makes = backend(tmp_path, "import time\ntime.sleep(1000)")
    absent = replace(launch[0], root=tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        makes.train([absent])
    before = open_files()
    with pytest.raises(FileNotFoundError):
        makes.train([absent])
    assert open_files() == before
    with pytest.raises(FileNotFoundError):
        makes.train([launch[0], absent])
    psutil.wait_procs(children(), WITHIN_S)
    assert children() == []


def open_files() -> int:
    return psutil.Process().num_fds()


def test_a_signal_from_outside_is_told_as_a_likely_lack_of_memory(tmp_path, launch):
    given, _ = launch
    (process,) = backend(tmp_path, "import os\nos.kill(os.getpid(), 9)").train([given])
    assert process.wait(WITHIN_S) == 137
    assert "sent SIGKILL, most likely the kernel because memory ran out: its peak was " in process.out_of_memory


def test_a_kill_of_ours_is_not_a_lack_of_memory(tmp_path, launch):
    given, lines = launch
    (process,) = backend(tmp_path, "import time\nprint('begun', flush=True)\ntime.sleep(60)").train([given])
    while not lines:
        time.sleep(0.02)
    process.kill()
    assert process.wait(WITHIN_S) == 137
    assert process.out_of_memory is None


@needs_namespaces
def test_an_isolated_job_reaches_nothing(tmp_path, launch):
    given, lines = launch
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), timeout=5)"
        statuses = [
            process.wait(WITHIN_S)
            for isolated in (False, True)
            for process in backend(tmp_path, script).train([replace(given, network_isolation=isolated)])
        ]
    assert statuses == [0, 1] and "Connection refused" in lines[-1]


@needs_namespaces
def test_an_isolated_server_of_ours_answers_from_this_machine(tmp_path):
    artifact.save(KMeansModel(torch.zeros(1, 2)), OptML(tmp_path).model, "algo-1")
    lines: list[str] = []
    process = ProcessBackend(CONTAINERS).serve(Launch(IMAGE, tmp_path, {}, {}, lines.append, network_isolation=True))
    http = urllib3.PoolManager(timeout=WITHIN_S)
    assert http.request("GET", f"{process.url}/ping").status == 200, lines
    process.terminate()
    assert process.wait(WITHIN_S) == 0


def test_isolation_that_cannot_be_kept_is_rejected():
    with pytest.raises(CannotRun, match=r"its hosts are processes that reach each other .* --backend docker"):
        ProcessBackend(CONTAINERS).check_isolation(hosts=2)


def test_processes_share_the_files_and_the_network_of_this_machine():
    assert ProcessBackend(()).isolates is False


def test_images_that_can_run_here(monkeypatch):
    own, sklearn = (IMAGE.replace("kmeans:1", name) for name in ("own:1", "sagemaker-scikit-learn:1.2-1-cpu-py3"))
    backend = ProcessBackend((), images={"own": ["run"]})
    backend.check(IMAGE)
    backend.check(own)
    backend.check(own, has_entrypoint=True)
    assert backend.knows_entrypoint(own) and not backend.knows_entrypoint(IMAGE)
    with pytest.raises(CannotRun):
        backend.check(IMAGE.replace("kmeans", "absent"))
    monkeypatch.setattr(frameworks.Framework, "problem", property(lambda self: "it is not installed"))
    with pytest.raises(CannotRun, match=f"Image {sklearn}: it is not installed"):
        backend.check(sklearn)


def test_an_entrypoint_runs_in_any_image_where_mounts_are_allowed(monkeypatch):
    other = IMAGE.replace("kmeans", "absent")
    monkeypatch.setattr(mounts, "problem", lambda target: None)
    ProcessBackend(()).check(other, has_entrypoint=True)
    monkeypatch.setattr(mounts, "problem", lambda target: "locked")
    with pytest.raises(CannotRun, match="locked"):
        ProcessBackend(()).check(other, has_entrypoint=True)


def test_isolation_needs_namespaces_and_one_host(monkeypatch):
    monkeypatch.setattr(no_network, "problem", lambda: None)
    ProcessBackend(()).check_isolation()
    ProcessBackend(()).check_isolation(hosts=1, serves=True)
    monkeypatch.setattr(no_network, "problem", lambda: "locked")
    with pytest.raises(CannotRun, match="EnableNetworkIsolation cannot be kept here: locked"):
        ProcessBackend(()).check_isolation(serves=True)
    with pytest.raises(CannotRun, match="cannot be kept here: its hosts are processes"):
        ProcessBackend(()).check_isolation(hosts=2)


def test_an_isolated_server_cannot_be_a_command_of_the_users(tmp_path):
    backend = ProcessBackend((), images={"kmeans": ["run"]})
    with pytest.raises(CannotRun, match="a command of yours opens its port itself"):
        backend.serve(Launch(IMAGE, tmp_path, {}, {}, print, network_isolation=True))


def test_hosts_of_a_job_share_a_place_to_meet_and_a_lone_one_has_none(tmp_path):
    script = "import os\nprint(os.environ.get('MASTER_ADDR'), os.environ.get('MASTER_PORT'), flush=True)"
    for count in (1, 2):
        lines: list[str] = []
        hosts = [Launch(IMAGE, tmp_path, {}, {}, lines.append, f"algo-{number}") for number in range(1, count + 1)]
        assert [process.wait(WITHIN_S) for process in backend(tmp_path, script).train(hosts)] == [0] * count
        assert len(lines) == count and len(set(lines)) == 1
        assert lines[0].startswith("None None" if count == 1 else "127.0.0.1 ")


def test_a_container_has_the_variables_of_the_caller_and_those_of_the_contract_override_them(tmp_path, monkeypatch):
    names = ("OURS", "A", "B", "SAGEMAKER_DATA_PATH", "WILDSAGE_ALGORITHM", "WILDSAGE_IMAGE_TAG", "PYTHONUNBUFFERED")
    script = f"import os\nprint(*(os.environ[name] for name in {names}), os.environ[{pretrained_weights.VARIABLE!r}])"
    monkeypatch.setenv("OURS", "here")
    lines: list[str] = []
    given = Launch(IMAGE, tmp_path, {"A": "caller", "B": "caller"}, {"B": "contract"}, lines.append)
    (process,) = backend(tmp_path, script, weights=tmp_path / "resnet.pt").train([given])
    assert process.wait(WITHIN_S) == 0
    assert lines == ["here caller contract /opt/ml kmeans 1 1 /opt/ml/resnet.pt\n"]


@pytest.mark.parametrize(("arguments", "said"), [(None, "train"), (["a", "b"], "a b"), ([], "")])
def test_arguments_replace_the_action(tmp_path, launch, arguments, said):
    given, lines = launch
    (process,) = backend(tmp_path, "import sys\nprint(*sys.argv[1:])").train([replace(given, arguments=arguments)])
    assert process.wait(WITHIN_S) == 0 and lines == [f"{said}\n"]


def test_a_server_is_told_its_port_on_the_loopback_address(tmp_path, launch):
    given, lines = launch
    script = (
        "import os, sys\nprint(sys.argv[1], os.environ['WILDSAGE_BIND_HOST'], os.environ['SAGEMAKER_BIND_TO_PORT'])"
    )
    process = backend(tmp_path, script).serve(given)
    assert process.wait(WITHIN_S) == 0
    assert lines == [f"serve 127.0.0.1 {process.url.rpartition(':')[2]}\n"]


def test_a_line_without_end_is_passed_on_in_pieces(tmp_path, launch):
    assert MAX_LINE_BYTES == 262_144  # an event of CloudWatch Logs has no more
    given, lines = launch
    (process,) = backend(tmp_path, f"print('x' * {MAX_LINE_BYTES + 5})").train([given])
    assert process.wait(WITHIN_S) == 0
    assert [len(line) for line in lines] == [MAX_LINE_BYTES, 6]


def test_a_process_that_has_ended_takes_no_orders():
    control, theirs = socket.socketpair()
    reading, writing = os.pipe()
    os.close(writing)
    process = Process(print, control, reading, None)
    assert process.wait(0) is None and process.wait(0.01) is None
    assert process._reader.daemon, "what holds the output open holds this process not up"
    theirs.sendall(b'{"status": 3, "cpu_s": 1.5, "peak_bytes": 7}\n')
    theirs.close()
    assert process.wait() == process.wait(0) == 3
    assert process.usage == Usage(1.5, 7) and process.out_of_memory is None
    process.terminate()
    process.kill()


@pytest.mark.parametrize(
    ("report", "said"),
    [(b"", "this machine has "), (b'{"status": 137, "cpu_s": 0, "peak_bytes": 2147483648}', "its peak was 2.0 GiB")],
)
def test_what_a_kill_from_outside_means(report, said):
    control, theirs = socket.socketpair()
    reading, writing = os.pipe()
    os.close(writing)
    process = Process(print, control, reading, None)
    theirs.sendall(report)
    theirs.close()
    assert process.wait(WITHIN_S) == 137
    total = psutil.virtual_memory().total / 2**30
    assert said in process.out_of_memory and f"{total:.1f}" in process.out_of_memory


def test_a_backend_closes_its_interpreter():
    closed = []

    class Warm:
        def close(self) -> None:
            closed.append(True)

    ProcessBackend((), Warm()).close()
    ProcessBackend(()).close()
    assert closed == [True]


@pytest.mark.parametrize(
    ("variables", "isolated", "asked"),
    [
        ({}, False, True),
        ({"SAGEMAKER_A": "1", "WILDSAGE_B": "1"}, False, True),
        ({"OMP_NUM_THREADS": "1"}, False, False),
        ({"SAGEMAKER_A": "1", "TZ": "UTC"}, False, False),
        pytest.param({}, True, False, marks=needs_namespaces),
    ],
)
def test_a_warm_interpreter_is_asked_where_its_imports_are_those_of_the_container(tmp_path, variables, isolated, asked):
    """Here it cannot start one, and the container starts cold."""
    orders = []

    class Warm:
        def start(self, *order: object) -> bool:
            orders.append(order[:3])
            return False

    lines: list[str] = []
    given = Launch(IMAGE, tmp_path, variables, {"TRAINING_JOB_NAME": "j"}, lines.append, network_isolation=isolated)
    (process,) = backend(tmp_path, "print('cold')", warm=Warm()).train([given])
    assert process.wait(WITHIN_S) == 0 and lines == ["cold\n"]
    assert len(orders) == asked
    for arguments, environment, folder in orders:
        assert (arguments, folder, environment["TRAINING_JOB_NAME"]) == (("train",), tmp_path, "j")


@pytest.mark.parametrize(
    ("image", "variables", "framework"),
    [
        ("sagemaker-xgboost:1.7-1", {}, None),
        ("sagemaker-xgboost:1.7-1", {"SAGEMAKER_PROGRAM": "train.py"}, "xgboost"),
        ("kmeans:1", {"SAGEMAKER_PROGRAM": "train.py"}, None),
        ("sagemaker-scikit-learn:1.2-1-cpu-py3", {}, "scikit-learn"),
    ],
)
def test_an_image_that_is_an_algorithm_too_runs_a_script_where_it_is_given_one(tmp_path, image, variables, framework):
    found = _script_framework(Launch(IMAGE.replace("kmeans:1", image), tmp_path, variables, {}, print))
    assert (found.name if found else None) == framework


def test_images_of_spark_need_spark(monkeypatch):
    monkeypatch.setattr(mounts, "problem", lambda target: None)
    monkeypatch.setattr(spark, "submit_program", lambda environment: None)
    ProcessBackend(()).check(IMAGE.replace("kmeans", "own"), has_entrypoint=True)
    with pytest.raises(CannotRun, match="For an image of Spark"):
        ProcessBackend(()).check(IMAGE.replace("kmeans:1", "sagemaker-spark-processing:3.3-cpu"), has_entrypoint=True)


def test_a_container_that_cannot_be_followed_is_ended(monkeypatch):
    """Without its control the supervisor ends the command."""
    control, theirs = socket.socketpair()
    reading, writing = os.pipe()

    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with theirs, open(writing, "wb"), pytest.raises(RuntimeError, match="can't start new thread"):
        Process(print, control, reading, None)
    assert control.fileno() == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


class Seen:
    """Code of the user's that is not run."""

    def environment(self, launch: Launch, variables: dict[str, str]) -> dict[str, str]:
        return {"PYTHONPATH": "theirs", **variables}

    def environment_with_python(self, launch: Launch, variables: dict[str, str], interpreter: Path | None) -> dict:
        return {"on top of": interpreter, **variables}

    def command(self, command: Sequence[str], launch: Launch, hosts: Sequence[str]) -> list[str]:
        return [*command, "on", *hosts]


@pytest.mark.parametrize(
    ("image", "entrypoint", "arguments", "command"),
    [
        ("kmeans:1", None, None, "base serve"),
        ("kmeans:1", None, ["a", "b"], "base a b"),
        ("kmeans:1", ["run", "it"], None, "run it on algo-1"),
        ("kmeans:1", ["run"], ["a"], "run a on algo-1"),
        ("own:1", None, None, "mapped serve on algo-1"),
        ("own:1", None, [], "mapped on algo-1"),
        ("own:1", ["run"], None, "run on algo-1"),
        ("pytorch-training:2.5-cpu-py311", None, None, "base serve on algo-1"),
    ],
)
def test_what_a_container_runs(tmp_path, image, entrypoint, arguments, command):
    backend = ProcessBackend(("base",), user_code=Seen(), images={"own": ["mapped"]})
    given = Launch(IMAGE.replace("kmeans:1", image), tmp_path, {}, {}, print, "algo-1", entrypoint, arguments)
    start = backend._plan("serve", given, {"A": "1"}, ["algo-1"])
    assert " ".join(start.command) == command and start.environment["A"] == "1"
    alone = " on " not in command
    assert start.warm_arguments == (tuple(arguments or ["serve"]) if alone else None)
    assert ("on top of" in start.environment) is (not alone and "pytorch" not in image)


def test_a_script_has_a_place_to_meet_and_the_python_of_its_framework(tmp_path):
    image = IMAGE.replace("kmeans:1", "pytorch-training:2.5-cpu-py311")
    given = Launch(image, tmp_path, {}, {}, print)
    for pythons in ({}, {"pytorch": Path("/their/python")}):
        start = ProcessBackend(("base",), user_code=Seen(), pythons=pythons)._plan("train", given, {}, ["algo-1"])
        found = start.environment
        assert (found[frameworks.VARIABLE], found["MASTER_ADDR"]) == ("pytorch", "127.0.0.1")
        assert 0 < int(found["MASTER_PORT"]) < 65536
        assert (found["PYTHONPATH"] == "theirs") is bool(pythons)  # ours is added for this Python
        assert start.command[0] == ("/their/python" if pythons else "base")
        with_entrypoint = replace(given, entrypoint=["run"])
        top = ProcessBackend((), user_code=Seen(), pythons=pythons)._plan("train", with_entrypoint, {}, ["algo-1"])
        assert top.environment["on top of"] == pythons.get("pytorch")
