"""Rules of Search that AWS's model of the request cannot say. Sources: SearchExpression, Filter, SearchRecord (API reference)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import Shape, StructureShape

from wildsage.local_runner.operations.rules import Request, Rule
from wildsage.local_runner.wire.service_models import service_model

MAX_CONDITIONS = 50
RECORDS = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
"""The member of SearchRecord that a resource is, where the names differ."""
ORDER = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
TEXT_ONLY = ("Contains", "In")
OFTEN_CONTAINED = {
    "Experiment": ("DisplayName", "ExperimentName", "Tags"),
    "Trial": ("DisplayName", "TrialName", "Tags"),
    "TrialComponent": ("DisplayName", "TrialComponentName", "Tags", "InputArtifacts", "OutputArtifacts"),
}
"""Properties for which an expression may have several Contains."""
OWN_NAMES = ("Tags", "Metrics")
"""Properties that are found by a name of the user's."""


def conditions(request: Request) -> Iterator[str]:
    """An expression has conditions, and not too many."""
    if "SearchExpression" in request:
        expression = request["SearchExpression"]
        if not any(expression.get(field) for field in ("Filters", "NestedFilters", "SubExpressions")):
            yield "SearchExpression needs at least one of Filters, NestedFilters and SubExpressions."
        if _conditions(expression) > MAX_CONDITIONS:
            yield f"SearchExpression: got {_conditions(expression)} conditions, expected at most {MAX_CONDITIONS}."


def properties(request: Request) -> Iterator[str]:
    """A filter names a property of the resource, and an operator that its type has."""
    record = _record(request["Resource"])
    for one in filters(request.get("SearchExpression", {})) if record else ():
        head, operator = one["Name"].partition(".")[0], one.get("Operator", "Equals")
        if head not in (*record.members, *OWN_NAMES):  # type: ignore[union-attr]
            yield f"Filter name {one['Name']}: {request['Resource']} has no property {head}."
            continue
        found = _type(record, one["Name"].split("."))
        if found == "string" and operator in ORDER:
            yield f"Filter {one['Name']}: operator {operator} is not supported for text properties."
        if found in ("integer", "long", "float", "double", "timestamp") and operator in TEXT_ONLY:
            yield f"Filter {one['Name']}: operator {operator} is only supported for text properties."


def contains(request: Request) -> Iterator[str]:
    """Looking into texts is limited to one property, those aside that are listed."""
    often = OFTEN_CONTAINED.get(_record_name(request["Resource"]), ())
    used = [one for one in filters(request.get("SearchExpression", {})) if one.get("Operator") == "Contains"]
    if sum(one["Name"].partition(".")[0] not in often for one in used) > 1:
        yield "'CONTAINS' operator usage limit of 1 exceeded."


def filters(expression: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All filters of an expression, those of its parts included."""
    yield from expression.get("Filters", ())
    for nested in expression.get("NestedFilters", ()):
        yield from nested["Filters"]
    for part in expression.get("SubExpressions", ()):
        yield from filters(part)


def _conditions(expression: Mapping[str, Any]) -> int:
    own = len(expression.get("Filters", ())) + len(expression.get("NestedFilters", ()))
    return own + sum(1 + _conditions(one) for one in expression.get("SubExpressions", ()))


def _record_name(resource: str) -> str:
    return RECORDS.get(resource) or resource


@cache
def _record(resource: str) -> StructureShape | None:
    model = service_model("sagemaker")
    return model.shape_for("SearchRecord").members.get(_record_name(resource))


def _type(shape: Shape | None, path: list[str]) -> str:
    """The type of the property at a path; empty below a map, whose keys the user chooses."""
    while shape is not None and shape.type_name == "list":
        shape = shape.member
    if shape is None or not path:
        return shape.type_name if shape else ""
    return _type(shape.members.get(path[0]), path[1:]) if shape.type_name == "structure" else ""


RULES: tuple[Rule, ...] = (conditions, properties, contains)
