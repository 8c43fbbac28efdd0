"""Two hosts, as processes."""

import os
import subprocess

import pytest
import torch

from wildsage.containers.training.cluster import Cluster, explain_lost_peers

HOST = """
import sys, torch
from wildsage.containers.training.cluster import Cluster
from wildsage.containers.contract.job import TrainingJob
rank = int(sys.argv[1])
cluster = Cluster.join(TrainingJob({}, {}, current_host=f"algo-{rank + 1}", hosts=("algo-1", "algo-2")))
own = torch.arange(3.0) + 10 * rank
print(cluster.sum(own).tolist(), own.tolist(), cluster.sum(torch.tensor(rank + 1)).item())
print([int(arrays["rank"]) for arrays in cluster.gather({"rank": torch.tensor([rank])})])
cluster.leave()
"""


ONE_LEAVES = """
import sys, torch
from torch.nn.parallel import DistributedDataParallel
from wildsage.containers.training.cluster import Cluster, explain_lost_peers
from wildsage.containers.contract.job import TrainingJob
rank = int(sys.argv[1])
cluster = Cluster.join(TrainingJob({}, {}, current_host=f"algo-{rank + 1}", hosts=("algo-1", "algo-2")))
network = DistributedDataParallel(torch.nn.Linear(2, 1))
if rank == 0:
    for lose in (lambda: network(torch.ones(1, 2)).sum().backward(), lambda: cluster.sum(torch.ones(1))):
        try:
            with explain_lost_peers():
                lose()
        except Exception as error:
            print(type(error).__name__, error)
"""


@pytest.fixture
def two(free_port, containers_python):
    """What two hosts say."""
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}

    def run(script: str) -> list[list[str]]:
        commands = [containers_python.command(script, str(rank)) for rank in (0, 1)]
        hosts = [subprocess.Popen(one, env=environment, stdout=subprocess.PIPE, text=True) for one in commands]
        return [host.communicate(timeout=120)[0].splitlines() for host in hosts]

    return run


def test_a_lost_host_is_said_to_be_lost_whoever_misses_it(two):
    said, _ = two(ONE_LEAVES)
    assert said == ["PlatformError Host algo-2 of this job ended before its work was done; its log says why."] * 2


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="a bug"), explain_lost_peers():
        raise RuntimeError("a bug")


def test_all_hosts_get_the_same_sum_and_the_same_arrays(two):
    said = two(HOST)
    assert said[0] == ["[10.0, 12.0, 14.0] [0.0, 1.0, 2.0] 3", "[0, 1]"]
    assert said[1] == ["[10.0, 12.0, 14.0] [10.0, 11.0, 12.0] 3", "[0, 1]"]


def test_one_host_alone_opens_nothing():
    alone = Cluster()
    tensor = torch.ones(2)
    assert alone.sum(tensor) is tensor and alone.gather({"a": tensor}) == [{"a": tensor}]
