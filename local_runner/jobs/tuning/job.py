"""Hyperparameter tuning jobs. Each asks its search what to try, runs that as training jobs, and tells the search the results.

All results lie in the store with the training jobs, so that a tuning job resumes after a restart of the server: its search
learns again from the jobs that have ended, and jobs that were interrupted are tried once more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.jobs.runner import JobRun, Jobs
from wildsage.local_runner.jobs.states import ENDED, JobEnd, JobKind
from wildsage.local_runner.jobs.store import TAGS, Document, NotFound, Store
from wildsage.local_runner.jobs.training.description import training_job
from wildsage.local_runner.jobs.training.job import TrainingJobs
from wildsage.local_runner.jobs.training.readings import job_readings
from wildsage.local_runner.jobs.training.states import KIND as TRAINING_JOB
from wildsage.local_runner.jobs.tuning import completion, early_stopping
from wildsage.local_runner.jobs.tuning.definition import (
    OBJECTIVE,
    TrainingDefinition,
    hyperband_resources,
    training_definitions,
)
from wildsage.local_runner.jobs.tuning.results import failed_here, objective, ranked, trained

if TYPE_CHECKING:
    from wildsage.local_runner.jobs.tuning.search import Search

CHECK_EVERY_S = 0.1
ATTEMPTS = 5
"""A tuning job fails after this many training jobs without a success, or without an objective."""
MAX_JOBS = 750
MAX_TUNING_JOBS = 100
"""Tuning jobs that search at a time, as AWS's default quota says; others wait."""
SUGGESTIONS = 5
"""A tuning job of WarmStartType TransferLearning tries this many of its parents' best jobs first."""


class TuningKind(JobKind):
    """Tuning jobs. All of them resume after a restart."""

    def resume(self, job: Document, now: float) -> None:
        pass


KIND = TuningKind("hyper-parameter-tuning-job", "HyperParameterTuningJob", "hyperparameter tuning job")


class TuningJobs(Jobs):
    """All tuning jobs. They have a queue of their own, since they wait for their training jobs, which queue with all others.

    A job is a CreateHyperParameterTuningJob request with its ARN and its CreationTime.
    """

    kind = KIND

    def __init__(self, store: Store, training: TrainingJobs) -> None:
        super().__init__(store, Queue(MAX_TUNING_JOBS))
        self._training = training

    def new_run(self, job: Document) -> TuningJobRun:
        return TuningJobRun(job, self._store, self._queue, self._training)


class TuningJobRun(JobRun):
    """One tuning job: it starts training jobs and learns from their objectives."""

    kind = KIND

    def __init__(self, job: Document, store: Store, queue: Queue, training: TrainingJobs) -> None:
        super().__init__(job, store, queue)
        self._config = job["HyperParameterTuningJobConfig"]
        self._limits = self._config["ResourceLimits"]
        self._criteria = self._config.get("TuningJobCompletionCriteria", {})
        self._training = training
        self._wake = threading.Event()
        self._searches: dict[str, tuple[TrainingDefinition, Search]] = {}
        self._exhausted: set[str] = set()
        self._running: dict[str, int | None] = {}  # to the number in its search; None: an earlier server started it
        self._ended: list[Document] = []  # in the order in which they ended
        self._curves: list[list[float]] = []  # readings of the completed ones
        self._interrupted = 0

    @property
    def _maximize(self) -> bool:
        return next(definition.maximize for definition, _ in self._searches.values())

    def execute(self) -> JobEnd:
        try:
            self._begin_searches()
            return self._tune()
        finally:
            self._stop_training()

    def interrupt(self) -> None:
        self._wake.set()

    def results(self) -> Document:
        now = time.time()
        details: Document = {"NumberOfTrainingJobsObjectiveNotImproving": self._not_improving()}
        if self._searches and completion.has_converged(self._objectives(), self._maximize):
            details["ConvergenceDetectedTime"] = now
        consumed = {"RuntimeInSeconds": round(now - self._job["CreationTime"])}
        return {"TuningJobCompletionDetails": details, "ConsumedResources": consumed}

    # The search

    def _begin_searches(self) -> None:
        """Begin a search for each definition. It knows what the parents and this job itself have tried before."""
        # optuna takes a quarter of a second to import, and nothing else here needs it
        from wildsage.local_runner.jobs.tuning.search import search

        seed = self._config.get("RandomSeed")
        for offset, definition in enumerate(training_definitions(self._job)):
            resources = hyperband_resources(self._config, definition)
            own_seed = None if seed is None else seed + offset
            found = search(self._config["Strategy"], definition.ranges, definition.maximize, own_seed, resources)
            self._searches[definition.name] = definition, found
            self._warm_up(found)
        for job in trained(self._store, self._job):
            self._remember(job)

    def _warm_up(self, search: Search) -> None:
        warm_start = self._job.get("WarmStartConfig", {})
        known = [job for name in parents(self._job) for job in parent_jobs(self._store, name)]
        if warm_start.get("WarmStartType") == "TransferLearning":
            for job in ranked(known)[:SUGGESTIONS]:
                search.suggest(job["HyperParameters"])
        else:
            for job in known:
                search.learn(job["HyperParameters"], objective(job))

    def _remember(self, job: Document) -> None:
        """Learn from a job that an earlier server started. One that a server interrupted is tried again."""
        _, search = self._searches[job["TrainingJobDefinitionName"]]
        if job["TrainingJobStatus"] not in ENDED:
            self._running[job["TrainingJobName"]] = None
            search.learn(job["TunedHyperParameters"], None)
        elif failed_here(job):
            self._interrupted += 1
            search.suggest(job["TunedHyperParameters"])
        else:
            self._record(job)
            search.learn(job["TunedHyperParameters"], objective(job))

    # Training jobs

    def _tune(self) -> JobEnd:
        """Run training jobs until there is a reason to end."""
        turns = cycle(list(self._searches))
        while not self._abandoned:
            running = self._check_training()
            if self._stopping.is_set() or self._out_of_time():
                return JobEnd("Stopped")
            if len(self._ended) >= ATTEMPTS and (reason := self._failure()):
                return JobEnd("Failed", reason)
            if completion.is_met(self._criteria, self._objectives(), self._maximize):
                return JobEnd("Completed")
            for _ in range(self._limits["MaxParallelTrainingJobs"] - len(running)):
                self._try_next(turns)
            if not self._running:
                reason = self._failure()
                return JobEnd("Failed" if reason else "Completed", reason)
            self._wake.wait(CHECK_EVERY_S)
        return JobEnd("Stopped")

    def _check_training(self) -> list[Document]:
        """Tell the searches which jobs have ended, stop jobs that fall behind, and return those that run."""
        jobs = [job for name in list(self._running) if (job := self._training_job(name))]
        for job in jobs:
            if job["TrainingJobStatus"] in ENDED:
                self._tell_search(job)
            elif self._falls_behind(job):
                self._training.stop(job["TrainingJobName"])
        return [job for job in jobs if job["TrainingJobStatus"] not in ENDED]

    def _training_job(self, name: str) -> Document | None:
        try:
            return self._store.get(TRAINING_JOB.name, name)
        except NotFound:  # it has ended and was deleted since the last check
            del self._running[name]
            return None

    def _tell_search(self, job: Document) -> None:
        _, search = self._searches[job["TrainingJobDefinitionName"]]
        number = self._running.pop(job["TrainingJobName"])
        self._record(job)
        if number is None:
            search.learn(job["TunedHyperParameters"], objective(job))
        else:
            search.tell(number, objective(job))

    def _record(self, job: Document) -> None:
        self._ended.append(job)
        if self._stops_early and job["TrainingJobStatus"] == "Completed":
            self._curves.append(self._readings(job))

    @property
    def _stops_early(self) -> bool:
        return self._config.get("TrainingJobEarlyStoppingType") == "Auto"

    def _falls_behind(self, job: Document) -> bool:
        number = self._running[job["TrainingJobName"]]
        if number is None or job["SecondaryStatus"] != "Training":
            return False
        definition, search = self._searches[job["TrainingJobDefinitionName"]]
        if self._config["Strategy"] == "Hyperband":
            return search.falls_behind(number, self._readings(job))
        return self._stops_early and early_stopping.falls_behind(self._readings(job), self._curves, definition.maximize)

    def _readings(self, job: Document) -> list[float]:
        found = job_readings(job, self._training.logs)
        return [datum.value for datum in found if datum.name == OBJECTIVE]

    def _may_start(self) -> bool:
        most = self._limits.get("MaxNumberOfTrainingJobs", MAX_JOBS)
        return len(self._ended) + len(self._running) < most and len(self._exhausted) < len(self._searches)

    def _try_next(self, turns: cycle[str]) -> None:
        """Start the next training job, of the definition whose turn it is."""
        while self._may_start():
            name = next(turns)
            definition, search = self._searches[name]
            suggestion = None if name in self._exhausted else search.ask()
            if suggestion is None:
                self._exhausted.add(name)
                continue
            number, values = suggestion
            self._start(definition, number, values)
            return

    def _start(self, definition: TrainingDefinition, number: int, values: dict[str, str]) -> None:
        place = len(self._ended) + len(self._running) + self._interrupted + 1
        request = definition.request(self._job, place, values)
        prefix = self._job["HyperParameterTuningJobArn"].rpartition(":")[0]
        arn = f"{prefix}:{TRAINING_JOB.name}/{request['TrainingJobName'].lower()}"
        self._training.start(training_job(request, arn, time.time()))
        self._store.insert(TAGS, arn, {tag["Key"]: tag["Value"] for tag in self._job.get("Tags", ())})
        self._running[request["TrainingJobName"]] = number

    def _stop_training(self) -> None:
        """Stop the training jobs that run, and wait for their end."""
        while not self._abandoned and (running := self._check_training()):
            for job in running:
                self._training.stop(job["TrainingJobName"])
            self._wake.clear()
            self._wake.wait(CHECK_EVERY_S)

    # Reasons to end

    def _objectives(self) -> list[float]:
        return [value for job in self._ended if (value := objective(job)) is not None]

    def _out_of_time(self) -> bool:
        limit_s = self._limits.get("MaxRuntimeInSeconds")
        return limit_s is not None and time.time() > self._job["CreationTime"] + limit_s

    def _failure(self) -> str | None:
        """Why the tuning job fails if no further training job succeeds, in SageMaker's words; None if one has an objective."""
        ended = self._ended
        if self._objectives() or not ended:
            return None
        if any(job["TrainingJobStatus"] == "Completed" for job in ended):
            return (
                f"No objective metrics found after running {len(ended)} training jobs. Please ensure that the custom "
                "algorithm is emitting the objective metric as defined by the regular expression provided."
            )
        if len(ended) < ATTEMPTS:
            return "All training jobs failed. Please take a look at the training job failures to get more details."
        return (
            f"No training job succeeded after {len(ended)} attempts. For additional details, please take a look at the "
            "training job failures by listing training jobs for the hyperparameter tuning job."
        )

    def _not_improving(self) -> int:
        return completion.not_improving(self._objectives(), self._maximize) if self._searches else 0


def parents(job: Document) -> list[str]:
    """Names of the tuning jobs that this one learns from."""
    given = job.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", ())
    return [parent["HyperParameterTuningJobName"] for parent in given]


def parent_jobs(store: Store, name: str) -> Sequence[Document]:
    """Training jobs of a parent; [] if the parent has been deleted."""
    try:
        return trained(store, store.get(KIND.name, name))
    except NotFound:
        return []
