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
from wildsage.local_runner.jobs.store import TAGS, Document, ListQuery, NotFound, Sort, Store
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
SORTS: Mapping[str, Sort] = {"LastModifiedTime": "modified", "CreationTime": "created"}
"""Properties that the store sorts by."""
MODIFIED = "LastModifiedTime"

Page = tuple[Sequence[Document], int, dict[str, str]]
"""The documents of a page, how many there are on all pages, and the token of the next."""


@unsupported("VisibilityConditions")
@keeps(*search_rules.RULES)
def search(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Sorts by the time of the last change, newest first, or by a property of the request; results without it come last."""
    if request["Resource"] not in SEARCHED:
        raise invalid(
            f"Search for {request['Resource']} is not implemented by Wildsage yet. Use one of {', '.join(SEARCHED)}."
        )
    kind = SEARCHED[request["Resource"]]
    query, rest = _selection(context.services.store, kind, request)
    in_order = request.get("SortBy", MODIFIED) in SORTS
    answer = _indexed_page if in_order and not rest else _scanned_page
    page, count, token = answer(context, kind, query, request)
    return {
        "Results": [{kind.stem: _with_tags(context.services.store, kind, one)} for one in page],
        "TotalHits": {"Value": count, "Relation": "EqualTo"},
        **token,
    }


def _indexed_page(context: RequestContext, kind: Kind, query: ListQuery, request: Mapping[str, Any]) -> Page:
    """The page that the store selects: no other document is read."""
    found, token = resources.page_of(context, kind.name, query, request)
    return _with_parents(context.services.store, kind, found), context.services.store.count(kind.name, query), token


def _scanned_page(context: RequestContext, kind: Kind, query: ListQuery, request: Mapping[str, Any]) -> Page:
    """The page of an expression about properties that have no index: all documents that `query` does not exclude are read."""
    store, expression = context.services.store, request.get("SearchExpression", {})
    documents = _with_parents(store, kind, store.select(kind.name, query))
    if _asks_for_tags(request):
        tags = store.named(TAGS)
        documents = [{**one, "Tags": _listed(tags.get(one[kind.arn_field], {}))} for one in documents]
    found = [one for one in documents if _matches(one, expression)]
    page, token = resources.numbered_page(_sorted(found, request), request)
    return page, len(found), token


def _asks_for_tags(request: Mapping[str, Any]) -> bool:
    asked = [
        request.get("SortBy", ""),
        *(one["Name"] for one in search_rules.filters(request.get("SearchExpression", {}))),
    ]
    return any(name.partition(".")[0] == "Tags" for name in asked)


def _with_parents(store: Store, kind: Kind, documents: Sequence[Document]) -> Sequence[Document]:
    """Trial components with the trials and experiments they belong to; other documents as they are."""
    if kind != COMPONENT:
        return documents
    names = sorted({name for document in documents for name in document["Trials"]})
    trials = store.select(TRIAL.name, ListQuery(names=names))
    experiments = {trial["TrialName"]: trial["ExperimentName"] for trial in trials}
    return [{**one, "Parents": [_parent(name, experiments[name]) for name in one["Trials"]]} for one in documents]


def _parent(trial: str, experiment: str) -> dict[str, str]:
    return {"TrialName": trial, "ExperimentName": experiment}


def _with_tags(store: Store, kind: Kind, document: Document) -> Document:
    try:
        return {**document, "Tags": _listed(store.get(TAGS, document[kind.arn_field]))}
    except NotFound:
        return {**document, "Tags": []}


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


# What the store selects


def _selection(store: Store, kind: Kind, request: Mapping[str, Any]) -> tuple[ListQuery, list[Any]]:
    """What the store selects of an expression, in the order of the request, and the conditions that it cannot check."""
    expression = request.get("SearchExpression", {})
    parts = [*expression.get("NestedFilters", ()), *expression.get("SubExpressions", ())]
    filters = list(expression.get("Filters", ()))
    selected: dict[str, Any] = {}
    if expression.get("Operator") != "Or" or len(filters) + len(parts) == 1:
        for one in expression.get("Filters", ()):
            field = _field(store, kind, one)
            if field and field.keys().isdisjoint(selected):
                selected |= field
                filters.remove(one)
    descending = request.get("SortOrder", "Descending") == "Descending"
    query = ListQuery(sort=SORTS.get(request.get("SortBy", MODIFIED), "created"), descending=descending, **selected)
    return query, filters + parts


def _field(store: Store, kind: Kind, wanted: Mapping[str, str]) -> dict[str, Any]:
    """The field of a ListQuery that says the same as a filter; empty if there is none."""
    name, operator, value = wanted["Name"], wanted.get("Operator", "Equals"), wanted.get("Value", "")
    number = _as_number(value)
    if (name, operator) == (kind.name_field, "Contains"):
        return {"name_contains": value}
    if name == "CreationTime" and operator in ("GreaterThan", "LessThan") and number is not None:
        return {"created_after" if operator == "GreaterThan" else "created_before": number}
    if operator != "Equals" or number is not None:  # texts that are numbers are compared as such
        return {}
    if name == kind.status_field:
        return {"status": value}
    if name == kind.name_field:
        return {"names": [value]}
    if kind == COMPONENT and name in ("Parents.TrialName", "Parents.ExperimentName"):
        of_experiment = ListQuery(references={"ExperimentName": [value]})
        names = [value] if name == "Parents.TrialName" else store.names(TRIAL.name, of_experiment)
        return {"references": {"Trials": names}}
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
    """Sorted by a property for which the store has no order; the store's order if it has one."""
    name = request.get("SortBy", MODIFIED)
    if name in SORTS:
        return found
    descending = request.get("SortOrder", "Descending") == "Descending"
    having = [one for one in found if _property(one, name)]

    def key(document: Document) -> tuple[float, str]:
        value = _property(document, name)[0]
        number = _as_number(value)
        return (number, "") if number is not None else (math.inf, str(value))

    return sorted(having, key=key, reverse=descending) + [one for one in found if not _property(one, name)]
