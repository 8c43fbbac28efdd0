"""Rules of experiments and Search that AWS's model of the requests cannot say.

Sources: TrialComponentParameterValue, ListTrialComponents, SearchExpression (API reference).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wildsage.local_runner.operations.rules import Request, Rule, at_most_one

MAX_CONDITIONS = 50


def parameter_values(request: Request) -> Iterator[str]:
    """A parameter is a text or a number."""
    for name, value in request.get("Parameters", {}).items():
        if len(value) != 1:
            yield f"Parameters.{name}: StringValue and NumberValue exclude each other, and one of them is needed."


def search_expression(request: Request) -> Iterator[str]:
    """An expression has conditions, and not too many."""
    if "SearchExpression" in request:
        expression = request["SearchExpression"]
        if not any(expression.get(field) for field in ("Filters", "NestedFilters", "SubExpressions")):
            yield "SearchExpression needs at least one of Filters, NestedFilters and SubExpressions."
        if _conditions(expression) > MAX_CONDITIONS:
            yield f"SearchExpression: got {_conditions(expression)} conditions, expected at most {MAX_CONDITIONS}."


def _conditions(expression: Mapping[str, Any]) -> int:
    own = len(expression.get("Filters", ())) + len(expression.get("NestedFilters", ()))
    return own + sum(1 + _conditions(one) for one in expression.get("SubExpressions", ()))


COMPONENT_RULES: tuple[Rule, ...] = (parameter_values,)
LIST_COMPONENTS_RULES: tuple[Rule, ...] = (at_most_one("ExperimentName", "TrialName", "SourceArn"),)
SEARCH_RULES: tuple[Rule, ...] = (search_expression,)
