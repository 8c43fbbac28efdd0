"""Pages of Search that the store selects are those that reading every document gives, and read no other document."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from wildsage.local_runner.jobs import store as stores
from wildsage.local_runner.jobs.lineage import COMPONENT, TRIAL
from wildsage.local_runner.jobs.store import TAGS, Store
from wildsage.local_runner.jobs.training.states import KIND as TRAINING_JOB
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import search as searching
from wildsage.local_runner.operations.sagemaker.search import search

COUNT = 60
STATUSES = ("Completed", "Failed", "Stopped")
EVERYTHING = {"Name": "CreationTime", "Operator": "Exists"}
"""A filter that every document passes and for which the store has no index."""


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
        }
        store.insert(TRAINING_JOB.name, name, document)
        store.insert(TAGS, f"arn:{name}", {"team": "red" if number % 2 else "blue"})
        trial, experiment = {"TrialName": f"t-{number % 6}"}, {"ExperimentName": f"e-{number % 2}"}
        if number < 6:
            store.insert(TRIAL.name, trial["TrialName"], {**trial, **experiment, "CreationTime": 0.0})
        part = {"TrialComponentName": name, "TrialComponentArn": f"arn:part/{name}", "Trials": [trial["TrialName"]]}
        store.insert(COMPONENT.name, name, {**part, "CreationTime": 1.0, "LastModifiedTime": float(number)})
    return RequestContext(SimpleNamespace(store=store))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> RequestContext:
    return filled(tmp_path_factory.mktemp("store") / "state", COUNT)


def every_page(context: RequestContext, request: dict[str, Any]) -> list[dict[str, Any]]:
    found, token = [], {}
    while True:
        answer = search(context, {**request, "MaxResults": 7, **token})
        found += [next(iter(one.values())) for one in answer["Results"]]
        if "NextToken" not in answer:
            assert answer["TotalHits"] == {"Value": len(found), "Relation": "EqualTo"}
            return found
        token = {"NextToken": answer["NextToken"]}


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
    scanned = every_page(
        context, {"Resource": resource, **order, "SearchExpression": {"Filters": [*wanted, EVERYTHING]}}
    )
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


def test_tags_are_asked_for_and_shown(context):
    request = {"Resource": JOB, "SearchExpression": {"Filters": filters(("Tags.team", "Equals", "red"))}}
    found = every_page(context, request)
    assert len(found) == COUNT / 2
    assert all(one["Tags"] == [{"Key": "team", "Value": "red"}] for one in found)
    by_tag = every_page(context, {"Resource": JOB, "SortBy": "Tags.team", "SortOrder": "Ascending"})
    assert [one["Tags"][0]["Value"] for one in by_tag] == ["blue"] * (COUNT // 2) + ["red"] * (COUNT // 2)


def test_a_page_reads_the_documents_that_it_shows(context, monkeypatch):
    read = []
    monkeypatch.setattr(stores.json, "loads", lambda text, loads=stores.json.loads: read.append(1) or loads(text))
    request = {"Resource": JOB, "SearchExpression": {"Filters": filters(("TrainingJobStatus", "Equals", "Failed"))}}
    shown = search(context, {**request, "MaxResults": 5})["Results"]
    assert len(read) == 2 * len(shown)  # each with its tags
