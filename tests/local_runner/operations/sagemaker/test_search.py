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
from wildsage.local_runner.wire.errors import AwsError

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


@pytest.fixture(params=["selected", "read"])
def either_way(request, monkeypatch) -> None:
    """Search as the store selects, and as it reads every document."""
    if request.param == "read":
        monkeypatch.setattr(searching, "_condition", lambda *_: (ALWAYS, False))


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> RequestContext:
    """Three jobs that were changed at 1, 2 and 3 s: k is 9, 10 and abc; the last has tags, a metric and a channel of its own."""
    store = Store(tmp_path_factory.mktemp("three") / "state")
    for number, k in enumerate(("9", "10", "abc"), start=1):
        last = number == 3
        job = {
            "TrainingJobName": f"job-{number}",
            "TrainingJobArn": f"arn:{number}",
            "TrainingJobStatus": "Failed" if last else "Completed",
            "CreationTime": float(number),
            "LastModifiedTime": float(number),
            "HyperParameters": {"k": k, "a.b": "C"} if number > 1 else {"k": k},
            "EnableManagedSpotTraining": last,
            "InputDataConfig": [
                {"ChannelName": "train" if last else "other", "Kind": "a"},
                {"ChannelName": "x", "Kind": "b"},
            ],
            "FinalMetricDataList": [{"MetricName": "loss", "Value": 0.25}] * last,
        }
        store.insert(TRAINING_JOB.name, job["TrainingJobName"], job)
        store.insert(TAGS, f"arn:{number}", {"team": "blue", "a.b": "1"} if last else {})
    return RequestContext(SimpleNamespace(store=store))  # type: ignore[arg-type]


def found(context: RequestContext, expression: dict[str, Any], **order: str) -> str:
    results = search(context, {"Resource": JOB, "SearchExpression": expression, **order})["Results"]
    return "".join(one["TrainingJob"]["TrainingJobName"][-1] for one in results)


@pytest.mark.parametrize(
    ("name", "operator", "value", "wanted"),
    [
        ("TrainingJobName", "Equals", "job-2", "2"),
        ("TrainingJobName", "NotEquals", "job-2", "31"),
        ("TrainingJobName", "Contains", "JOB-", "321"),
        ("HyperParameters.k", "Equals", "9.0", "1"),
        ("HyperParameters.k", "NotEquals", "9", "32"),
        ("HyperParameters.k", "GreaterThan", "9", "32"),
        ("HyperParameters.k", "GreaterThanOrEqualTo", "9", "321"),
        ("HyperParameters.k", "GreaterThanOrEqualTo", "10", "32"),
        ("HyperParameters.k", "LessThan", "10", "1"),
        ("HyperParameters.k", "LessThanOrEqualTo", "10", "21"),
        ("HyperParameters.k", "LessThanOrEqualTo", "abd", "321"),
        ("HyperParameters.k", "In", "9,abc", "31"),
        ("HyperParameters.k", "Contains", "B", "3"),
        ("HyperParameters", "Contains", "10", "2"),
        ("HyperParameters.a.b", "Exists", "", "32"),
        ("HyperParameters.a.b", "NotExists", "", "1"),
        ("HyperParameters.a.b", "NotEquals", "C", "1"),
        ("EnableManagedSpotTraining", "Equals", "true", "3"),
        ("EnableManagedSpotTraining", "Equals", "false", "21"),
        ("Tags.team", "Equals", "blue", "3"),
        ("Tags.a.b", "Equals", "1", "3"),
        ("Tags.team", "NotExists", "", "21"),
        ("Metrics.loss", "LessThanOrEqualTo", "0.25", "3"),
        ("Metrics.loss", "LessThan", "0.25", ""),
        ("Metrics.other", "Exists", "", ""),
        ("InputDataConfig.ChannelName", "Equals", "x", "321"),
        ("CreationTime", "GreaterThan", "1970-01-01T00:00:01Z", "32"),
        ("CreationTime", "LessThan", "2", "1"),
    ],
)
def test_a_filter_finds_what_it_describes(three, either_way, name, operator, value, wanted):
    assert found(three, {"Filters": filters((name, operator, value))}) == wanted


@pytest.mark.parametrize(("channel", "kind", "wanted"), [("train", "a", "3"), ("x", "b", "321"), ("train", "b", "")])
def test_one_member_of_a_list_passes_all_filters_within_it(three, either_way, channel, kind, wanted):
    inner = filters(("InputDataConfig.ChannelName", "Equals", channel), ("InputDataConfig.Kind", "Equals", kind))
    assert found(three, {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": inner}]}) == wanted


def test_expressions_are_joined_as_they_say(three, either_way):
    first, last = filters(("HyperParameters.k", "Equals", "9")), filters(("Tags.team", "Equals", "blue"))
    assert found(three, {}) == found(three, {"Operator": "Or"}) == "321"
    assert found(three, {"Filters": first + last}) == found(three, {"Filters": first + last, "Operator": "And"}) == ""
    assert found(three, {"Filters": first + last, "Operator": "Or"}) == "31"
    within = {"SubExpressions": [{"Filters": first}, {"Filters": last}]}
    assert (found(three, within), found(three, {**within, "Operator": "Or"})) == ("", "31")
    assert found(three, {"Filters": first, **within}) == ""


@pytest.mark.parametrize(
    ("by", "ascending", "descending"),
    [
        ("LastModifiedTime", "123", "321"),
        ("CreationTime", "123", "321"),
        ("HyperParameters.k", "123", "321"),
        ("HyperParameters.a.b", "231", "321"),
        ("Tags.team", "312", "321"),
        ("Metrics.loss", "312", "321"),
        ("EnableManagedSpotTraining", "123", "321"),
    ],
)
def test_results_are_sorted_by_a_property_and_those_without_it_come_last(three, either_way, by, ascending, descending):
    assert found(three, {}, SortBy=by, SortOrder="Ascending") == ascending
    assert found(three, {}, SortBy=by, SortOrder="Descending") == found(three, {}, SortBy=by) == descending


def test_other_resources_are_not_searched(three):
    with pytest.raises(
        AwsError, match=r"Search for FeatureGroup is not implemented by Wildsage yet\. Use one of Train"
    ):
        search(three, {"Resource": "FeatureGroup"})


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
