"""Hyperparameters as attributes: their limits, their texts, and those of a class. The module needs no SDK, which its package does."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[3] / "local_runner" / "estimators" / "hyperparameters.py"


@pytest.fixture
def module() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(FILE)))


def estimator(module: SimpleNamespace, *arguments: Any, **settings: Any) -> Any:
    """An object whose attribute `x` is a hyperparameter."""
    return type("Mine", (), {"x": module.Hyperparameter(*arguments, **settings)})()


@pytest.mark.parametrize(
    ("settings", "accepted", "rejected", "expected"),
    [
        ({"low": 1}, [1, 2], [0], "int ≥ 1"),
        ({"high": 9}, [9, 8], [10], "int ≤ 9"),
        ({"above": 1}, [2], [1, 0], "int > 1"),
        ({"below": 9}, [8], [9, 10], "int < 9"),
        ({"low": 1, "below": 3}, [1, 2], [0, 3], "int ≥ 1 < 3"),
        ({"low": 0, "high": 0}, [0], [-1, 1], "int ≥ 0 ≤ 0"),
        ({}, [-5, "7"], ["x", [1]], "int"),
    ],
)
def test_a_number_keeps_its_limits(module, settings, accepted, rejected, expected):
    mine = estimator(module, int, **settings)
    for value in accepted:
        mine.x = value
        assert mine.x == int(value)
    before = mine.x
    for value in rejected:
        with pytest.raises(ValueError) as caught:
            mine.x = value
        assert str(caught.value) == f"Hyperparameter x: got {value!r}, expected {expected}."
        assert mine.x == before


def test_a_choice_is_one_of_its_words(module):
    mine = estimator(module, str, choices=("a", "b"))
    mine.x = "b"
    with pytest.raises(ValueError, match="Hyperparameter x: got 'c', expected one of a, b"):
        mine.x = "c"
    assert mine.x == "b"


def test_none_is_unset_and_each_object_has_its_own(module):
    mine = estimator(module, int, low=1)
    other = type(mine)()
    assert mine.x is None
    mine.x = 3
    assert (mine.x, other.x) == (3, None)
    assert type(mine).x.attribute == "x"
    mine.x = None
    assert mine.x is None


def test_those_of_a_class_come_before_those_of_its_base_and_are_sent_as_text(module):
    base = type("Base", (), {"d": module.Hyperparameter(int)})
    derived = type("Derived", (base,), {name: module.Hyperparameter(kind) for name, kind in (("b", bool), ("a", list))})
    derived.f = module.Hyperparameter(float, name="other_name")
    derived.f.__set_name__(derived, "f")
    assert [one.attribute for one in module.declared(derived)] == ["b", "a", "f", "d"]
    mine = derived()
    mine.b, mine.a, mine.f = True, ["x", 1], 0.5
    assert module.formatted(mine) == {"b": "True", "a": '["x", 1]', "other_name": "0.5"}
