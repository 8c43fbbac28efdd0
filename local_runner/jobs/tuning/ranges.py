"""Ranges of hyperparameters that a tuning job searches: read from a request, checked, and written as the text of a value.

Source: SageMaker's API reference (ParameterRanges) and developer guide ("Define Hyperparameter Ranges", "Hyperparameter
scaling"): logarithmic scaling needs values above 0; reverse logarithmic scaling is for continuous ranges within [0, 1).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOGARITHMIC_FROM = 100.0
"""Scaling `Auto` is logarithmic if the largest value is at least this many times the smallest."""


Values = Mapping[str, str]
"""Hyperparameters by name, as a training job gets them."""


class RangeError(Exception):
    """A range that cannot be searched; the text says which one and why."""


@dataclass(frozen=True)
class Number:
    """From `low` to `high`, both included. `scaling` is Linear, Logarithmic or ReverseLogarithmic."""

    name: str
    low: float
    high: float
    scaling: str
    whole: bool

    def text(self, value: float) -> str:
        """The value as a training job gets it."""
        return str(round(value)) if self.whole else repr(float(value))

    def value(self, text: str) -> float | None:
        """The value that `text` means; None if it is not in the range."""
        value = _number(text)
        return value if value is not None and self.low <= value <= self.high else None

    def draw(self, chance: random.Random) -> str:
        """A random value of the range, as a training job gets it."""
        low, high = self.low, self.high
        return self.text(chance.randint(int(low), int(high)) if self.whole else chance.uniform(low, high))

    @property
    def size(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1 if self.whole else 1 if self.low == self.high else math.inf

    @property
    def ends(self) -> tuple[str, ...]:
        """Values that are valid if all values of the range are."""
        return self.text(self.low), self.text(self.high)


@dataclass(frozen=True)
class Choice:
    """One of several words, in the order of the request and without repetition."""

    name: str
    words: tuple[str, ...]

    def text(self, value: str) -> str:
        """The word as a training job gets it: unchanged."""
        return value

    def value(self, text: str) -> str | None:
        """The word that `text` is; None if it is not one of the choice."""
        return text if text in self.words else None

    def draw(self, chance: random.Random) -> str:
        """One of the words; all are equally likely."""
        return chance.choice(self.words)

    @property
    def size(self) -> float:
        """How many words there are."""
        return len(self.words)

    @property
    def ends(self) -> tuple[str, ...]:
        """All words, because each must be valid by itself."""
        return self.words


Range = Number | Choice


@dataclass(frozen=True)
class Resources:
    """Readings of the objective that a job of strategy Hyperband has at least, and at most."""

    least: int
    most: int


def read(request: Mapping[str, Any]) -> list[Range]:
    """The ranges of a ParameterRanges structure, in the order given. Raises RangeError.

    A hyperparameter of AutoParameters gets a range around its ValueHint: from a tenth of a number to ten times the number.
    A hint that is not a number is the only value.
    """
    found = list(_read(request))
    names = [one.name for one in found]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise RangeError(f"Hyperparameter {doubles[0]} has more than one range. Give it one.")
    return found


def edges(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Hyperparameters and values that must be valid: the ends of intervals, all words, and hints as they are."""
    given = {kind: found for kind, found in request.items() if kind != "AutoParameters"}
    hints = [(one["Name"], one["ValueHint"]) for one in request.get("AutoParameters", ())]
    return [(one.name, text) for one in read(given) for text in one.ends] + hints


def _read(request: Mapping[str, Any]) -> Iterator[Range]:
    for given in request.get("IntegerParameterRanges", ()):
        yield _checked(_interval(given, whole=True))
    for given in request.get("ContinuousParameterRanges", ()):
        yield _checked(_interval(given, whole=False))
    for given in request.get("CategoricalParameterRanges", ()):
        yield Choice(given["Name"], tuple(dict.fromkeys(given["Values"])))
    for given in request.get("AutoParameters", ()):
        yield _around(given["Name"], given["ValueHint"])


def _interval(given: Mapping[str, Any], whole: bool) -> Number:
    low, high = (_bound(given, field, whole) for field in ("MinValue", "MaxValue"))
    scaling = given.get("ScalingType", "Auto")
    return Number(given["Name"], low, high, _automatic(low, high) if scaling == "Auto" else scaling, whole)


def _bound(given: Mapping[str, Any], field: str, whole: bool) -> float:
    value = _number(given[field])
    if value is None or (whole and not value.is_integer()):
        kind = "a whole number" if whole else "a number"
        raise RangeError(f"Hyperparameter {given['Name']}: {field} is {given[field]!r}, expected {kind}.")
    return value


def _automatic(low: float, high: float) -> str:
    return "Logarithmic" if 0 < low <= high / LOGARITHMIC_FROM else "Linear"


def _checked(one: Number) -> Number:
    shown = f"Hyperparameter {one.name}: the range from {one.text(one.low)} to {one.text(one.high)}"
    if one.low > one.high:
        raise RangeError(f"{shown} is empty. MinValue must not be above MaxValue.")
    if one.scaling == "Logarithmic" and one.low <= 0:
        raise RangeError(f"{shown} cannot be scaled logarithmically, which needs values above 0. Use Linear.")
    if one.scaling == "ReverseLogarithmic" and (one.whole or one.low < 0 or one.high >= 1):
        raise RangeError(f"{shown}: ReverseLogarithmic needs continuous values from 0 to below 1. Use Linear.")
    return one


def _around(name: str, hint: str) -> Range:
    value = _number(hint)
    if value is None:
        return Choice(name, (hint,))
    low, high = sorted((value / 10, value * 10))
    scaling = "Logarithmic" if value > 0 else "Linear"
    if not re.fullmatch(r"[+-]?[0-9]+", hint):
        return Number(name, low, high, scaling, whole=False)
    return Number(name, max(1, math.floor(low)) if value > 0 else math.floor(low), math.ceil(high), scaling, whole=True)


def _number(text: str) -> float | None:
    if "_" in text or not text.isascii():  # which Python reads, and AWS does not
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def combinations(ranges: Iterable[Range]) -> float:
    """How many different jobs the ranges allow; infinite if a range is continuous."""
    return math.prod(one.size for one in ranges)


def require_words(ranges: Sequence[Range]) -> None:
    """Raises RangeError unless all ranges are categorical."""
    if others := [one.name for one in ranges if isinstance(one, Number)]:
        raise RangeError(
            f"Strategy Grid takes categorical ranges only; {', '.join(others)} has another. List its values, or use Random."
        )
