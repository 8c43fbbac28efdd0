"""Checkpoints: what is saved is what is loaded, by the same job and no other."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract.paths import OptML
from wildsage.containers.training.checkpoint import Checkpoints

STATE = {"centers": torch.rand(3, 2), "counts": torch.tensor([1, 2], dtype=torch.int64)}
RANDOMNESS = torch.Generator().manual_seed(7).get_state()


@pytest.fixture
def checkpoints(tmp_path) -> Checkpoints:
    return Checkpoints(tmp_path / "deep" / "checkpoints", "algo-2", {"k": "3", "epochs": "5"}, every_s=10)


def test_a_job_goes_on_from_what_it_saved_last(checkpoints):
    assert checkpoints.load() is None
    for position in ((0, 5), (2, 4)):
        checkpoints.save(STATE, position, RANDOMNESS)
    state, position, randomness = checkpoints.load()
    assert state.keys() == STATE.keys() and all(torch.equal(state[name], STATE[name]) for name in STATE)
    assert position == (2, 4) and torch.equal(randomness, RANDOMNESS)
    assert [path.name for path in checkpoints.folder.iterdir()] == ["checkpoint_algo-2"], "a file for each host, whole"


def test_names_of_arrays_may_look_like_those_of_the_checkpoint(checkpoints):
    checkpoints.save({"settings": STATE["centers"], "state/position": STATE["counts"]}, (1, 0), RANDOMNESS)
    state, position, _ = checkpoints.load()
    assert state.keys() == {"settings", "state/position"} and position == (1, 0)


@pytest.mark.parametrize(
    ("settings", "different"),
    [
        ({"k": "4", "epochs": "5"}, "k"),
        ({"k": "3"}, "epochs"),
        ({"k": "3", "epochs": "5", "a": "1"}, "a"),
        ({"epochs": "6", "k": "2"}, "epochs, k"),
    ],
)
def test_a_job_with_other_hyperparameters_is_told_which(checkpoints, settings, different):
    checkpoints.save(STATE, (1, 2), RANDOMNESS)
    other = Checkpoints(checkpoints.folder, checkpoints.host, settings, every_s=10)
    with pytest.raises(UserError, match=rf"checkpoint_algo-2: made with other values of {different}\. Give the job a"):
        other.load()


@pytest.mark.parametrize(
    "content", [[np.zeros(2, np.float32)], {"state/a": np.zeros(2, np.float32)}], ids=["list", "model"]
)
def test_a_file_of_another_kind_is_named(checkpoints, content):
    checkpoints.folder.mkdir(parents=True)
    checkpoints.path.write_bytes(ndarray.write(content))
    with pytest.raises(UserError, match=r"this is not a checkpoint of a training job. Empty the checkpoint folder"):
        checkpoints.load()


def test_checkpoints_are_due_when_their_time_has_passed(checkpoints, monkeypatch):
    moments_s = [100.0, 109.9, 110.0, 200.0, 200.0, 209.9, 210.0]
    monkeypatch.setattr(time, "monotonic", lambda: moments_s.pop(0))
    checkpoints._last_s = 100.0
    assert [checkpoints.due for _ in range(4)] == [False, False, True, True]
    checkpoints.save(STATE, (0, 1), RANDOMNESS)
    assert [checkpoints.due for _ in range(2)] == [False, True]


def test_only_a_job_with_a_configuration_has_checkpoints(tmp_path):
    opt_ml = OptML(tmp_path)
    opt_ml.make_folders()
    assert Checkpoints.configured(opt_ml, "algo-1", {}, 5) is None
    opt_ml.checkpoint_config.write_text(json.dumps({"LocalPath": str(tmp_path / "own")}))
    found = Checkpoints.configured(opt_ml, "algo-1", {"k": "3"}, 5)
    assert (found.path, found.settings, found.every_s) == (tmp_path / "own" / "checkpoint_algo-1", {"k": "3"}, 5)
    assert not found.due
