"""Three hosts, one of which goes.

What is left of a job waits for up to 22 s before it ends. Nothing computes meanwhile, so that all jobs run side by side.
"""

import os
import signal
import subprocess
import time
from itertools import chain

import pytest

from wildsage.algorithms.base.ports import free_port

HOST = """
import os, sys, time, torch
from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.training import host_watch, watch
from wildsage.containers.training.cluster import Cluster, explain_lost_peers
rank, goes, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if how.startswith("soon "):
    how, host_watch.LOST_AFTER_S = how.removeprefix("soon "), 5.0
cluster = Cluster.join(TrainingJob({}, {}, current_host=f"algo-{rank + 1}", hosts=("algo-1", "algo-2", "algo-3")))
cluster.sum(torch.ones(1))
watch.before_forced_end(lambda reason: print("before the end:", reason, flush=True))
print("joined as", os.getpid(), flush=True)
if rank == goes and how == "fails":
    watch.tell_others("ClientError: row 3 is empty")
    sys.exit(1)
if how == "waits for a line":
    sys.stdin.readline()
elif rank == goes or how == "computes":
    time.sleep(300)
try:
    with explain_lost_peers():
        cluster.sum(torch.ones(1))
except PlatformError as error:  # a container that fails ends at once too
    print(error, flush=True)
    os._exit(3)
cluster.leave()
"""


class Host(subprocess.Popen):
    """A host that has joined."""

    def joined(self) -> None:
        """Wait until it has joined, and learn its process, which is a child of another."""
        said, _, self.program = self.stdout.readline().rpartition(" ")
        assert said == "joined as"

    def signal_itself(self, number: int) -> None:
        """Send a signal to the host itself."""
        os.kill(int(self.program), number)


KILLED = [(1, "computes"), (2, "waits"), (0, "computes")]
STOPPED = [(2, "soon waits"), (0, "soon computes")]
ALL_STOPPED = (3, "soon waits for a line")
FAILS = (0, "fails")
"""The number of the host that goes, and what it does until then. Those that take longest come first."""


@pytest.fixture(scope="module")
def jobs(containers_python):
    """The three hosts of each job. Where one is to be killed or stopped, it has been."""
    started: dict[tuple[int, str], list[Host]] = {}
    for job in [*KILLED, *STOPPED, FAILS, ALL_STOPPED]:
        goes, how = job
        environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        commands = [containers_python.command(HOST, str(rank), str(goes), how) for rank in range(3)]
        started[job] = [Host(command, env=environment, text=True, **pipes) for command in commands]
        for host in started[job]:
            host.joined()
        if job in KILLED + STOPPED:
            started[job][goes].signal_itself(signal.SIGKILL if job in KILLED else signal.SIGSTOP)
    yield started
    for host in chain(*started.values()):
        host.kill()
        host.communicate()


def test_hosts_that_were_all_stopped_go_on(jobs):
    """As where the machine of all of them sleeps. Of all jobs this one alone may not lose a host: it is not kept waiting."""
    hosts = jobs[ALL_STOPPED]
    for host in hosts:
        host.signal_itself(signal.SIGSTOP)
    time.sleep(6)  # longer than a host may be silent
    for host in hosts:
        host.signal_itself(signal.SIGCONT)
    time.sleep(1.5)  # a round of each
    for host in hosts:
        host.stdin.write("go on\n")
        host.stdin.flush()
    assert [host.communicate(timeout=240)[0] for host in hosts] == [""] * 3
    assert [host.returncode for host in hosts] == [0] * 3


@pytest.mark.parametrize(("goes", "how"), KILLED)
def test_a_killed_host_ends_the_others_with_its_name(jobs, goes, how):
    """Whether they wait for it or compute by themselves, which takes longer than the test waits."""
    for number in {0, 1, 2} - {goes}:
        host = jobs[goes, how][number]
        log = host.communicate(timeout=240)[0]
        assert ("before the end: InternalServerError: Host" in log) == (how == "computes")
        assert host.returncode != 0
        assert f"Host algo-{goes + 1} of this job ended before its work was done; its log says why." in log


def test_the_others_are_told_why_the_first_fails(jobs):
    """It holds what they read."""
    for host in jobs[FAILS][1:]:
        log = host.communicate(timeout=240)[0]
        assert "Host algo-1 failed: ClientError: row 3 is empty" in log


@pytest.mark.slow
@pytest.mark.parametrize(("goes", "how"), STOPPED)
def test_a_host_that_stands_still_ends_the_others_with_its_name(jobs, goes, how):
    """Its connections stay, and nothing answers on them: as if its machine were frozen, or the network gone."""
    for number in {0, 1, 2} - {goes}:
        host = jobs[goes, how][number]
        log = host.communicate(timeout=240)[0]
        assert host.returncode != 0
        assert f"Host algo-{goes + 1} of this job ended before its work was done; its log says why." in log
