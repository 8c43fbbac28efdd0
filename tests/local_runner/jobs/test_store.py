"""Documents on disk."""

import threading
from dataclasses import replace

import pytest

from wildsage.local_runner.jobs.properties import has, one_of
from wildsage.local_runner.jobs.store import ListQuery, NameTaken, NotFound, Store


def test_documents_survive_the_process(tmp_path):
    first = Store(tmp_path / "state")
    first.insert("job", "a", {"x": [1, 2.5, None, "ä"]})
    first.close()
    assert Store(tmp_path / "state").get("job", "a") == {"x": [1, 2.5, None, "ä"]}


def test_names_are_taken_once_per_kind(tmp_path):
    store = Store(tmp_path / "state")
    store.insert("job", "a", {})
    store.insert("model", "a", {})
    with pytest.raises(NameTaken, match="job a exists"):
        store.insert("job", "a", {})
    with pytest.raises(NameTaken, match="job A exists"):
        store.insert("job", "A", {})


def test_a_document_takes_the_place_of_one_whose_name_differs_in_case(tmp_path):
    store = Store(tmp_path / "state")
    store.insert("job", "a", {"n": 1})
    store.put("job", "A", {"n": 2})
    assert store.all("job") == [{"n": 2}] and store.get("job", "A") == {"n": 2}


@pytest.mark.parametrize("act", ["get", "delete", "update"])
def test_what_is_not_there(tmp_path, act):
    with pytest.raises(NotFound, match="job nobody does not exist"):
        getattr(Store(tmp_path / "state"), act)("job", "nobody")


def test_changes_of_many_threads_are_all_kept(tmp_path):
    store = Store(tmp_path / "state")
    store.insert("job", "a", {"count": 0})

    def count() -> None:
        for _ in range(50):
            store.change("job", "a", lambda document: document.update(count=document["count"] + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("job", "a") == {"count": 200}


def test_a_failed_change_changes_nothing(tmp_path):
    store = Store(tmp_path / "state")
    store.insert("job", "a", {"x": 1})

    def fail(document):
        document["x"] = 2
        raise ValueError

    with pytest.raises(ValueError):
        store.change("job", "a", fail)
    assert store.all("job") == [{"x": 1}]


def test_nobody_reads_within_a_change(tmp_path):
    store, ended = Store(tmp_path / "state"), []
    store.insert("job", "a", {"x": 1})
    calls = {
        "get": lambda: store.get("job", "a"),
        "all": lambda: store.all("job"),
        "names": lambda: store.names("job", ListQuery()),
        "count": lambda: store.count("job", ListQuery()),
        "page": lambda: store.page("job", ListQuery(limit=1)),
        "structures": lambda: store.has_structures("job", "x"),
        "statuses": lambda: store.statuses("job"),
        "version": store.version,
        "insert": lambda: store.insert("job", "b", {}),
    }

    def call(name: str) -> None:
        calls[name]()
        ended.append(name)

    threads = [threading.Thread(target=call, args=(name,)) for name in calls]

    def edit(document):
        for thread in threads:
            thread.start()
        threads[-1].join(0.1)  # none ends meanwhile, however long this is
        assert ended == []

    store.change("job", "a", edit)
    for thread in threads:
        thread.join()
    assert sorted(ended) == sorted(calls)


@pytest.mark.parametrize("descending", [False, True])
def test_a_page_with_its_count_is_the_page_and_the_count(tmp_path, descending):
    store = Store(tmp_path / "state")
    for number in range(7):
        store.insert("job", f"job-{number}", {"CreationTime": float(number // 2), "k": number % 3})
    query = ListQuery(descending=descending, passing=has("job", "k", one_of(["0", "1"])), limit=2)
    while True:
        found, last, count = store.counted_page("job", query)
        assert ((found, last), count) == (store.page("job", query), 5)
        if last is None:
            break
        query = replace(query, after=last)
    assert store.counted_page("job", replace(query, after=(-1.0 if descending else 9.0, ""))) == ([], None, 5)
