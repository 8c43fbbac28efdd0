"""Search: jobs and experiments by any of their properties.

Source: SageMaker's API reference (SearchExpression, Filter, NestedFilters). A property is a path such as
`TrainingJobStatus`, `HyperParameters.k`, `Tags.team` or, in a nested filter, `InputDataConfig.DataSource.S3DataSource.S3Uri`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wildsage.local_runner.jobs import properties
from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.lineage import COMPONENT, EXPERIMENT, TRIAL
from wildsage.local_runner.jobs.properties import ALWAYS, Condition, as_number, as_text
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

NEGATED = {"NotEquals": "Equals", "NotExists": "Exists"}
EXISTENCE = ("Exists", "NotExists")

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
    store, sort_by = context.services.store, request.get("SortBy", MODIFIED)
    passing, is_exact = _condition(store, kind, request.get("SearchExpression", {}))
    descending = request.get("SortOrder", "Descending") == "Descending"
    query = ListQuery(sort=SORTS.get(sort_by, "created"), descending=descending, passing=passing)
    answer = _page if sort_by in SORTS else _page_by_property
    if not is_exact or sort_by.partition(".")[0] == "Parents" or store.has_structures(kind.name, sort_by):
        answer = _scanned_page
    page, count, token = answer(context, kind, query, request)
    return {
        "Results": [{kind.stem: _with_tags(store, kind, one)} for one in page],
        "TotalHits": {"Value": count, "Relation": "EqualTo"},
        **token,
    }


def _page(context: RequestContext, kind: Kind, query: ListQuery, request: Mapping[str, Any]) -> Page:
    """The page that the store selects: no other document is read."""
    store = context.services.store
    if query.passing == ALWAYS:  # the store's order and its index are enough
        found, token = resources.page_of(context, kind.name, query, request)
        return _with_parents(store, kind, found), store.count(kind.name, query), token
    found, count, token = resources.counted_page_of(context, kind.name, query, request)
    return _with_parents(store, kind, found), count, token


def _page_by_property(context: RequestContext, kind: Kind, query: ListQuery, request: Mapping[str, Any]) -> Page:
    """The page that the store selects and sorts by a property for which it has no column."""
    store = context.services.store
    head, _, name = request["SortBy"].partition(".")
    values = properties.first_values(kind.name, request["SortBy"])
    if head == "Tags":
        values = properties.first_values_of(kind.name, kind.arn_field, TAGS, name)
    begin, limit = resources.numbered_place(request)
    found = store.sorted_by(kind.name, replace(query, limit=limit), values, begin)
    count = store.count(kind.name, query)
    return _with_parents(store, kind, found), count, resources.numbered_token(begin + limit, count)


def _scanned_page(context: RequestContext, kind: Kind, query: ListQuery, request: Mapping[str, Any]) -> Page:
    """The page of an expression that the store cannot check as a whole: all documents that `query` does not exclude are read."""
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


# What the store checks


def _condition(store: Store, kind: Kind, expression: Mapping[str, Any]) -> tuple[Condition, bool]:
    """A condition that all documents meet which an expression finds, and whether no others meet it."""
    parts = [_of_filter(store, kind, one) for one in expression.get("Filters", ())]
    parts += [_of_nested(kind, one) for one in expression.get("NestedFilters", ())]
    parts += [_condition(store, kind, one) for one in expression.get("SubExpressions", ())]
    operator = "OR" if expression.get("Operator") == "Or" else "AND"
    return properties.joined([condition for condition, _ in parts], operator), all(is_exact for _, is_exact in parts)


def _of_filter(store: Store, kind: Kind, wanted: Mapping[str, str]) -> tuple[Condition, bool]:
    name, operator = wanted["Name"], wanted.get("Operator", "Equals")
    passes = properties.OPERATORS[NEGATED.get(operator, operator)](wanted.get("Value", ""))
    head, _, rest = name.partition(".")
    if of_column := _of_column(kind, wanted):
        return of_column, True
    if head == "Tags":
        found = properties.refers(kind.name, kind.arn_field, TAGS, rest, passes)
    elif (kind, name) == (COMPONENT, "Parents.TrialName"):
        found = properties.has(kind.name, "Trials", passes)
    elif (kind, name) == (COMPONENT, "Parents.ExperimentName"):
        found = properties.refers(kind.name, "Trials", TRIAL.name, "ExperimentName", passes)
    elif head == "Parents" or (operator not in EXISTENCE and store.has_structures(kind.name, name)):
        return ALWAYS, False
    else:
        found = properties.has(kind.name, name, passes)
    return ~found if operator in NEGATED else found, True


def _of_column(kind: Kind, wanted: Mapping[str, str]) -> Condition | None:
    """The condition on an indexed column that says the same as a filter; None if there is none."""
    name, operator, value = wanted["Name"], wanted.get("Operator", "Equals"), wanted.get("Value", "")
    number, columns = as_number(value), {kind.name_field: "name", kind.status_field: "status"}
    if operator == "Equals" and name in columns and number is None:  # texts that are numbers are compared as such
        return Condition(f"{columns[name]} = ?", (as_text(value),))
    if name == "CreationTime" and operator in ("GreaterThan", "LessThan") and number is not None:
        return Condition(f"created {'>' if operator == 'GreaterThan' else '<'} ?", (number,))
    return None


def _of_nested(kind: Kind, nested: Mapping[str, Any]) -> tuple[Condition, bool]:
    """The filters one by one; that a single member of the list passes all of them is not checked."""
    wanted = [one for one in nested["Filters"] if one.get("Operator", "Equals") not in NEGATED]
    is_own = nested["NestedPropertyName"].partition(".")[0] not in ("Parents", "Tags", "Metrics")
    parts = [
        properties.has(
            kind.name, one["Name"], properties.OPERATORS[one.get("Operator", "Equals")](one.get("Value", ""))
        )
        for one in wanted
        if is_own and one["Name"].startswith(f"{nested['NestedPropertyName']}.")
    ]
    return properties.joined(parts, "AND"), False


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
    "Contains": lambda one, value: as_text(value).lower() in as_text(one).lower(),
    "In": lambda one, value: any(_compare(one, part) == 0 for part in value.split(",")),
}


def _compare(found: Any, value: str) -> int:
    """-1, 0 or 1. Two numbers or times compare as such, everything else as text: `true` and `false` for truth values."""
    mine, theirs = None if isinstance(found, bool) else as_number(found), as_number(value)
    if mine is None or theirs is None:
        mine, theirs = as_text(found), as_text(value)  # type: ignore[assignment]
    return (mine > theirs) - (mine < theirs)  # type: ignore[operator]


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

    def key(document: Document) -> tuple[bool, float, str]:
        value = _property(document, name)[0]
        number = None if isinstance(value, bool) else as_number(value)
        return (False, number, "") if number is not None else (True, 0.0, as_text(value))

    return sorted(having, key=key, reverse=descending) + [one for one in found if not _property(one, name)]
