"""The jobs of all kinds and regions in one list, the newest first, read from the indexes of their stores page by page."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from wildsage.local_runner.console.cloud import services_of, used_regions
from wildsage.local_runner.jobs.store import Document, ListQuery, NotFound, Place
from wildsage.local_runner.monitor.overview import KINDS, DocumentKind, JobSummary, job_summary
from wildsage.local_runner.operations.services import Services

PAGE_ROWS = 50
BY_WORD: Mapping[str, DocumentKind] = {kind.word: kind for kind in KINDS}
STATUSES = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are listed. `kind`, `status` and `name` (a part of it) may be "", which means all.

    `after` is the place of the last job of the page before, or None.
    """

    kind: str = ""
    status: str = ""
    name: str = ""
    after: Place | None = None

    @property
    def kinds(self) -> tuple[DocumentKind, ...]:
        """The kinds that are listed."""
        return (BY_WORD[self.kind],) if self.kind in BY_WORD else KINDS

    @property
    def query(self) -> ListQuery:
        """The documents of one kind in one store."""
        return ListQuery(
            descending=True, name_contains=self.name, status=self.status or None, after=self.after, limit=PAGE_ROWS + 1
        )


@dataclass(frozen=True)
class JobPage:
    """One page of the list; `after` is the place of its last job if more follow."""

    jobs: list[JobSummary]
    after: Place | None


def job_page(wanted: JobFilter) -> JobPage:
    """The first jobs that a filter lets through. Each store gives at most a page, whatever it holds."""
    lists = [
        [job_summary(kind, document) for document in services.store.select(kind.kind, wanted.query)]
        for services in used_regions()
        for kind in wanted.kinds
    ]
    found = heapq.merge(*lists, key=_place, reverse=True)
    shown = list(islice(found, PAGE_ROWS))
    return JobPage(shown, _place(shown[-1]) if any(found) else None)


def count_by_status(wanted: JobFilter) -> Counter[str]:
    """How many jobs of the listed kinds have each status."""
    return sum((services.store.statuses(kind.kind) for services in used_regions() for kind in wanted.kinds), Counter())


def find_job(region: str, word: str, name: str) -> tuple[Services, DocumentKind, Document]:
    """A job that an address names, with the services of its region. Raises NotFound."""
    services = services_of(region)
    if word not in BY_WORD:
        raise NotFound(f"There are no {word} jobs.")
    return services, BY_WORD[word], services.store.get(BY_WORD[word].kind, name)


def newest(kind: str, count: int) -> Iterator[JobSummary]:
    """The newest jobs of a kind."""
    page = job_page(replace(JobFilter(), kind=kind))
    return islice(iter(page.jobs), count)


def _place(job: JobSummary) -> Place:
    return job.created, job.name
