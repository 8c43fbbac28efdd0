"""Rules that a request must keep and that AWS's model of its shape cannot say: fields that need or exclude each other,
bounds of one field by another, and what may occur once.

A rule is a function that takes a request and yields what breaks it. Each family of operations has a module of rules, which
ends with tuples of them in the order in which they are checked. An operation declares its rules with `keeps`, and the server
checks them before it performs the operation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from wildsage.local_runner.wire.errors import AwsError

Request = Mapping[str, Any]
Rule = Callable[[Request], Iterator[str]]
Operation = TypeVar("Operation", bound=Callable[..., Any])

ATTRIBUTE = "rules"


def check(request: Request, rules: Sequence[Rule], code: str = "ValidationException") -> None:
    """Raises the error with that code for the first rule that the request breaks."""
    for rule in rules:
        for problem in rule(request):
            raise AwsError(code, problem)


def keeps(*rules: Rule) -> Callable[[Operation], Operation]:
    """Declare the rules of an operation."""

    def declare(operation: Operation) -> Operation:
        setattr(operation, ATTRIBUTE, rules)
        return operation

    return declare


def rules_of(operation: Callable[..., Any]) -> tuple[Rule, ...]:
    """The rules that were declared for an operation."""
    return getattr(operation, ATTRIBUTE, ())


def values_at(value: Any, *path: str) -> Iterator[Any]:
    """All values at a path of fields, which leads through every member of a list."""
    if isinstance(value, list):
        for member in value:
            yield from values_at(member, *path)
    elif not path:
        yield value
    elif path[0] in value:
        yield from values_at(value[path[0]], *path[1:])


def value_at(request: Request, path: str, default: Any = None) -> Any:
    """The value at a path such as `ResourceConfig.InstanceCount`, or `default`."""
    return next(values_at(request, *path.split(".")), default)


def unique(path: str) -> Rule:
    """No two members of a list have the same value at the path, such as `Tags.Key`."""

    def rule(request: Request) -> Iterator[str]:
        counts = Counter(values_at(request, *path.split(".")))
        if twice := [str(value) for value, count in counts.items() if count > 1]:
            yield f"{path} must be unique, got {', '.join(twice)} more than once."

    return rule


def one_of(path: str, allowed: Sequence[Any]) -> Rule:
    """Every value at the path is one of the allowed ones."""

    def rule(request: Request) -> Iterator[str]:
        for value in values_at(request, *path.split(".")):
            if value not in allowed:
                yield f"{path}: got {value}, expected one of {', '.join(map(str, allowed))}."

    return rule


def at_most(path: str, highest: float, unit: str = "") -> Rule:
    """No value at the path is greater than `highest`."""

    def rule(request: Request) -> Iterator[str]:
        for value in values_at(request, *path.split(".")):
            if value > highest:
                yield f"{path}: got {value}, expected at most {highest}{unit}."

    return rule


def exactly_one(*paths: str) -> Rule:
    """One of the fields is given, and no other."""

    def rule(request: Request) -> Iterator[str]:
        given = [path for path in paths if value_at(request, path) is not None]
        if len(given) != 1:
            yield f"Either {' or '.join(paths)} is needed, got {' and '.join(given) or 'neither'}."

    return rule


def at_most_one(*paths: str) -> Rule:
    """At most one of the fields is given."""

    def rule(request: Request) -> Iterator[str]:
        given = [path for path in paths if value_at(request, path) is not None]
        if len(given) > 1:
            yield f"{' and '.join(given)} exclude each other. Leave one of them out."

    return rule
