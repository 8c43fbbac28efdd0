"""Three hosts, one of which goes."""

import os
import signal
import subprocess
import time

import pytest

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


@pytest.fixture
def three(free_port, containers_python):
    """Start three hosts; the one whose number is given goes in the way that is said."""
    started = []

    def start(goes: int, how: str) -> list[Host]:
        environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        for rank in range(3):
            command = containers_python.command(HOST, str(rank), str(goes), how)
            started.append(Host(command, env=environment, text=True, **pipes))
        for host in started:
            host.joined()
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("goes", "how"), [(0, "computes"), (1, "computes"), (2, "waits")])
def test_a_killed_host_ends_the_others_with_its_name(three, goes, how):
    """Whether they wait for it or compute by themselves, which takes longer than the test waits."""
    hosts = three(goes, how)
    hosts[goes].signal_itself(signal.SIGKILL)
    for number in {0, 1, 2} - {goes}:
        log = hosts[number].communicate(timeout=240)[0]
        assert ("before the end: InternalServerError: Host" in log) == (how == "computes")
        assert hosts[number].returncode != 0
        assert f"Host algo-{goes + 1} of this job ended before its work was done; its log says why." in log


def test_the_others_are_told_why_the_first_fails(three):
    """It holds what they read."""
    hosts = three(0, "fails")
    for number in (1, 2):
        log = hosts[number].communicate(timeout=240)[0]
        assert "Host algo-1 failed: ClientError: row 3 is empty" in log


@pytest.mark.slow
@pytest.mark.parametrize(("goes", "how"), [(0, "soon computes"), (2, "soon waits")])
def test_a_host_that_stands_still_ends_the_others_with_its_name(three, goes, how):
    """Its connections stay, and nothing answers on them: as if its machine were frozen, or the network gone."""
    hosts = three(goes, how)
    hosts[goes].signal_itself(signal.SIGSTOP)
    for number in {0, 1, 2} - {goes}:
        log = hosts[number].communicate(timeout=240)[0]
        assert hosts[number].returncode != 0
        assert f"Host algo-{goes + 1} of this job ended before its work was done; its log says why." in log


def test_hosts_that_were_all_stopped_go_on(three):
    """As where the machine of all of them sleeps."""
    hosts = three(3, "soon waits for a line")
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
