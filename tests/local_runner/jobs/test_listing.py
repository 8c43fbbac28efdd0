"""Pages of lists: right under every filter and order, and made from an index, whatever the number of documents."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from itertools import product

import pytest

from wildsage.local_runner.jobs.store import Document, ListQuery, Store

KIND = "training-job"
STATUSES = ("Completed", "Failed", "InProgress")


def job(number: int) -> Document:
    return {
        "CreationTime": float(number // 2),  # two jobs of one moment
        "LastModifiedTime": float(1_000 - number),
        "TrainingJobStatus": STATUSES[number % 3],
        "TuningJobArn": f"arn:tuner-{number % 5}",
        "Source": {"SourceArn": f"arn:{number}"},
        "Notes": "x" * 2_000,
        "Number": number,
    }


def filled(path, count: int) -> Store:
    store = Store(path)
    for number in range(count):
        store.insert(KIND, f"job-{(number * 7) % count:05d}", job(number))
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return filled(tmp_path_factory.mktemp("store") / "state", 60)


def numbers(documents: list[Document]) -> list[int]:
    return [document["Number"] for document in documents]


def steps(store: Store, selection: ListQuery) -> int:
    """Instructions of SQLite's virtual machine that a page takes, in tens."""
    counted = [0]

    def count() -> None:
        counted[0] += 1

    store._database.set_progress_handler(count, 10)
    store.page(KIND, selection)
    store._database.set_progress_handler(None, 0)
    return counted[0]


@pytest.mark.parametrize(
    ("sort", "descending"), list(product(["created", "modified", "name", "status"], [False, True]))
)
def test_pages_in_every_order_join_to_the_whole_list(store, sort, descending):
    whole = ListQuery(sort=sort, descending=descending)
    keys = {"created": "CreationTime", "modified": "LastModifiedTime", "status": "TrainingJobStatus", "name": "Name"}
    named = [{**document, "Name": name} for name, document in store.named(KIND).items()]
    expected = sorted(named, key=lambda one: (one[keys[sort]], one["Name"]), reverse=descending)
    assert numbers(store.select(KIND, whole)) == numbers(expected)
    found, place, pages = [], None, 0
    while pages == 0 or place:
        page, place = store.page(KIND, ListQuery(sort=sort, descending=descending, after=place, limit=7))
        found, pages = found + numbers(page), pages + 1
    assert (found, pages) == (numbers(expected), 9)


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        (ListQuery(status="Failed"), lambda one: one["TrainingJobStatus"] == "Failed"),
        (ListQuery(created_after=9.0), lambda one: one["CreationTime"] > 9),
        (ListQuery(created_before=9.0), lambda one: one["CreationTime"] < 9),
        (ListQuery(modified_after=980.0), lambda one: one["LastModifiedTime"] > 980),
        (ListQuery(modified_before=980.0), lambda one: one["LastModifiedTime"] < 980),
        (ListQuery(name_contains="B-0001"), lambda one: one["Name"].startswith("job-0001")),
        (ListQuery(names=["job-00007", "nobody"]), lambda one: one["Name"] == "job-00007"),
        (ListQuery(references={"TuningJobArn": ["arn:tuner-3"]}), lambda one: one["Number"] % 5 == 3),
        (ListQuery(references={"SourceArn": ["arn:4", "arn:9"]}), lambda one: one["Number"] in (4, 9)),
        (ListQuery(name_contains="%"), lambda one: False),
    ],
)
def test_filters_keep_what_they_say(store, selection, kept):
    named = [{**document, "Name": name} for name, document in store.named(KIND).items()]
    expected = sorted(filter(kept, named), key=lambda one: (one["CreationTime"], one["Name"]))
    assert numbers(store.select(KIND, selection)) == numbers(expected)
    assert store.count(KIND, replace(selection, limit=1)) == len(expected)


def test_a_page_stays_where_it_is_while_documents_come_and_go(tmp_path):
    store = filled(tmp_path / "state", 20)
    before = numbers(store.select(KIND, ListQuery(descending=True)))
    first, place = store.page(KIND, ListQuery(descending=True, limit=5))
    store.insert(KIND, "newer", {**job(21), "CreationTime": 99.0})
    store.delete(KIND, next(name for name, one in store.named(KIND).items() if one["Number"] == before[4]))
    second, _ = store.page(KIND, ListQuery(descending=True, limit=5, after=place))
    assert (numbers(first), numbers(second)) == (before[:5], before[5:10])


def test_references_follow_what_a_document_says_now(tmp_path):
    store = Store(tmp_path / "state")
    store.insert("component", "c", {"Trials": ["a", "b"]})
    store.update("component", "c", Trials=["b"])
    assert store.referring("component", "Trials", "a") == []
    store.put("component", "C", {"Trials": ["d"], "n": 1})
    assert store.referring("component", "Trials", "b") == []
    assert store.referring("component", "Trials", "d") == [{"Trials": ["d"], "n": 1}]
    store.delete("component", "C")
    assert store.referring("component", "Trials", "d") == []


@pytest.mark.parametrize(
    "selection",
    [
        ListQuery(limit=10),
        ListQuery(limit=10, descending=True),
        ListQuery(limit=10, after=(20.0, "job-00007")),
        ListQuery(limit=10, sort="modified", descending=True),
        ListQuery(limit=10, sort="modified", status="Failed", after=(990.0, "job-00007")),
        ListQuery(limit=10, sort="name"),
        ListQuery(limit=10, sort="name", descending=True, after=("job-00050", "job-00050")),
        ListQuery(limit=10, sort="status", descending=True),
        ListQuery(limit=10, status="Failed"),
        ListQuery(limit=10, status="Failed", sort="name"),
        ListQuery(limit=10, created_after=3.0, created_before=400.0),
        ListQuery(limit=10, name_contains="job"),
        ListQuery(limit=10, references={"SourceArn": ["arn:17"]}),
    ],
    ids=str,
)
def test_the_work_for_a_page_does_not_grow_with_the_number_of_documents(tmp_path, store, selection):
    """Ten times the documents; without the indexes it takes ten times the steps."""
    large = filled(tmp_path / "state", 600)
    assert steps(large, selection) <= 2 * steps(store, selection) + 5


def test_a_file_from_before_there_were_columns_is_taken_over(tmp_path):
    database = sqlite3.connect(tmp_path / "state")
    database.execute("CREATE TABLE documents (kind TEXT, name TEXT, document TEXT, PRIMARY KEY (kind, name))")
    database.execute("CREATE UNIQUE INDEX one_of_a_name ON documents (kind, name COLLATE NOCASE)")
    database.execute("INSERT INTO documents VALUES ('job', 'a', '{\"CreationTime\": 7.0, \"AJobStatus\": \"Failed\"}')")
    database.commit()
    database.close()
    for _ in range(2):
        store = Store(tmp_path / "state")
        assert store.select("job", ListQuery(status="Failed", created_after=6.0)) == [store.get("job", "a")]
        store.close()
