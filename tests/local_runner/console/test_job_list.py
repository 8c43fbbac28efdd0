"""The list of jobs of all kinds and regions: its order, its pages, its filters, and which job an address names."""

from __future__ import annotations

import pytest
from werkzeug.exceptions import NotFound as PageNotFound

from wildsage.local_runner.console.app import make_app
from wildsage.local_runner.console.job_list import (
    JobFilter,
    JobPage,
    count_by_status,
    find_job,
    job_page,
    newest,
)
from wildsage.local_runner.jobs.store import NotFound
from wildsage.local_runner.monitor.overview import KINDS

TRAINING, TRANSFORM, *_ = KINDS


@pytest.fixture
def add(visitor):
    """Adds a job to a region's store, within a request of the console."""

    def insert(name: str, created: float, kind=TRAINING, region: str = "us-east-1", status: str = "Completed") -> None:
        arn = f"arn:aws:sagemaker:{region}:000000000000:{kind.kind}/{name}"
        named = {f"{kind.stem}Name": name, f"{kind.stem}Arn": arn, f"{kind.stem}Status": status}
        visitor.regions.services(region).store.insert(kind.kind, name, named | {"CreationTime": created})

    with make_app(visitor.regions).test_request_context("/"):
        yield insert


def names(page: JobPage) -> list[str]:
    return [job.name for job in page.jobs]


def test_jobs_of_all_kinds_and_regions_are_listed_the_newest_first(add):
    add("a", 1.0)
    add("b", 3.0, TRANSFORM)
    add("c", 2.0, region="eu-west-1")
    add("d", 3.0)
    assert names(job_page(JobFilter())) == ["d", "b", "c", "a"]
    assert [job.name for job in newest("training", 2)] == ["d", "c"]
    assert list(newest("training", 0)) == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (JobFilter(kind="transform"), ["slow"]),
        (JobFilter(kind="unknown"), ["new", "slow", "old"]),
        (JobFilter(status="Failed"), ["old"]),
        (JobFilter(name="l"), ["slow", "old"]),
        (JobFilter(kind="training", status="Completed", name="n"), ["new"]),
        (JobFilter(status="Stopped"), []),
    ],
)
def test_a_filter_lets_jobs_through(add, wanted, found):
    add("old", 1.0, status="Failed")
    add("slow", 2.0, TRANSFORM)
    add("new", 3.0)
    assert names(job_page(wanted)) == found


@pytest.mark.parametrize("kinds", [1, 2])
@pytest.mark.parametrize(("count", "pages"), [(0, [0]), (50, [50]), (51, [50, 1]), (101, [50, 50, 1])])
def test_a_page_has_fifty_jobs_and_leads_to_the_next(add, count, pages, kinds):
    for number in range(count):
        add(f"{number:03d}", float(number // 2), KINDS[number % kinds])
    found, page = [], job_page(JobFilter())
    found.append(names(page))
    while page.after:
        page = job_page(JobFilter(after=page.after))
        found.append(names(page))
    assert [len(one) for one in found] == pages
    assert [name for one in found for name in one] == [f"{number:03d}" for number in reversed(range(count))]


def test_jobs_are_counted_by_their_status(add):
    add("a", 1.0)
    add("b", 1.0, TRANSFORM)
    add("c", 1.0, region="eu-west-1", status="Failed")
    assert count_by_status(JobFilter()) == {"Completed": 2, "Failed": 1}
    assert count_by_status(JobFilter(kind="transform")) == {"Completed": 1}
    assert count_by_status(JobFilter(kind="tuning")) == {}


def test_an_address_names_a_job(add):
    add("a", 1.0, TRANSFORM)
    services, kind, document = find_job("us-east-1", "transform", "a")
    assert (services.folder.name, kind, document["TransformJobName"]) == ("us-east-1", TRANSFORM, "a")
    with pytest.raises(NotFound, match="There are no labeling jobs"):
        find_job("us-east-1", "labeling", "a")
    with pytest.raises(NotFound):
        find_job("us-east-1", "training", "a")
    with pytest.raises(PageNotFound):
        find_job("eu-west-1", "transform", "a")
