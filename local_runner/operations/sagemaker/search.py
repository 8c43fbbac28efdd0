"""Search: jobs and experiments by any of their properties.

Source: SageMaker's API reference (SearchExpression, Filter, NestedFilters). A property is a path such as
`TrainingJobStatus`, `HyperParameters.k`, `Tags.team` or, in a nested filter, `InputDataConfig.DataSource.S3DataSource.S3Uri`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.lineage import COMPONENT, EXPERIMENT, TRIAL
from wildsage.local_runner.jobs.store import TAGS, Document, ListQuery, NotFound, Store
from wildsage.local_runner.jobs.training.states import KIND as TRAINING_JOB
from wildsage.local_runner.jobs.tuning.job import KIND as TUNING_JOB
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import keeps
from wildsage.local_runner.operations.sagemaker import resources, search_rules
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.wire.errors import invalid

SERVICE = "sagemaker"
SEARCHED: Mapping[str, Kind] = {
    "TrainingJob": TRAINING_JOB,
    "HyperParameterTuningJob": TUNING_JOB,
    "Experiment": EXPERIMENT,
    "ExperimentTrial": TRIAL,
    "ExperimentTrialComponent": COMPONENT,
}
MODIFIED = "LastModifiedTime"


@unsupported("VisibilityConditions")
@keeps(*search_rules.RULES)
def search(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Sorts by the time of the last change, newest first, or by a property of the request; results without it come last."""
    if request["Resource"] not in SEARCHED:
        raise invalid(
            f"Search for {request['Resource']} is not implemented by Wildsage yet. Use one of {', '.join(SEARCHED)}."
        )
    kind, expression = SEARCHED[request["Resource"]], request.get("SearchExpression", {})
    documents = context.services.store.select(kind.name, _selection(kind, expression))
    found = [one for one in _with_relations(context, kind, documents) if _matches(one, expression)]
    page, token = resources.numbered_page(_sorted(found, request), request)
    return {
        "Results": [{kind.stem: one} for one in page],
        "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
        **token,
    }


def _selection(kind: Kind, expression: Mapping[str, Any]) -> ListQuery:
    """A superset of what the expression finds, which the store gives without its documents: by status, name or part of it."""
    needed = (
        {}
        if expression.get("Operator") == "Or"
        else {
            (one["Name"], one.get("Operator", "Equals")): one.get("Value", "") for one in expression.get("Filters", ())
        }
    )
    name = needed.get((kind.name_field, "Equals"), "")
    whole = name if _as_number(name) is None else ""  # names that are numbers are compared as such
    return ListQuery(
        status=needed.get((kind.status_field, "Equals")),
        name_contains=whole or needed.get((kind.name_field, "Contains"), ""),
    )


def _with_relations(context: RequestContext, kind: Kind, documents: Sequence[Document]) -> Iterator[Document]:
    """The documents with their tags; trial components with the trials and experiments they belong to."""
    store = context.services.store
    trials = (
        {trial["TrialName"]: trial["ExperimentName"] for trial in store.all(TRIAL.name)} if kind == COMPONENT else {}
    )
    for document in documents:
        tags = _tags(store, document[kind.arn_field])
        shown = {**document, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        if kind == COMPONENT:
            shown["Parents"] = [{"TrialName": name, "ExperimentName": trials[name]} for name in document["Trials"]]
        yield shown


def _tags(store: Store, arn: str) -> Document:
    try:
        return store.get(TAGS, arn)
    except NotFound:
        return {}


# Filters


def _matches(document: Document, expression: Mapping[str, Any]) -> bool:
    tests = [_passes(document, one) for one in expression.get("Filters", ())]
    tests += [_any_passes(document, one) for one in expression.get("NestedFilters", ())]
    tests += [_matches(document, one) for one in expression.get("SubExpressions", ())]
    if not tests:
        return True
    return any(tests) if expression.get("Operator") == "Or" else all(tests)


def _any_passes(document: Document, nested: Mapping[str, Any]) -> bool:
    """Whether one member of a list passes all filters; their names begin with the name of the list."""
    prefix = nested["NestedPropertyName"]
    members = [one for one in _values(document, prefix.split(".")) if isinstance(one, dict)]
    inner = [{**one, "Name": one["Name"].removeprefix(f"{prefix}.")} for one in nested["Filters"]]
    return any(all(_passes(member, one) for one in inner) for member in members)


def _passes(document: Document, wanted: Mapping[str, str]) -> bool:
    found = _property(document, wanted["Name"])
    operator, value = wanted.get("Operator", "Equals"), wanted.get("Value", "")
    if operator in ("Exists", "NotExists"):
        return bool(found) == (operator == "Exists")
    if operator == "NotEquals":
        return not any(_compare(one, value) == 0 for one in found)
    return any(OPERATORS[operator](one, value) for one in found)


OPERATORS: Mapping[str, Callable[[Any, str], bool]] = {
    "Equals": lambda one, value: _compare(one, value) == 0,
    "GreaterThan": lambda one, value: _compare(one, value) > 0,
    "GreaterThanOrEqualTo": lambda one, value: _compare(one, value) >= 0,
    "LessThan": lambda one, value: _compare(one, value) < 0,
    "LessThanOrEqualTo": lambda one, value: _compare(one, value) <= 0,
    "Contains": lambda one, value: value.lower() in str(one).lower(),
    "In": lambda one, value: any(_compare(one, part) == 0 for part in value.split(",")),
}


def _compare(found: Any, value: str) -> int:
    """-1, 0 or 1. Two numbers or times compare as such, everything else as text: `true` and `false` for truth values."""
    if isinstance(found, bool):
        found = str(found).lower()
    mine, theirs = _as_number(found), _as_number(value)
    if mine is None or theirs is None:
        mine, theirs = str(found), value  # type: ignore[assignment]
    return (mine > theirs) - (mine < theirs)  # type: ignore[operator]


def _as_number(value: Any) -> float | None:
    """A number, or a time as seconds since 1970; None for other values."""
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None


def _property(document: Document, path: str) -> list[Any]:
    """All values at a path; a list gives those of its members. Tags and metrics are found by their names."""
    head, _, rest = path.partition(".")
    if head == "Tags":
        return [tag["Value"] for tag in document.get("Tags", ()) if tag["Key"] == rest]
    if head == "Metrics" and "FinalMetricDataList" in document:
        return [one["Value"] for one in document["FinalMetricDataList"] if one["MetricName"] == rest]
    return list(_values(document, path.split(".")))


def _values(found: Any, path: Sequence[str]) -> Iterator[Any]:
    """All values at a path. A name may contain dots, as those of hyperparameters do."""
    if isinstance(found, list):
        for member in found:
            yield from _values(member, path)
    elif not path:
        yield found
    elif isinstance(found, dict):
        for length in range(1, len(path) + 1):
            name = ".".join(path[:length])
            if name in found:
                yield from _values(found[name], path[length:])


def _sorted(found: list[Document], request: Mapping[str, Any]) -> list[Document]:
    name = request.get("SortBy", MODIFIED)
    descending = request.get("SortOrder", "Descending") == "Descending"
    having = [one for one in found if _property(one, name)]

    def key(document: Document) -> tuple[float, str]:
        value = _property(document, name)[0]
        number = _as_number(value)
        return (number, "") if number is not None else (math.inf, str(value))

    return sorted(having, key=key, reverse=descending) + [one for one in found if not _property(one, name)]
