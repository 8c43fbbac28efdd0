"""The supervisor: exit statuses, signals, and the end of everything when its parent ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.local_runner.living import lives
from wildsage.algorithms.base.ports import free_port
from wildsage.local_runner.processes import supervisor

ROOT = Path(__file__).parents[3]
SUPERVISOR = Path(supervisor.__file__)
WITHIN_S = 240


def supervised(script: str) -> subprocess.Popen:
    command = [sys.executable, "-I", "-S", str(SUPERVISOR), "sh", "-c", script]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)


def gone(pid: int) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while lives(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_status_is_the_commands(script, status):
    assert supervised(script).wait(WITHIN_S) == status


def test_sigterm_reaches_the_command_which_may_take_its_time():
    process = supervised("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done")
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "bye\n"
    assert process.wait(WITHIN_S) == 3


EARLY = """
import os, signal, subprocess, sys
from wildsage.algorithms.base.ports import free_port
from wildsage.local_runner.processes import supervisor

class Slow(subprocess.Popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        os.kill(os.getpid(), signal.SIGTERM)

subprocess.Popen = Slow
sys.exit(supervisor.main(["sleep", "1000"]))
"""


def test_a_signal_that_comes_before_the_command_is_known_reaches_it():
    with subprocess.Popen([sys.executable, "-c", EARLY], stdin=subprocess.PIPE, cwd=ROOT) as process:
        assert process.wait(WITHIN_S) == 128 + signal.SIGTERM


def test_a_stopped_process_of_the_command_does_not_hold_up_its_end():
    """As gunicorn does, the command passes SIGTERM on and waits for its worker, which takes no signal while it is stopped."""
    # A shell that has just been forked still has the trap of the first; a program of its own has not.
    process = supervised("trap 'kill $!; wait $!; exit 3' TERM; sh -c 'echo $$; exec sleep 1000' & wait")
    worker = int(process.stdout.readline())
    os.kill(worker, signal.SIGSTOP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(WITHIN_S) == 3  # and not after the 1000 s of its worker


def test_what_a_command_leaves_running_is_killed():
    process = supervised("sleep 1000 & echo $!")
    left = int(process.stdout.readline())
    assert process.wait(WITHIN_S) == 0
    assert gone(left)


@pytest.mark.parametrize("end", ["close", "kill"])
def test_everything_ends_with_the_owner(end):
    """`kill`: the parent is a process of its own that is killed while it holds the pipe."""
    script = "sleep 1000 & echo $! $$; wait"
    if end == "close":
        process = supervised(script)
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.stdin.close()
    else:
        command = [sys.executable, "-I", "-S", str(SUPERVISOR), "sh", "-c", script]
        holder = f"import subprocess; subprocess.Popen({command!r}, stdin=subprocess.PIPE).wait()"
        process = subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE, text=True)
        pids = [int(pid) for pid in process.stdout.readline().split()]
        os.kill(process.pid, signal.SIGKILL)
    assert len(pids) == 2
    assert all(map(gone, pids))
    process.wait(WITHIN_S)


def reported(script: str, *orders: bytes, **options) -> tuple[int, dict, str]:
    """Status, report and output of a command whose parent is at a socket and sends these orders after its first line."""
    ours, theirs = socket.socketpair()
    command = supervisor.supervised(["sh", "-c", script])
    with (
        subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.PIPE, text=True, **options) as process,
        ours,
    ):
        theirs.close()
        output = process.stdout.readline() if orders else ""
        for order in orders:
            ours.sendall(order)
        report = json.loads(ours.makefile().readline())
        return process.wait(WITHIN_S), report, output + process.stdout.read()


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_a_parent_at_a_socket_is_told_what_the_command_used(script, status):
    code, report, _ = reported(script)
    assert code == report["status"] == status
    assert report.keys() == {"status", "cpu_s", "peak_bytes"}
    assert 0 <= report["cpu_s"] < 60 and 100_000 < report["peak_bytes"] < 1 << 30
    assert report["peak_bytes"] % 1024 == 0  # whole pages


def test_the_time_of_the_processor_is_that_of_the_command():
    _, busy, _ = reported("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")
    _, idle, _ = reported("sleep 0.1")
    assert busy["cpu_s"] > idle["cpu_s"]


def test_an_order_of_the_parent_is_sigterm_for_the_command():
    script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"
    for orders in ([b"T"], [b"xT"], [b"x", b"T"]):
        code, report, output = reported(script, *orders)
        assert (code, report["status"], output) == (3, 3, "up\nbye\n")


def test_a_command_inherits_a_socket_that_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = f"test -e /proc/self/fd/${supervisor.LISTENER} && echo there"
        environment = {**os.environ, supervisor.LISTENER: str(listener.fileno())}
        assert reported(script, pass_fds=[listener.fileno()], env=environment)[2] == "there\n"


CLOSES = (
    "import os, time; os.close(int(os.environ['WILDSAGE_LISTEN_FD'])); print('closed', flush=True); time.sleep(600)"
)


def test_a_socket_that_the_command_closes_is_closed():
    """The supervisor does not hold it open: a client would wait for an answer."""
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        address = listener.getsockname()
        command = supervisor.supervised([sys.executable, "-I", "-S", "-c", CLOSES])
        environment = {**os.environ, supervisor.LISTENER: str(listener.fileno())}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], env=environment, **pipes)
    with process:
        assert process.stdout.readline() == "closed\n"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=WITHIN_S)
        process.stdin.close()


def test_an_order_for_what_has_ended_changes_nothing():
    """A signal may come when the command has just been waited for."""
    with subprocess.Popen(["true"], start_new_session=True) as ended:
        ended.wait()
        supervisor._signal(ended.pid, signal.SIGTERM)
        supervisor._continue_group(ended.pid)
        supervisor._kill_group(ended.pid)


def test_a_command_reads_nothing_and_leads_a_group_of_its_own():
    _, _, output = reported("cat; ps -o pgid= -p $$; echo $$")
    group, own = output.split()
    assert group == own
