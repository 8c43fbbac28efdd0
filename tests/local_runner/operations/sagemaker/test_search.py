"""Pages of Search that the store selects are those that reading every document gives, and read no other document."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildsage.local_runner.jobs import store as stores
from wildsage.local_runner.jobs.lineage import COMPONENT, TRIAL
from wildsage.local_runner.jobs.properties import ALWAYS
from wildsage.local_runner.jobs.store import TAGS, Store
from wildsage.local_runner.jobs.training.states import KIND as TRAINING_JOB
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import search as searching
from wildsage.local_runner.operations.sagemaker.search import search

COUNT, PAGE = 60, 23
STATUSES = ("Completed", "Failed", "Stopped")
VALUES = ("7", "7.0", "70", "abc", "ABC-1", "b.c", "", "nan", "inf", "1970-01-01T00:00:07Z", "Ä", "ä-7", "true", "x,7")


def filled(path, count: int) -> RequestContext:
    store = Store(path)
    for number in range(count):
        name = f"job-{number * 7 % count:03d}"
        document = {
            "TrainingJobName": name,
            "TrainingJobArn": f"arn:{name}",
            "TrainingJobStatus": STATUSES[number % 3],
            "CreationTime": float(number),
            "LastModifiedTime": float(1_000 - number // 2),
            "HyperParameters": {"k": VALUES[number % len(VALUES)], **({"a.b": str(number)} if number % 3 else {})},
            "EnableManagedSpotTraining": number % 4 == 0,
            "InputDataConfig": [
                {"ChannelName": one, "RecordWrapperType": "None" if number % 5 else "RecordIO"}
                for one in "ab"[: number % 3]
            ],
            "FinalMetricDataList": [{"MetricName": "loss", "Value": number % 8 / 4, "Timestamp": 1.0}]
            * (number % 7 != 0),
        }
        store.insert(TRAINING_JOB.name, name, document)
        tags = {"team": "red" if number % 2 else "blue", **({"a.b": VALUES[number % 9]} if number % 4 else {})}
        store.insert(TAGS, f"arn:{name}", tags)
        trial, experiment = {"TrialName": f"t-{number % 6}"}, {"ExperimentName": f"e-{number % 2}"}
        if number < 6:
            store.insert(TRIAL.name, trial["TrialName"], {**trial, **experiment, "CreationTime": 0.0})
        part = {"TrialComponentName": name, "TrialComponentArn": f"arn:part/{name}", "Trials": [trial["TrialName"]]}
        part["InputArtifacts"] = {"data": {"Value": f"s3://bucket/{number}"}} if number % 2 else {}
        store.insert(COMPONENT.name, name, {**part, "CreationTime": 1.0, "LastModifiedTime": float(number)})
    return RequestContext(SimpleNamespace(store=store))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> RequestContext:
    return filled(tmp_path_factory.mktemp("store") / "state", COUNT)


def every_page(context: RequestContext, request: dict[str, Any]) -> list[dict[str, Any]]:
    found, token = [], {}
    while True:
        answer = search(context, {**request, "MaxResults": PAGE, **token})
        found += [next(iter(one.values())) for one in answer["Results"]]
        if "NextToken" not in answer:
            assert answer["TotalHits"] == {"Value": len(found), "Relation": "EqualTo"}
            return found
        token = {"NextToken": answer["NextToken"]}


def by_reading_everything(context: RequestContext, request: dict[str, Any]) -> list[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "_condition", lambda *_: (ALWAYS, False))
        return every_page(context, request)


def filters(*wanted: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Operator": operator, "Value": value} for name, operator, value in wanted]


JOB, PART = "TrainingJob", "ExperimentTrialComponent"
SELECTED = [
    (JOB, []),
    (JOB, filters(("TrainingJobStatus", "Equals", "Failed"))),
    (JOB, filters(("TrainingJobName", "Equals", "job-003"))),
    (JOB, filters(("TrainingJobName", "Equals", "JOB-003"))),
    (JOB, filters(("TrainingJobName", "Contains", "B-01"), ("TrainingJobStatus", "Equals", "Stopped"))),
    (JOB, filters(("CreationTime", "GreaterThan", "10"), ("CreationTime", "LessThan", "1970-01-01T00:00:50Z"))),
    (PART, filters(("Parents.ExperimentName", "Equals", "e-1"))),
    (PART, filters(("Parents.ExperimentName", "Equals", "nobody's"))),
    (PART, filters(("Parents.TrialName", "Equals", "t-2"), ("TrialComponentName", "Contains", "1"))),
]


@pytest.mark.parametrize("order", [{}, {"SortOrder": "Ascending"}, {"SortBy": "CreationTime"}], ids=str)
@pytest.mark.parametrize(("resource", "wanted"), SELECTED, ids=str)
def test_what_the_store_selects_is_what_reading_everything_finds(context, monkeypatch, resource, wanted, order):
    expression = {"SearchExpression": {"Filters": wanted}} if wanted else {}
    scanned = by_reading_everything(context, {"Resource": resource, **order, **expression})
    monkeypatch.setattr(searching, "_scanned_page", None)
    assert every_page(context, {"Resource": resource, **order, **expression}) == scanned


@pytest.mark.parametrize(
    "expression",
    [
        {"Filters": filters(("TrainingJobStatus", "Equals", "Failed"), ("TrainingJobStatus", "Equals", "Stopped"))},
        {"Filters": filters(("TrainingJobStatus", "Equals", "Failed"), ("CreationTime", "LessThan", "2"))},
    ],
)
def test_conditions_that_exclude_each_other_find_nothing_and_either_of_them_finds_both(context, expression):
    assert len(every_page(context, {"Resource": JOB, "SearchExpression": expression})) <= 1
    either = every_page(context, {"Resource": JOB, "SearchExpression": {**expression, "Operator": "Or"}})
    assert len(either) >= COUNT / 3


PATHS = {
    JOB: (
        "TrainingJobName",
        "TrainingJobStatus",
        "CreationTime",
        "HyperParameters",
        "HyperParameters.k",
        "HyperParameters.a.b",
        "EnableManagedSpotTraining",
        "InputDataConfig.ChannelName",
        "Metrics.loss",
        "FinalMetricDataList.Value",
        "Tags.team",
        "Tags.a.b",
        "Nothing",
    ),
    PART: (
        "TrialComponentName",
        "Parents.TrialName",
        "Parents.ExperimentName",
        "InputArtifacts",
        "InputArtifacts.data.Value",
    ),
}
WANTED = (
    *VALUES,
    "job-0",
    "red",
    "Failed",
    "0.25",
    "7,abc",
    "a",
    "e-1",
    "t-1,t-2",
    "S3://",
    "false",
    "\ud800",
    "0001-01-01",
)


@st.composite
def searches(draw: st.DrawFn) -> dict[str, Any]:
    resource = draw(st.sampled_from((JOB, JOB, JOB, PART)))

    def some_filters(paths: tuple[str, ...]) -> list[dict[str, str]]:
        one = st.tuples(
            st.sampled_from(paths), st.sampled_from([*searching.OPERATORS, *NEVER]), st.sampled_from(WANTED)
        )
        return filters(*draw(st.lists(one, min_size=1, max_size=3)))

    expression = {"Filters": some_filters(PATHS[resource]), "Operator": draw(st.sampled_from(("And", "Or")))}
    if draw(st.booleans()):
        inner = {"Filters": some_filters(PATHS[resource]), "Operator": draw(st.sampled_from(("And", "Or")))}
        expression["SubExpressions"] = [inner]
    if resource == JOB and draw(st.booleans()):
        members = ("InputDataConfig.ChannelName", "InputDataConfig.RecordWrapperType")
        expression["NestedFilters"] = [{"NestedPropertyName": "InputDataConfig", "Filters": some_filters(members)}]
    order = {"SortBy": draw(st.sampled_from(("CreationTime", "LastModifiedTime", *PATHS[resource])))}
    order["SortOrder"] = draw(st.sampled_from(("Ascending", "Descending")))
    return {"Resource": resource, "SearchExpression": expression, **order}


NEVER = ("NotEquals", "Exists", "NotExists")


@settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(request=searches())
def test_any_expression_finds_what_reading_everything_finds(context, request):
    assert every_page(context, request) == by_reading_everything(context, request)


def test_tags_are_asked_for_and_shown(context):
    request = {"Resource": JOB, "SearchExpression": {"Filters": filters(("Tags.team", "Equals", "red"))}}
    found = every_page(context, request)
    assert len(found) == COUNT / 2
    assert all({"Key": "team", "Value": "red"} in one["Tags"] for one in found)
    by_tag = every_page(context, {"Resource": JOB, "SortBy": "Tags.team", "SortOrder": "Ascending"})
    assert [one["Tags"][0]["Value"] for one in by_tag] == ["blue"] * (COUNT // 2) + ["red"] * (COUNT // 2)


def test_a_page_reads_the_documents_that_it_shows(context, monkeypatch):
    read = []
    monkeypatch.setattr(stores.json, "loads", lambda text, loads=stores.json.loads: read.append(1) or loads(text))
    request = {"Resource": JOB, "SearchExpression": {"Filters": filters(("TrainingJobStatus", "Equals", "Failed"))}}
    shown = search(context, {**request, "MaxResults": 5})["Results"]
    assert len(read) == 2 * len(shown)  # each with its tags
