"""Hosts of one job: two, as forks of this process, and one alone."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.training import cluster, host_watch, watch
from wildsage.containers.training.cluster import Cluster, explain_lost_peers
from wildsage.local_runner.operations.sagemaker import training_rules

HOSTS = ("algo-1", "algo-2")


def job(rank: int) -> TrainingJob:
    return TrainingJob(current_host=HOSTS[rank], hosts=HOSTS)


@pytest.fixture
def both(free_port, monkeypatch) -> Callable[[Callable[[Cluster], Any]], list[Any]]:
    """What a function returns on each of two hosts that have joined; a host ends at once when it has returned."""
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(free_port))
    context = multiprocessing.get_context("fork")

    def main(function: Callable[[Cluster], Any], rank: int, sink: Any) -> None:
        hosts = Cluster.join(job(rank))
        hosts.sum(torch.ones(1))  # ends when both have joined
        sink.send(function(hosts))
        os._exit(0)

    def run(function: Callable[[Cluster], Any]) -> list[Any]:
        sources = []
        for rank in range(2):
            source, sink = context.Pipe(duplex=False)
            context.Process(target=main, args=(function, rank, sink), daemon=True).start()
            sink.close()
            sources.append(source)
        return [source.recv() for source in sources]

    return run


def test_all_hosts_get_the_same_sum_and_the_same_arrays(both):
    def share(hosts: Cluster) -> list[Any]:
        own = torch.arange(3.0) + 10 * hosts.rank
        arrays = {"rank": torch.tensor([hosts.rank]), "rows": torch.full((hosts.rank, 2), 0.5)}
        found = [hosts.size, hosts.sum(own).tolist(), own.tolist(), hosts.sum(torch.tensor(hosts.rank + 1)).item()]
        gathered = [{name: array.tolist() for name, array in one.items()} for one in hosts.gather(arrays)]
        hosts.leave()
        return [*found, gathered, dist.is_initialized()]

    gathered = [{"rank": [0], "rows": []}, {"rank": [1], "rows": [[0.5, 0.5]]}]
    first, second = both(share)
    assert first == [2, [10, 12, 14], [0, 1, 2], 3, gathered, False]
    assert second == [2, [10, 12, 14], [10, 11, 12], 3, gathered, False]


def lost(lose: Callable[[], Any], hosts: Cluster) -> str:
    """What the first of two hosts says of the second, which is gone."""
    if hosts.rank == 0:
        with pytest.raises(PlatformError) as caught, explain_lost_peers():
            lose()
        return str(caught.value)
    return ""


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Who is gone is known in a second."""
    monkeypatch.setattr(host_watch, "SUSPECTED_AFTER_S", 0.5)
    monkeypatch.setattr(host_watch, "INTERVAL_S", 0.1)


def test_a_host_that_is_gone_is_missed_with_its_name(both, impatient):
    found = both(lambda hosts: lost(lambda: hosts.sum(torch.ones(1)), hosts))
    assert found[0] == "Host algo-2 of this job ended before its work was done; its log says why."


@pytest.mark.slow
def test_a_host_that_is_gone_is_missed_by_torch_too(both, impatient):
    """To import what it needs takes seconds."""

    def miss(hosts: Cluster) -> str:
        network = DistributedDataParallel(torch.nn.Linear(2, 1))
        hosts.sum(torch.ones(1))  # ends when both have it
        return lost(lambda: network(torch.ones(1, 2)).sum().backward(), hosts)

    assert both(miss)[0] == "Host algo-2 of this job ended before its work was done; its log says why."


def test_hosts_wait_for_each_other_as_long_as_a_job_may_run():
    assert cluster.COMPUTE_WITHIN.total_seconds() == training_rules.MAX_RUNTIME_S


def test_one_host_alone_opens_nothing():
    alone = Cluster.join(TrainingJob())
    tensor = torch.ones(2)
    assert alone == Cluster(0, 1)
    assert alone.sum(tensor) is tensor and alone.gather({"a": tensor}) == [{"a": tensor}]
    alone.leave()


@pytest.mark.parametrize("verdict", ["Host algo-1 of this job ended", ""])
@pytest.mark.parametrize("error", [RuntimeError("no route"), dist.DistNetworkError("no route")])
def test_hosts_that_cannot_reach_each_other_say_who_or_why(monkeypatch, verdict, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(watch, "begin", lambda hosts, host: None)
    monkeypatch.setattr(watch, "meet", lambda: None)
    monkeypatch.setattr(watch, "verdict", lambda: verdict)
    monkeypatch.setattr(cluster.dist, "init_process_group", fail)
    with pytest.raises(PlatformError) as caught:
        Cluster.join(job(1))
    assert str(caught.value) == (verdict or "Hosts algo-1, algo-2 cannot reach each other: no route")


@pytest.mark.parametrize("error", [RuntimeError("[third_party/gloo/tcp] closed"), dist.DistError("closed")])
def test_an_error_of_a_connection_means_that_a_host_is_gone(monkeypatch, error):
    monkeypatch.setattr(watch, "verdict", lambda: "")
    with (
        pytest.raises(PlatformError, match=r"^Another host of this job ended before its work was done"),
        explain_lost_peers(),
    ):
        raise error


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("/gloo/")])
def test_other_errors_pass(error):
    with pytest.raises(type(error)) as caught, explain_lost_peers():
        raise error
    assert caught.value is error
