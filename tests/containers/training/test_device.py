"""Which device a job computes on."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.training import device


@pytest.fixture
def gpus(monkeypatch):
    """A host with so many GPUs."""

    def have(count: int, works: bool = True) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: works)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return have


@pytest.mark.parametrize(
    ("wanted", "there", "kind"),
    [("auto", 0, "cpu"), ("auto", 1, "cuda"), ("auto", 2, "cuda"), ("0", 2, "cpu"), ("0", 0, "cpu"), ("1", 1, "cuda"), ("2", 3, "cuda")],
)  # fmt: skip
def test_a_gpu_is_used_where_there_is_one_and_it_is_wanted(gpus, wanted, there, kind):
    gpus(there)
    assert device.choose(wanted) == torch.device(kind)


@pytest.mark.parametrize(("wanted", "there"), [("1", 0), ("3", 2), ("1024", 0)])
def test_a_host_with_fewer_gpus_than_required_says_so(gpus, wanted, there):
    gpus(there)
    with pytest.raises(UserError, match=rf"^Hyperparameter _num_gpus: got {wanted}, but this host has {there}\.$"):
        device.choose(wanted)


def test_a_driver_that_does_not_work_has_no_gpus(gpus):
    gpus(2, works=False)
    assert device.choose("auto") == torch.device("cpu")
    with pytest.raises(UserError, match="has 0"):
        device.choose("1")


@pytest.mark.parametrize("wanted", ["-1", "many", "1025", ""])
def test_what_is_not_a_number_of_gpus_is_named(gpus, wanted):
    gpus(2000)
    with pytest.raises(UserError, match=f"_num_gpus: got '{wanted}', expected an integer from 0 to 1024"):
        device.choose(wanted)
