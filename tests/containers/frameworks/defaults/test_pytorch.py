"""What PyTorch's image does where a script lacks a hook."""

from __future__ import annotations

import numpy as np
import pytest

from tests.containers.frameworks.endpoints import ask, endpoint, npy

torch = pytest.importorskip("torch")


def test_pytorch_serves_torchscript_without_a_script(tmp_path):
    class Twice(torch.nn.Module):
        def forward(self, x):
            return x * 2

    with pytest.raises(NotImplementedError, match=r"Without one, the model is model\.pt .*; the folder has none\.$"):
        endpoint("pytorch", folder=tmp_path)
    torch.jit.save(torch.jit.script(Twice()), str(tmp_path / "own.pth"))
    found = endpoint("pytorch", folder=tmp_path)
    assert ask(found, "[[1, 2]]", "application/json") == (200, b"[[2.0, 4.0]]", "application/json")
    assert ask(found, npy(np.array([[1.5]])), "application/x-npy") == (200, b"[[3.0]]", "application/json")
    (tmp_path / "other.pt").write_bytes(b"")
    with pytest.raises(NotImplementedError, match=r"the folder has other\.pt, own\.pth"):
        endpoint("pytorch", folder=tmp_path)
    (tmp_path / "own.pth").rename(tmp_path / "model.pt")
    assert ask(endpoint("pytorch", folder=tmp_path), "1,2")[0] == 200


class Modal(torch.nn.Module):
    """Says in which mode it is, and whether gradients are followed."""

    def forward(self, x):
        return torch.tensor([float(self.training), float(torch.is_grad_enabled())])


def test_models_of_scripts_predict_in_evaluation_mode_without_gradients():
    found = endpoint("pytorch", model_fn=lambda folder: Modal())
    assert ask(found, "1,2") == (200, b"[0.0, 0.0]", "application/json")


def test_bodies_of_text_are_float32_and_arrays_keep_their_type():
    kind = endpoint("pytorch", model_fn=lambda folder: None, predict_fn=lambda data, model: [str(data.dtype)])
    assert ask(kind, "1,2")[1] == ask(kind, "[1, 2]", "application/json")[1] == b'["torch.float32"]'
    assert ask(kind, npy(np.array([1, 2])), "application/x-npy")[1] == b'["torch.int64"]'


def test_what_is_not_a_tensor_is_passed_on_as_it_is():
    class Sized(torch.nn.Module):
        def forward(self, rows):
            return len(rows)

    found = endpoint("pytorch", model_fn=lambda folder: Sized(), input_fn=lambda body, content_type: [1, 2])
    assert ask(found, "x") == (200, b"2", "application/json")


def test_a_tensor_with_gradients_is_an_answer():
    found = endpoint(
        "pytorch", model_fn=lambda folder: 0, predict_fn=lambda data, model: torch.ones(1, requires_grad=True)
    )
    assert ask(found, "1", accept="application/x-npy")[1] == npy(np.ones(1, np.float32))
