"""Ranges as a request gives them."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.local_runner.jobs.tuning import ranges
from wildsage.local_runner.jobs.tuning.ranges import Choice, Number, RangeError


def number(low: str, high: str, **fields: str) -> dict:
    return {"Name": "x", "MinValue": low, "MaxValue": high, **fields}


def test_each_kind_is_read_in_the_order_given():
    found = ranges.read(
        {
            "CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b", "a"]}],
            "ContinuousParameterRanges": [{"Name": "f", "MinValue": "0.5", "MaxValue": "2", "ScalingType": "Linear"}],
            "IntegerParameterRanges": [{"Name": "i", "MinValue": "1", "MaxValue": "1000"}],
        }
    )
    assert found == [
        Number("i", 1, 1000, "Logarithmic", True),
        Number("f", 0.5, 2, "Linear", False),
        Choice("c", ("a", "b")),
    ]


@pytest.mark.parametrize(
    ("low", "high", "scaling"),
    [("1", "99", "Linear"), ("1", "100", "Logarithmic"), ("0", "100", "Linear"), ("-5", "5", "Linear")],
)
def test_auto_is_logarithmic_over_two_decades(low, high, scaling):
    (found,) = ranges.read({"ContinuousParameterRanges": [number(low, high, ScalingType="Auto")]})
    assert found.scaling == scaling


@pytest.mark.parametrize(
    ("kind", "given", "problem"),
    [
        ("Integer", number("1.5", "3"), "MinValue is '1.5', expected a whole number"),
        ("Integer", number("1", "many"), "MaxValue is 'many', expected a whole number"),
        ("Continuous", number("0", "inf"), "MaxValue is 'inf', expected a number"),
        ("Integer", number("3", "2"), "from 3 to 2 is empty"),
        ("Continuous", number("0", "1", ScalingType="Logarithmic"), "needs values above 0"),
        ("Continuous", number("0.5", "1", ScalingType="ReverseLogarithmic"), "from 0 to below 1"),
        ("Integer", number("0", "0", ScalingType="ReverseLogarithmic"), "needs continuous values"),
        ("Continuous", number("-0.1", "0.5", ScalingType="ReverseLogarithmic"), "from 0 to below 1"),
        ("Continuous", number("0", "nan"), "MaxValue is 'nan', expected a number"),
        ("Integer", number("1", "1_0"), "MaxValue is '1_0', expected a whole number"),
        ("Integer", number("\u0661", "2"), "MinValue is '\u0661', expected a whole number"),
        ("Continuous", number("2", "1.5"), "the range from 2.0 to 1.5 is empty"),
    ],
)
def test_a_range_that_cannot_be_is_rejected(kind, given, problem):
    with pytest.raises(RangeError, match=problem):
        ranges.read({f"{kind}ParameterRanges": [given]})


@pytest.mark.parametrize(
    ("kind", "given", "found"),
    [
        ("Integer", number("2", "2"), Number("x", 2, 2, "Linear", True)),
        ("Integer", number("1", "2.0"), Number("x", 1, 2, "Linear", True)),
        ("Continuous", number("1e-9", "1", ScalingType="Logarithmic"), Number("x", 1e-9, 1, "Logarithmic", False)),
        ("Continuous", number("0", "0.9", ScalingType="ReverseLogarithmic"), Number("x", 0, 0.9, "ReverseLogarithmic", False)),
    ],
)  # fmt: skip
def test_a_range_may_go_to_its_limits(kind, given, found):
    assert ranges.read({f"{kind}ParameterRanges": [given]}) == [found]


def test_both_ends_belong_to_a_range_and_nothing_beyond():
    one = Number("x", 2, 5, "Linear", True)
    assert [one.value(text) for text in ("1", "2", "5", "6", "two")] == [None, 2, 5, None, None]
    assert one.ends == ("2", "5") and {one.draw(random.Random(seed)) for seed in range(50)} == {"2", "3", "4", "5"}
    choice = Choice("c", ("a", "b"))
    assert [choice.value(text) for text in ("a", "b", "c")] == ["a", "b", None]
    assert choice.text("a") == "a" and choice.ends == ("a", "b") and choice.size == 2


def test_a_hyperparameter_has_one_range():
    with pytest.raises(RangeError, match="x has more than one range"):
        ranges.read({"IntegerParameterRanges": [number("1", "2")], "ContinuousParameterRanges": [number("1", "2")]})
    with pytest.raises(RangeError, match="a has more than one range"):
        ranges.read({"CategoricalParameterRanges": [{"Name": name, "Values": ["1"]} for name in "bcaba"]})


@pytest.mark.parametrize(
    ("hint", "found"),
    [
        ("100", Number("x", 10, 1000, "Logarithmic", True)),
        ("3", Number("x", 1, 30, "Logarithmic", True)),
        ("0.1", Number("x", 0.01, 1.0, "Logarithmic", False)),
        ("0", Number("x", 0, 0, "Linear", True)),
        ("+15", Number("x", 1, 150, "Logarithmic", True)),
        ("-15", Number("x", -150, -1, "Linear", True)),
        ("-25", Number("x", -250, -2, "Linear", True)),
        ("25", Number("x", 2, 250, "Logarithmic", True)),
        ("-2.0", Number("x", -20.0, -0.2, "Linear", False)),
        ("sgd", Choice("x", ("sgd",))),
        ("1_000", Choice("x", ("1_000",))),
    ],
)
def test_an_auto_parameter_is_searched_around_its_hint(hint, found):
    assert ranges.read({"AutoParameters": [{"Name": "x", "ValueHint": hint}]}) == [found]


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_what_a_job_gets_is_read_back(one, other):
    low, high = sorted((one, other))
    whole, real = Number("x", low, high, "Linear", True), Number("x", low / 7, high / 7, "Linear", False)
    assert whole.value(whole.text(high)) == high
    assert real.value(real.text(high / 7)) == high / 7
    assert whole.value(str(high + 1)) is None


def test_combinations_are_counted():
    words = [Choice("a", ("1", "2")), Choice("b", ("1", "2", "3"))]
    assert ranges.combinations(words) == 6
    assert ranges.combinations([*words, Number("k", 2, 5, "Linear", True)]) == 24
    assert ranges.combinations([*words, Number("x", 0, 1, "Linear", False)]) == math.inf
    assert ranges.combinations([*words, Number("x", 1, 1, "Linear", False)]) == 6


def test_a_grid_takes_words():
    ranges.require_words([Choice("a", ("1", "2"))])
    with pytest.raises(RangeError, match="Strategy Grid takes categorical ranges only; x has another"):
        ranges.require_words([Choice("a", ("1", "2")), Number("x", 0, 1, "Linear", False)])


def test_what_is_drawn_lies_within_the_range():
    for one in (Choice("a", ("1", "2")), Number("k", 2, 5, "Linear", True), Number("x", 0, 1, "Linear", False)):
        drawn = {one.draw(random.Random(seed)) for seed in range(50)}
        assert all(one.value(text) is not None for text in drawn)
        assert len(drawn) == min(one.size, 50)


def test_edges_are_what_jobs_might_get():
    """A continuous range gives no integers, whatever its ends look like; nobody knows yet what a hint becomes."""
    found = ranges.edges(
        {
            "IntegerParameterRanges": [number("1", "5", Name="i")],
            "ContinuousParameterRanges": [number("1", "2", Name="f")],
            "CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b", "a"]}],
            "AutoParameters": [{"Name": "h", "ValueHint": "7"}],
        }
    )
    ends = [("i", "1"), ("i", "5"), ("f", "1.0"), ("f", "2.0")]
    assert found == [*ends, ("c", "a"), ("c", "b"), ("h", "7")]
