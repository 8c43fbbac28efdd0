"""Models in one NDArray file, with names or without; tests/containers/model_files/test_rejected.py has other files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.codecs.mxnet.ndarray import RowSparse
from wildsage.containers.model_files import ndarrays

ONES = np.ones((2, 2), np.float32)


@dataclass
class Toy(Model):
    held: dict[str, torch.Tensor]
    array_names = ("low", "high")

    def arrays(self):
        return self.held

    @classmethod
    def from_arrays(cls, arrays, settings):
        assert settings == {}
        return cls(dict(arrays))

    feature_dim = 2

    def predict(self, batch):
        return {}

    def to(self, device):
        return self


class Listed(Toy):
    named = False


class Single(Toy):
    named = False
    array_names = ("only",)


CLASSES = {"named": Toy, "listed": Listed, "single": Single}


def file(folder, arrays) -> None:
    (folder / "model_algo-1").write_bytes(ndarray.write(arrays))


@pytest.mark.parametrize("kind", [Toy, Listed])
def test_a_model_comes_back_in_the_order_of_its_names(tmp_path, kind):
    model = kind({"low": torch.arange(6.0).reshape(2, 3).T, "high": torch.tensor([7.0])})
    ndarrays.save(model, tmp_path, "algo-3")
    content = ndarray.read((tmp_path / "model_algo-3").read_bytes())
    assert (list(content) == ["low", "high"]) if kind.named else [each.shape for each in content] == [(3, 2), (1,)]
    again = ndarrays.load(tmp_path, CLASSES)
    assert type(again) is kind and list(again.held) == ["low", "high"]
    assert all(torch.equal(again.held[name], model.held[name]) for name in model.held)


def test_arrays_that_are_read_can_be_changed(tmp_path):
    file(tmp_path, [ONES])
    ndarrays.load(tmp_path, CLASSES).held["only"][0] = 5.0


@pytest.mark.parametrize(
    ("arrays", "classes", "held"),
    [
        ({"low": ONES}, ["named"], "holds low, which is not a model of named"),
        ({"low": ONES, "high": ONES, "more": ONES}, ["named"], "holds low, high, more, which is not a model"),
        ({"low": ONES, "high": ONES}, ["listed"], "holds low, high, which is not a model of listed"),
        ([ONES, ONES], ["named", "single"], "holds 2 arrays without names, which is not a model of named or single"),
        ([ONES], ["listed"], "holds 1 arrays without names, which is not a model of listed"),
        ([], ["listed"], "holds 0 arrays without names"),
        ([RowSparse(ONES, np.arange(2), (2, 2))], ["single"], "NDArray file: only are not all dense, expected dense"),
    ],
)
def test_arrays_that_are_not_exactly_a_models_are_rejected(tmp_path, arrays, classes, held):
    file(tmp_path, arrays)
    with pytest.raises(UserError) as caught:
        ndarrays.load(tmp_path, {name: CLASSES[name] for name in classes})
    assert held in str(caught.value)


def test_another_file_or_none_is_left_to_other_layouts(tmp_path):
    assert ndarrays.load(tmp_path, CLASSES) is None
    (tmp_path / "model_algo-1").write_bytes(b"PK\x03\x04")
    assert ndarrays.load(tmp_path, CLASSES) is None


def test_what_is_expected_is_the_call_that_writes_it():
    begin = "an MXNet NDArray file, which begins with 12 01 00 00 00 00 00 00: what mx.nd.save"
    assert ndarrays.expected(Toy) == f'{begin}("model_algo-1", {{"low": low, "high": high}}) writes'
    assert ndarrays.expected(Listed) == f'{begin}("model_algo-1", [low, high]) writes'
