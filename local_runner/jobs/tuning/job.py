"""Hyperparameter tuning jobs: each asks its search what to try, runs that as training jobs, and tells the search what came out.

All results are in the store with the training jobs, so a tuning job goes on after a restart of the server: its search
learns again from what has ended, and what was interrupted is tried once more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from wildsage.local_runner.jobs.states import ENDED
from wildsage.local_runner.jobs.store import TAGS, Document, NotThere, Store
from wildsage.local_runner.jobs.training.description import training_job
from wildsage.local_runner.jobs.training.job import KIND as TRAINING_JOB
from wildsage.local_runner.jobs.training.job import TrainingJobs, job_readings
from wildsage.local_runner.jobs.tuning import completion, early_stopping
from wildsage.local_runner.jobs.tuning.definition import OBJECTIVE, Definition, definitions, hyperband_resources
from wildsage.local_runner.jobs.tuning.results import failed_here, objective, ranked, trained

if TYPE_CHECKING:
    from wildsage.local_runner.jobs.tuning.search import Search

KIND = "hyper-parameter-tuning-job"
LOOK_EVERY_S = 0.1
ATTEMPTS = 5
"""So many training jobs without a success, or without an objective, end a tuning job."""
MOST_JOBS = 750
SUGGESTIONS = 5
"""So many of the parents' best jobs a tuning job of WarmStartType TransferLearning tries first."""

log = logging.getLogger(__name__)


class TuningJobs:
    """All tuning jobs; each runs in a thread of its own."""

    def __init__(self, store: Store, training: TrainingJobs) -> None:
        self._store = store
        self._training = training
        self._runs: dict[str, TuningRun] = {}
        self._lock = threading.Lock()

    def start(self, job: Document) -> None:
        """Store the new job, a CreateHyperParameterTuningJob request with its ARN, and run it. Raises NameTaken."""
        now = time.time()
        job.update(HyperParameterTuningJobStatus="InProgress", CreationTime=now, LastModifiedTime=now)
        with self._lock:  # who finds the job in the store finds its run too
            self._store.insert(KIND, job["HyperParameterTuningJobName"], job)
            self._run(job)

    def stop(self, name: str) -> None:
        """Stop its training jobs and start no more. No effect on a job that has ended."""
        with self._lock:
            run = self._runs.get(name)
        if run:
            run.stop()

    def restore(self) -> None:
        """After a restart: go on with what was in progress."""
        for job in self._store.all(KIND):
            if job["HyperParameterTuningJobStatus"] not in ENDED:
                self._run(job)

    def close(self) -> None:
        """Start no more training jobs. The states stay; `restore` finds them."""
        for run in list(self._runs.values()):
            run.abandon()

    def _run(self, job: Document) -> None:
        run = TuningRun(job, self._store, self._training)
        self._runs = {name: other for name, other in self._runs.items() if other.is_alive()}
        self._runs[run.name] = run
        run.start()


class TuningRun(threading.Thread):
    """One tuning job being run."""

    def __init__(self, job: Document, store: Store, training: TrainingJobs) -> None:
        super().__init__(name=job["HyperParameterTuningJobName"], daemon=True)
        self._job = job
        self._config = job["HyperParameterTuningJobConfig"]
        self._limits = self._config["ResourceLimits"]
        self._criteria = self._config.get("TuningJobCompletionCriteria", {})
        self._store = store
        self._training = training
        self._wake = threading.Event()
        self._stopping = job["HyperParameterTuningJobStatus"] == "Stopping"
        self._abandoned = False
        self._searches: dict[str, tuple[Definition, Search]] = {}
        self._exhausted: set[str] = set()
        self._running: dict[str, int | None] = {}  # to the number in its search; None: a server before this started it
        self._ended: list[Document] = []  # in the order in which they ended
        self._curves: list[list[float]] = []  # readings of the completed ones
        self._interrupted = 0

    @property
    def _maximize(self) -> bool:
        return next(definition.maximize for definition, _ in self._searches.values())

    def stop(self) -> None:
        self._stopping = True
        self._change(_begin_to_stop)
        self._wake.set()

    def abandon(self) -> None:
        """Write no more states and start nothing."""
        self._abandoned = True
        self._wake.set()
        self.join(timeout=5)

    def run(self) -> None:
        try:
            self._begin()
            outcome, reason = self._tune()
            self._stop_training()
            self._end(outcome, reason)
        except Exception as error:
            log.exception("tuning job %s", self.name)
            self._stop_training()
            self._end(
                "Failed", f"InternalServerError: {type(error).__name__}: {error} (the server's log has the trace)"
            )

    # The search

    def _begin(self) -> None:
        """A search for each definition, which knows what the parents and this job itself have tried before."""
        from wildsage.local_runner.jobs.tuning.search import (
            search,  # optuna: a quarter of a second that nothing else here needs
        )

        seed = self._config.get("RandomSeed")
        for offset, definition in enumerate(definitions(self._job)):
            resources = hyperband_resources(self._config, definition)
            own_seed = None if seed is None else seed + offset
            found = search(self._config["Strategy"], definition.ranges, definition.maximize, own_seed, resources)
            self._searches[definition.name] = definition, found
            self._warm_up(found)
        for job in trained(self._store, self._job):
            if job["TrainingJobStatus"] in ENDED:
                self._remember(job)
            else:
                self._running[job["TrainingJobName"]] = None

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
        """A job that ended while no server ran, or before; one that the end of a server interrupted is tried again."""
        _, search = self._searches[job["TrainingJobDefinitionName"]]
        if failed_here(job):
            self._interrupted += 1
            search.suggest(job["TunedHyperParameters"])
        else:
            self._note(job)
            search.learn(job["TunedHyperParameters"], objective(job))

    # Training jobs

    def _tune(self) -> tuple[str, str | None]:
        """Run training jobs until there is a reason to end; returns the status to end with, and a failure's reason."""
        turns = cycle(list(self._searches))
        while not self._abandoned:
            running = self._look()
            if self._stopping or self._out_of_time():
                return "Stopped", None
            if reason := self._failure(bool(running)):
                return "Failed", reason
            if completion.met(self._criteria, self._objectives(), self._maximize):
                return "Completed", None
            for _ in range(self._limits["MaxParallelTrainingJobs"] - len(running)):
                self._try_next(turns)
            if not self._running:
                return "Completed", None
            self._wake.wait(LOOK_EVERY_S)
        return "Stopped", None

    def _look(self) -> list[Document]:
        """Tell the searches of the jobs that have ended, stop those that fall behind, return those that run."""
        jobs = [job for name in list(self._running) if (job := self._training_job(name))]
        for job in jobs:
            if job["TrainingJobStatus"] in ENDED:
                self._tell(job)
            elif self._falls_behind(job):
                self._training.stop(job["TrainingJobName"])
        return [job for job in jobs if job["TrainingJobStatus"] not in ENDED]

    def _training_job(self, name: str) -> Document | None:
        try:
            return self._store.get(TRAINING_JOB, name)
        except NotThere:  # ended and deleted since the last look
            del self._running[name]
            return None

    def _tell(self, job: Document) -> None:
        _, search = self._searches[job["TrainingJobDefinitionName"]]
        number = self._running.pop(job["TrainingJobName"])
        self._note(job)
        if number is None:
            search.learn(job["TunedHyperParameters"], objective(job))
        else:
            search.tell(number, objective(job))

    def _note(self, job: Document) -> None:
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
        most = self._limits.get("MaxNumberOfTrainingJobs", MOST_JOBS)
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

    def _start(self, definition: Definition, number: int, values: dict[str, str]) -> None:
        place = len(self._ended) + len(self._running) + self._interrupted + 1
        request = definition.request(self._job, place, values)
        prefix = self._job["HyperParameterTuningJobArn"].rpartition(":")[0]
        arn = f"{prefix}:{TRAINING_JOB}/{request['TrainingJobName'].lower()}"
        self._store.insert(TAGS, arn, {tag["Key"]: tag["Value"] for tag in self._job.get("Tags", ())})
        self._training.start(training_job(request, arn, time.time()))
        self._running[request["TrainingJobName"]] = number

    def _stop_training(self) -> None:
        """Stop what runs and wait for its end."""
        while not self._abandoned and (running := self._look()):
            for job in running:
                self._training.stop(job["TrainingJobName"])
            self._wake.clear()
            self._wake.wait(LOOK_EVERY_S)

    # Reasons to end

    def _objectives(self) -> list[float]:
        return [value for job in self._ended if (value := objective(job)) is not None]

    def _out_of_time(self) -> bool:
        limit_s = self._limits.get("MaxRuntimeInSeconds")
        return limit_s is not None and time.time() > self._job["CreationTime"] + limit_s

    def _failure(self, running: bool) -> str | None:
        """SageMaker's texts for a tuning job none of whose training jobs has come to anything."""
        ended = self._ended
        if self._objectives() or not ended or (len(ended) < ATTEMPTS and (running or self._may_start())):
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

    # States

    def _end(self, outcome: str, reason: str | None) -> None:
        details: Document = {"NumberOfTrainingJobsObjectiveNotImproving": self._not_improving()}
        if self._searches and completion.has_converged(self._objectives(), self._maximize):
            details["ConvergenceDetectedTime"] = time.time()

        def edit(job: Document) -> None:
            _enter(job, outcome)
            job["HyperParameterTuningEndTime"] = job["LastModifiedTime"]
            job["TuningJobCompletionDetails"] = details
            job["ConsumedResources"] = {"RuntimeInSeconds": round(job["LastModifiedTime"] - job["CreationTime"])}
            if reason:
                job["FailureReason"] = reason

        self._change(edit)

    def _not_improving(self) -> int:
        return completion.not_improving(self._objectives(), self._maximize) if self._searches else 0

    def _change(self, edit: Callable[[Document], object]) -> None:
        if not self._abandoned:
            self._store.change(KIND, self.name, edit)


def _begin_to_stop(job: Document) -> None:
    if job["HyperParameterTuningJobStatus"] not in ENDED:
        _enter(job, "Stopping")


def _enter(job: Document, status: str) -> None:
    job.update(HyperParameterTuningJobStatus=status, LastModifiedTime=time.time())


def parents(job: Document) -> list[str]:
    """Names of the tuning jobs that this one learns from."""
    given = job.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", ())
    return [parent["HyperParameterTuningJobName"] for parent in given]


def parent_jobs(store: Store, name: str) -> Sequence[Document]:
    """Training jobs of a parent; none if it has been deleted."""
    try:
        return trained(store, store.get(KIND, name))
    except NotThere:
        return []
