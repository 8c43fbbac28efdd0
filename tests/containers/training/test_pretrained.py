"""Weights that a user keeps at hand."""

import pytest
import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.training import pretrained

STATE = {"conv1.weight": torch.rand(2, 3), "bn1.bias": torch.rand(2)}


def test_a_state_dictionary_of_torch(tmp_path):
    torch.save(STATE, tmp_path / "resnet-18.pth")
    found = pretrained.find(str(tmp_path), "resnet-18")
    assert all(torch.equal(found[name], array) for name, array in STATE.items())


def test_an_mxnet_checkpoint(tmp_path):
    (tmp_path / "resnet-18-0000.params").write_bytes(ndarray.write({"arg:fc_bias": STATE["bn1.bias"].numpy()}))
    assert torch.equal(pretrained.find(str(tmp_path), "resnet-18")["fc_bias"], STATE["bn1.bias"])


def test_nothing_is_found_where_nothing_is(tmp_path):
    assert pretrained.find(str(tmp_path), "resnet-18") is None
    assert pretrained.find(None, "resnet-18") is None and pretrained.find(str(tmp_path), None) is None


def test_a_file_may_have_any_name(tmp_path):
    torch.save(STATE, tmp_path / "resnet18-f37072fd.pth")
    found = pretrained.find(str(tmp_path / "resnet18-f37072fd.pth"), "resnet-18")
    assert torch.equal(found["bn1.bias"], STATE["bn1.bias"])
    (tmp_path / "mine.params").write_bytes(ndarray.write({"aux:mean": STATE["bn1.bias"].numpy()}))
    assert torch.equal(pretrained.find(str(tmp_path / "mine.params"), "resnet-50")["mean"], STATE["bn1.bias"])


def test_a_place_that_does_not_exist_or_holds_no_weights_is_named(tmp_path):
    with pytest.raises(UserError, match="absent does not exist, expected a file or a folder of weights"):
        pretrained.find(str(tmp_path / "absent"), "resnet-18")
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(UserError, match=r"a\.csv: expected weights in a file with suffix \.pth, \.pt, \.params"):
        pretrained.find(str(tmp_path / "a.csv"), "resnet-18")


class Unwelcome:
    """Unpickling it would call a function."""

    def __reduce__(self):
        return print, ("unpacked",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"a": Unwelcome()}, "not a state dictionary of tensors"),
        ({"a": [1]}, "expected a dictionary of tensors"),
        ([1], "expected a dictionary of tensors"),
    ],
)
def test_anything_but_tensors_is_rejected(tmp_path, capsys, content, problem):
    torch.save(content, tmp_path / "resnet-18.pth")
    with pytest.raises(UserError, match=problem):
        pretrained.find(str(tmp_path), "resnet-18")
    assert "unpacked" not in capsys.readouterr().out


def test_a_damaged_file_says_so(tmp_path):
    (tmp_path / "resnet-18.pth").write_bytes(b"no archive")
    with pytest.raises(UserError, match="not a state dictionary of tensors"):
        pretrained.find(str(tmp_path), "resnet-18")
