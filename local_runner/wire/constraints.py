"""Checks a request against its shape. botocore checks presence and types; this module checks patterns, enums and limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import regex
from botocore.model import Shape
from botocore.validate import ParamValidator

from wildsage.local_runner.wire.errors import invalid

PATTERN_TIMEOUT_S = 0.5
LATEST_S = 253_402_300_799
"""The last second of the year 9999."""


def check(request: dict[str, Any], shape: Shape) -> None:
    """Raises ValidationException with all problems, in AWS's words."""
    found = list(problems(request, shape))
    if found:
        noun = "error" if len(found) == 1 else "errors"
        raise invalid(f"{len(found)} validation {noun} detected: {'; '.join(found)}")
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise invalid(report.generate_report())


def problems(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """Violations of the members, sizes, limits, enums and patterns of a shape, one sentence each."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in shape.required_members:
            if value.get(name) is None:
                yield _problem("null", _member(path, name), "Member must not be null")
        for name, member in value.items():
            if name in shape.members:
                yield from problems(member, shape.members[name], _member(path, name))
    elif shape.type_name == "list" and isinstance(value, list):
        yield from _size_problems(value, shape, path)
        for number, member in enumerate(value, start=1):
            yield from problems(member, shape.member, f"{path}.{number}.member")
    elif shape.type_name == "map" and isinstance(value, dict):
        yield from _size_problems(value, shape, path)
        for key, member in value.items():
            yield from problems(key, shape.key, path)
            yield from problems(member, shape.value, f"{path}.{key}.member")
    elif shape.type_name == "timestamp":
        if not _is_time(value):
            yield _problem(value, path, f"Member must be a time in seconds since 1970, at most {LATEST_S}")
    elif isinstance(value, str):
        yield from _size_problems(value, shape, path)
        yield from _text_problems(value, shape, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number_problems(value, shape, path)


def _is_time(value: Any) -> bool:
    """Whether a value is a time: in a request seconds, within the years that `datetime` knows; in an answer a datetime."""
    if isinstance(value, datetime):
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LATEST_S


def _member(path: str, name: str) -> str:
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _problem(value: Any, path: str, rule: str) -> str:
    shown = value if value == "null" else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {rule}"


def _size_problems(value: Any, shape: Shape, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and len(value) < low:
        yield _problem(value, path, f"Member must have length greater than or equal to {low}")
    if high is not None and len(value) > high:
        yield _problem(value, path, f"Member must have length less than or equal to {high}")


def _number_problems(value: float, shape: Shape, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        yield _problem(value, path, f"Member must have value greater than or equal to {low}")
    if high is not None and value > high:
        yield _problem(value, path, f"Member must have value less than or equal to {high}")


def _text_problems(value: str, shape: Shape, path: str) -> Iterator[str]:
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        yield _problem(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and (compiled := _compiled(pattern)) and not _matches(compiled, value):
        yield _problem(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _matches(pattern: regex.Pattern[str], value: str) -> bool:
    """Whether the whole text matches. Some of AWS's patterns take exponential time on texts that do not."""
    try:
        return pattern.fullmatch(value, timeout=PATTERN_TIMEOUT_S, concurrent=True) is not None
    except TimeoutError:
        return False


@cache
def _compiled(pattern: str) -> regex.Pattern[str] | None:
    """Compile a pattern in Java's syntax (`\\p{L}`). None for the few that `regex` does not support; they are not checked."""
    try:
        return regex.compile(pattern)
    except regex.error:
        return None
