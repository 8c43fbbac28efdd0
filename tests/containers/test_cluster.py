"""Two hosts, as processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from containers.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]

HOST = """
import sys, torch
from containers.cluster import Cluster
from containers.contract.job import TrainingJob
rank = int(sys.argv[1])
cluster = Cluster.join(TrainingJob({}, {}, current_host=f"algo-{rank + 1}", hosts=("algo-1", "algo-2")))
own = torch.arange(3.0) + 10 * rank
print(cluster.sum(own).tolist(), own.tolist(), cluster.sum(torch.tensor(rank + 1)).item())
print([int(arrays["rank"]) for arrays in cluster.gather({"rank": torch.tensor([rank])})])
cluster.leave()
"""


def test_all_hosts_get_the_same_sum_and_the_same_arrays():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "PYTHONPATH": str(ROOT)}
    hosts = [
        subprocess.Popen([sys.executable, "-c", HOST, str(rank)], env=environment, stdout=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    said = [host.communicate(timeout=120)[0].splitlines() for host in hosts]
    assert said[0] == ["[10.0, 12.0, 14.0] [0.0, 1.0, 2.0] 3", "[0, 1]"]
    assert said[1] == ["[10.0, 12.0, 14.0] [10.0, 11.0, 12.0] 3", "[0, 1]"]


def test_one_host_alone_opens_nothing():
    alone = Cluster()
    tensor = torch.ones(2)
    assert alone.sum(tensor) is tensor and alone.gather({"a": tensor}) == [{"a": tensor}]
