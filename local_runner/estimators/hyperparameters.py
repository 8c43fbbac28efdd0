"""Hyperparameters as attributes of an estimator. They are checked when set and sent as text to the training job."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

HOLDS: Mapping[str, Callable[[Any, float], bool]] = {
    "≥": operator.ge,
    ">": operator.gt,
    "≤": operator.le,
    "<": operator.lt,
}


class Hyperparameter:
    """One hyperparameter. `name` is its name in the training job if that differs from the attribute's.

    Setting a value outside `low` to `high`, not `above` or not `below` a limit, or not in `choices`, raises ValueError.
    None means unset: the algorithm's default applies.
    """

    def __init__(
        self,
        kind: Callable[[Any], Any],
        *,
        low: float | None = None,
        high: float | None = None,
        above: float | None = None,
        below: float | None = None,
        choices: Sequence[str] = (),
        name: str = "",
    ) -> None:
        self.kind = kind
        self.limits = {"≥": low, ">": above, "≤": high, "<": below}
        self.choices = choices
        self.name = name

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute
        self.name = self.name or attribute

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        return self if estimator is None else estimator.__dict__.get(self.attribute)

    def __set__(self, estimator: Any, value: Any) -> None:
        estimator.__dict__[self.attribute] = None if value is None else self._checked(value)

    def _checked(self, value: Any) -> Any:
        try:
            found = self.kind(value)
        except (TypeError, ValueError):
            raise ValueError(f"Hyperparameter {self.attribute}: got {value!r}, expected {self._expected()}.") from None
        outside = any(limit is not None and not HOLDS[sign](found, limit) for sign, limit in self.limits.items())
        if outside or (self.choices and found not in self.choices):
            raise ValueError(f"Hyperparameter {self.attribute}: got {value!r}, expected {self._expected()}.")
        return found

    def _expected(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        limits = [f"{sign} {limit}" for sign, limit in self.limits.items() if limit is not None]
        return " ".join([getattr(self.kind, "__name__", "a value"), *limits])


def declared(estimator: type) -> list[Hyperparameter]:
    """All hyperparameters of a class: its own in the order of their declaration, then those of its base classes."""
    return [value for base in estimator.__mro__ for value in vars(base).values() if isinstance(value, Hyperparameter)]


def formatted(estimator: Any) -> dict[str, str]:
    """The hyperparameters that are set: name in the training job → text."""
    values = {parameter.name: getattr(estimator, parameter.attribute) for parameter in declared(type(estimator))}
    return {name: _format(value) for name, value in values.items() if value is not None}


def _format(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list) else str(value)
