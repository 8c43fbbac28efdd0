"""A host's place by the variables of each launcher."""

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.launchers import place
from wildsage.containers.launchers.place import HostPlace, first_node

TORCH = {"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "first", "MASTER_PORT": "29500"}
SLURM = {
    "SLURM_JOB_ID": "20007",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "cpu[011-012,020]",
    "SLURM_NTASKS": "8",
}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (TORCH, HostPlace("torch", 1, 3, "first", 29500)),
        ({"RANK": "0", "WORLD_SIZE": "1"}, HostPlace("torch", 0, 1, "127.0.0.1", 9000)),
        (
            {"JOB_COMPLETION_INDEX": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "job-0.job"},
            HostPlace("Kubernetes", 3, 4, "job-0.job", 9000),
        ),
        (SLURM, HostPlace("Slurm", 2, 4, "cpu011", 9007)),
        ({**SLURM, "MASTER_ADDR": "login", "MASTER_PORT": "5"}, HostPlace("Slurm", 2, 4, "login", 5)),
        ({**SLURM, **TORCH}, HostPlace("torch", 1, 3, "first", 29500)),
    ],
)
def test_every_launcher_has_its_variables(environment, expected):
    assert place.find(environment) == expected


def test_without_a_launcher_there_is_no_place():
    assert place.find({"MASTER_ADDR": "first", "MASTER_PORT": "1"}) is None
    batch_script = {name: value for name, value in SLURM.items() if name != "SLURM_STEP_ID"}
    assert place.find(batch_script) is None, "only srun starts hosts"


def test_hosts_have_the_names_and_the_order_of_sagemaker():
    """`algo-10` sorts before `algo-2`: the second of ten hosts is the tenth by name, there as here."""
    second = HostPlace("torch", 1, 10, "first", 9000)
    assert second.hosts[:3] == ("algo-1", "algo-10", "algo-2") and second.host == "algo-10"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"RANK": "3"}, "RANK: got 3, expected less than 3, which WORLD_SIZE says"),
        ({"RANK": "-1"}, "RANK: got '-1', expected a whole number"),
        ({"WORLD_SIZE": "many"}, "WORLD_SIZE: got 'many'"),
        ({"MASTER_PORT": "70000"}, "MASTER_PORT: got '70000', expected a whole number from 0 to 65535"),
        ({"MASTER_ADDR": ""}, "MASTER_ADDR is not set: it says where the 3 hosts meet"),
    ],
)
def test_variables_that_do_not_fit_are_named(changed, text):
    with pytest.raises(UserError, match=text):
        place.find({**TORCH, **changed})


def test_an_indexed_job_needs_to_know_its_size():
    with pytest.raises(UserError, match="Set WORLD_SIZE to the completions of the Job"):
        place.find({"JOB_COMPLETION_INDEX": "0"})


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("one", "one"), ("a,b", "a"), ("n[3,5-9],m1", "n3"), ("n[08-12]", "n08"), ("r[1-2]n[07,9]x", "r1n07x"), ("", "")],
)
def test_the_first_node_of_a_list(nodes, first):
    assert first_node(nodes) == first
