"""The variables by which the hosts of a script find each other."""

from __future__ import annotations

import json

import pytest

from wildsage.containers.frameworks import cluster

OPEN_MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def test_hosts_of_pytorch_meet_at_the_first(script_job):
    sockets = {"NCCL_SOCKET_IFNAME": "lo", "GLOO_SOCKET_IFNAME": "lo", "NCCL_IB_DISABLE": "1", "NCCL_DEBUG": "WARN"}
    for framework in ("pytorch", "huggingface-pytorch"):
        found = cluster.variables(script_job(framework, "algo-2", hosts=2), {})
        assert found == {"MASTER_ADDR": "algo-1", "MASTER_PORT": "7777", **sockets}
    assert cluster.variables(script_job("pytorch"), {})["MASTER_ADDR"] == "localhost"


def test_the_environment_says_where_hosts_meet(script_job):
    given = {"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "1234"}
    for hosts in (1, 2):
        found = cluster.variables(script_job("pytorch", hosts=hosts), given)
        assert (found["MASTER_ADDR"], found["MASTER_PORT"]) == ("10.0.0.1", "1234")


def test_open_mpi_may_start_many_processes_as_root_where_it_is_asked_for(script_job):
    asked = cluster.variables(script_job(sagemaker_mpi_enabled=True), {})
    assert OPEN_MPI.items() <= asked.items()
    assert asked["OMPI_MCA_rmaps_base_oversubscribe"] == "1"
    assert asked["PRTE_MCA_rmaps_default_mapping_policy"] == ":oversubscribe"
    assert cluster.variables(script_job(sagemaker_mpi_enabled=False), {}) == {}
    both = cluster.variables(script_job("pytorch", sagemaker_mpi_enabled=True), {})
    assert {*OPEN_MPI, "MASTER_ADDR"} <= both.keys()


def test_other_frameworks_have_no_cluster(script_job):
    asked = {"sagemaker_multi_worker_mirrored_strategy_enabled": True}
    assert cluster.variables(script_job("scikit-learn", hosts=2, **asked), {}) == {}


def tf_config(script_job, host: str, hosts: int, port: str | None = "7000", **asked: bool):
    job = script_job("tensorflow", host, hosts, **{f"sagemaker_{name}_enabled": on for name, on in asked.items()})
    found = cluster.variables(job, {"MASTER_PORT": port} if port else {})
    return json.loads(found["TF_CONFIG"]) if found else None


def test_workers_of_a_mirrored_strategy_find_each_other(script_job):
    hosts = ("algo-1", "algo-2")
    found = [tf_config(script_job, host, 2, multi_worker_mirrored_strategy=True) for host in hosts]
    workers = {"worker": ["algo-1:7001", "algo-2:7002"]}
    assert found == [
        {"cluster": workers, "environment": "cloud", "task": {"index": index, "type": "worker"}} for index in (0, 1)
    ]


def test_a_lone_worker_of_a_mirrored_strategy_has_a_cluster_of_one(script_job):
    found = tf_config(script_job, "algo-1", 1, None, multi_worker_mirrored_strategy=True)
    assert found["cluster"] == {"worker": ["algo-1:7778"]}


def test_a_parameter_server_has_a_master_workers_and_servers(script_job):
    first, second, third = (tf_config(script_job, f"algo-{number}", 3, parameter_server=True) for number in (1, 2, 3))
    assert first == {
        "cluster": {
            "master": ["algo-1:7001"],
            "ps": ["algo-1:7100", "algo-2:7101", "algo-3:7102"],
            "worker": ["algo-2:7002", "algo-3:7003"],
        },
        "environment": "cloud",
        "task": {"index": 0, "type": "master"},
    }
    assert second == {**first, "task": {"index": 0, "type": "worker"}}
    assert third == {**first, "task": {"index": 1, "type": "worker"}}


@pytest.mark.parametrize(
    ("hosts", "asked"),
    [
        (2, {}),
        (1, {"parameter_server": True}),
        (2, {"parameter_server": False, "multi_worker_mirrored_strategy": False}),
    ],
)
def test_other_jobs_of_tensorflow_have_no_cluster(script_job, hosts, asked):
    assert tf_config(script_job, "algo-1", hosts, **asked) is None
