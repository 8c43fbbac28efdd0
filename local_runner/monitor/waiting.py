"""Which jobs wait for which: a server runs a few at a time, also those that another program started."""

from __future__ import annotations

from collections.abc import Sequence

from wildsage.local_runner.monitor.overview import JobSummary, Overview

MAX_NAMES = 4


class WaitingJobs:
    """Tells of jobs that wait for others than those of their own tuning job, once of each.

    Jobs that are there already, and those that their tuning jobs start, are other people's: of them `running` tells.
    `options` are those that `wildsage stop` needs.
    """

    def __init__(self, overview: Overview, options: str = "") -> None:
        self._overview = overview
        self._options = options
        self._others = [job for job in reversed(overview.jobs()) if job.is_running]
        self._version: tuple[int, ...] | None = None
        self._told: set[str] = set()

    def running(self) -> list[str]:
        """A sentence on the jobs that ran from the beginning, if there are any."""
        jobs = [job for job in self._others if not job.tuned_by]
        return [f"Running on this server already: {_list(jobs)}. {self._remedy(jobs)}"] if jobs else []

    def new(self) -> list[str]:
        """A sentence for each group of jobs that have begun to wait for the same ones since the last call."""
        version = self._overview.version()
        if version == self._version:
            return []
        self._version = version
        jobs = self._overview.jobs()
        groups: dict[tuple[JobSummary, ...], list[JobSummary]] = {}
        for job in reversed(jobs):
            if self._concerns(job) and (ahead := _ahead(jobs, job.tuned_by)):
                self._told.add(job.arn)
                groups.setdefault(ahead, []).append(job)
        return [self._sentence(waiting, ahead) for ahead, waiting in groups.items()]

    def _concerns(self, job: JobSummary) -> bool:
        known = self._told | {other.arn for other in self._others}
        return job.waits and job.is_running and not {job.arn, job.tuned_by} & known

    def _sentence(self, waiting: Sequence[JobSummary], ahead: Sequence[JobSummary]) -> str:
        names, verb = _list(waiting), "waits" if len(waiting) == 1 else "wait"
        return (
            f"{names[0].upper()}{names[1:]} {verb} for {_list(ahead)}. {self._remedy(ahead)} "
            "`wildsage up --max-jobs` says how many jobs run at a time."
        )

    def _remedy(self, ahead: Sequence[JobSummary]) -> str:
        tuners = [job for job in ahead if job.kind.word == "tuning"]
        continues = "A tuning job continues when the program that started it has ended; " if tuners else ""
        return f"{continues}`wildsage stop {(tuners or ahead)[0].name}{self._options}` ends it."


def _ahead(jobs: Sequence[JobSummary], without: str) -> tuple[JobSummary, ...]:
    """The jobs whose turn it is, a tuning job in place of those that it started; `without`: ARN of one that does not count."""
    by_arn = {job.arn: job for job in jobs}
    running = [job for job in jobs if job.is_running and not job.waits and job.kind.word != "tuning"]
    arns = {job.tuned_by or job.arn for job in running} - {without}
    return tuple(sorted((by_arn[arn] for arn in arns if arn in by_arn), key=lambda job: job.created))


def _list(jobs: Sequence[JobSummary]) -> str:
    named = [f"{job.kind.word} job {job.name}" for job in jobs[:MAX_NAMES]]
    return ", ".join(named) + (f" and {len(jobs) - MAX_NAMES} more" if len(jobs) > MAX_NAMES else "")
