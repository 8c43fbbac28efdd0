"""What every image does where a script lacks a hook, and which image has which defaults."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from wildsage.containers.frameworks import defaults
from wildsage.containers.frameworks.defaults.base import DefaultHooks


def error(status: object = None, text: str = "a text") -> Exception:
    found = ValueError(text)
    if status is not None:
        found.status_code = status
    return found


@pytest.mark.parametrize(
    ("given", "status"),
    [(None, 500), (399, 500), (400, 400), (422, 422), (599, 599), (600, 500), (200, 500), ("404", 500)],
)
def test_an_exception_may_say_with_which_status_it_is_answered(given, status):
    answer = DefaultHooks().failure(error(given))
    assert (answer.status, answer.body) == (status, b"a text")


def test_an_exception_without_a_text_is_its_name():
    assert DefaultHooks().failure(error(text="")).body == b"ValueError"


def test_a_model_predicts_and_only_a_script_loads_it():
    assert DefaultHooks().predict_fn([1], SimpleNamespace(predict=lambda data: [*data, 2])) == [1, 2]
    with pytest.raises(NotImplementedError, match=r"^Please provide a model_fn implementation\.$"):
        DefaultHooks().model_fn(Path("/model"))


@pytest.mark.parametrize(
    ("framework", "name"),
    [
        ("scikit-learn", "ScikitLearnHooks"),
        ("xgboost", "XGBoostHooks"),
        ("pytorch", "PyTorchHooks"),
        ("huggingface-pytorch", "HuggingFaceHooks"),
        ("huggingface-tensorflow", "HuggingFaceHooks"),
        ("other", "DefaultHooks"),
    ],
)
def test_every_framework_has_its_defaults(framework, name):
    assert type(defaults.of_framework(framework, "1.7-1", {})).__name__ == name
