"""What a tuning job may change of a parent: at most ten words, and neither objective, type, image nor count."""

from __future__ import annotations

from typing import Any

import pytest

from wildsage.local_runner.jobs.tuning.definition import TrainingDefinition
from wildsage.local_runner.jobs.tuning.ranges import Choice, Number, Range
from wildsage.local_runner.operations.sagemaker.warm_start_rules import WarmStart

LOSS = {"Type": "Minimize", "MetricName": "loss"}


def number(name: str, whole: bool = False) -> Number:
    return Number(name, 0.0, 1.0, "Linear", whole)


def definition(
    *ranges: Range, name: str = "", objective: dict[str, str] = LOSS, image: str = "i", **static: str
) -> TrainingDefinition:
    training = {"AlgorithmSpecification": {"TrainingImage": image}, "StaticHyperParameters": static}
    return TrainingDefinition(name, training, objective, ranges, ())


def problem(before: Any, found: Any, kind: str = "TransferLearning") -> str:
    """The first problem, or ""."""
    before, found = (one if isinstance(one, list) else [one] for one in (before, found))
    return next(WarmStart("parent", kind, before, found).problems(), "")


def statics(count: int, value: str, begin: int = 0) -> dict[str, str]:
    return {f"s{index}": value for index in range(begin, begin + count)}


def test_the_same_search_again_is_accepted():
    assert problem(definition(number("x"), a="1"), definition(number("x"), a="1")) == ""


def test_hyperparameters_may_become_static_or_tunable_but_not_come_or_go():
    parent = definition(number("x"), a="1")
    assert problem(parent, definition(number("a"), x="1")) == ""
    for other in (definition(number("x")), definition(number("x"), number("y"), a="1")):
        assert problem(parent, other).startswith(
            "The total number of static and tunable hyperparameters must be the same"
        )
    assert "Parent tuning job parent has another number" in problem([parent, definition()], [parent])


@pytest.mark.parametrize(
    "objective", [{"Type": "Maximize", "MetricName": "loss"}, {"Type": "Minimize", "MetricName": "error"}]
)
def test_the_objective_stays(objective):
    text = problem(definition(objective=objective), definition())
    assert text == (
        f"Parent tuning job parent has the objective {objective['Type']} {objective['MetricName']}, expected Minimize loss."
    )


def test_another_image_is_transfer_learning():
    one, other = definition(image="i"), definition(image="j")
    assert problem(one, other) == ""
    assert problem(one, one, "IdenticalDataAndAlgorithm") == ""
    text = problem(one, other, "IdenticalDataAndAlgorithm")
    assert "parent parent has another image (i, j). Use TransferLearning." in text


@pytest.mark.parametrize(
    ("before", "found", "words"),
    [
        (number("x", whole=True), number("x"), "x is continuous, and integer in parent tuning job parent"),
        (number("x"), number("x", whole=True), "x is integer, and continuous in"),
        (Choice("x", ("a",)), number("x"), "x is continuous, and categorical in"),
        (number("x"), Choice("x", ("a",)), "x is categorical, and continuous in"),
    ],
)
def test_the_type_of_a_hyperparameter_stays(before, found, words):
    assert words in problem(definition(before), definition(found))


@pytest.mark.parametrize(
    ("before", "found", "changes"),
    [
        (definition(**statics(10, "1")), definition(**statics(10, "2")), 10),
        (definition(**statics(11, "1")), definition(**statics(11, "2")), 11),
        (definition(**statics(5, "red")), definition(**statics(5, "blue")), 10),
        (definition(**statics(6, "red")), definition(**statics(6, "blue")), 12),
        (definition(Choice("s0", tuple("abcdefghij"))), definition(**statics(1, "a")), 10),
        (definition(Choice("s0", tuple("abcdefghijk"))), definition(**statics(1, "a")), 11),
        (definition(*(number(f"s{index}") for index in range(11))), definition(**statics(11, "1")), 11),
        (definition(number("s0"), **statics(9, "1", 1)), definition(s0="1", **statics(9, "2", 1)), 10),
        (definition(number("s0"), **statics(10, "1", 1)), definition(s0="1", **statics(10, "2", 1)), 11),
    ],
)
def test_at_most_ten_words_change(before, found, changes):
    text = problem(before, found)
    assert text.startswith(f"{changes} changes of parent tuning job parent") if changes > 10 else text == ""


def test_definitions_are_compared_by_their_names_or_with_the_first():
    before = [definition(number("x"), name="a"), definition(Choice("x", ("w",)), name="b")]
    assert problem(before, [definition(Choice("x", ("w",)), name="b"), definition(number("x"), name="a")]) == ""
    assert problem(before, [definition(number("x"), name="new")]) == ""
    assert "x is categorical, and continuous" in problem(before, [definition(Choice("x", ("w",)), name="new")])
