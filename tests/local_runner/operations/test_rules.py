"""What rules are made of: fields that need or exclude each other, bounds, values that occur once."""

from __future__ import annotations

import pytest

from wildsage.local_runner.operations import rules
from wildsage.local_runner.wire.errors import AwsError


def problems(rule, request: dict) -> list[str]:
    return list(rule(request))


def test_fields_that_need_or_exclude_each_other():
    exactly, most = rules.exactly_one("a", "b.c"), rules.at_most_one("a", "b.c")
    one, other, both = {"a": 0}, {"b": {"c": 1}}, {"a": 0, "b": {"c": 1}}
    assert problems(exactly, one) == problems(exactly, other) == problems(most, one) == problems(most, {}) == []
    assert problems(exactly, {}) == ["Either a or b.c is needed, got neither."]
    assert problems(exactly, both) == ["Either a or b.c is needed, got a and b.c."]
    assert problems(most, both) == ["a and b.c exclude each other. Leave one of them out."]


def test_values_of_every_member_of_a_list_are_bounded():
    request = {"list": [{"x": 1}, {"x": 5}, {}, {"x": 5}]}
    assert problems(rules.at_most("list.x", 5), request) == problems(rules.one_of("list.x", (1, 5)), request) == []
    assert problems(rules.at_most("list.x", 4, " MB"), request) == ["list.x: got 5, expected at most 4 MB."] * 2
    assert problems(rules.one_of("list.x", (1, 2)), request) == ["list.x: got 5, expected one of 1, 2."] * 2
    assert problems(rules.unique("list.x"), request) == ["list.x must be unique, got 5 more than once."]
    assert problems(rules.unique("list.x"), {"list": [{"x": 1}, {"x": 2}]}) == []
    assert rules.value_at(request, "list.x") == 1 and rules.value_at(request, "none.x", 7) == 7


def test_an_operation_has_the_rules_that_it_declares():
    first, second = rules.at_most("a", 1), rules.at_most("b", 1)

    @rules.keeps(first, second)
    def operation() -> None: ...

    assert rules.rules_of(operation) == (first, second)
    assert rules.rules_of(test_an_operation_has_the_rules_that_it_declares) == ()


def test_the_first_rule_that_is_broken_is_the_error():
    broken = (rules.at_most("a", 1), rules.at_most("a", 0))
    rules.check({"a": 0}, broken)
    with pytest.raises(AwsError, match="expected at most 1") as caught:
        rules.check({"a": 2}, broken, "InvalidParameterException")
    assert caught.value.code == "InvalidParameterException"
