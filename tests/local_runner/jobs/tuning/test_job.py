"""What a tuning job starts, stops and learns, with training jobs that end as soon as they begin, or when the test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.local_runner.jobs.tuning.requests import ARN, OWN_IMAGE, training_definition, tuning_job
from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs
from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.jobs.store import TAGS, Document, Store
from wildsage.local_runner.jobs.tuning import job as tuning
from wildsage.local_runner.jobs.tuning.completion import CONVERGED_AFTER
from wildsage.local_runner.jobs.tuning.job import TuningJobRun

LOSSES = {"a": 3.0, "b": 1.0, "c": 2.0}
CHECK_EVERY_S = tuning.CHECK_EVERY_S
ENDED = ("Completed", "Failed", "Stopped")


class Training:
    """Stands in for the training jobs: `end` says how the job with these values ends, None that it runs until it is stopped."""

    def __init__(self, store: Store, logs: Logs, end: Callable[[Document], Document | None]) -> None:
        self.store, self.logs, self.end = store, logs, end
        self.stopped: list[str] = []
        self.most_at_once = 0

    def start(self, job: Document) -> None:
        ended = self.end(job)
        state = {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Training"} if ended is None else ended
        self.store.insert("training-job", job["TrainingJobName"], {**job, **state})
        running = [one for one in self.store.all("training-job") if one["TrainingJobStatus"] not in ENDED]
        self.most_at_once = max(self.most_at_once, len(running))

    def stop(self, name: str) -> None:
        self.stopped.append(self.store.get("training-job", name)["TunedHyperParameters"]["letter"])
        self.store.update("training-job", name, **ending("Stopped"))


def ending(status: str = "Completed", objective: float | None = None, **fields: object) -> Document:
    readings = [] if objective is None else [{"MetricName": "ObjectiveMetric", "Value": objective}]
    return {"TrainingJobStatus": status, "SecondaryStatus": status, "FinalMetricDataList": readings, **fields}


class Patience(threading.Event):
    """Ends a search that would never end."""

    rounds = 0
    longest_s = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.rounds += 1
        self.longest_s = max(self.longest_s, timeout or 0.0)
        assert self.rounds < 3_000, "the search goes on and on"
        return super().wait(timeout)


def by_letter(job: Document) -> Document:
    return ending(objective=LOSSES[job["TunedHyperParameters"]["letter"]])


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "CHECK_EVERY_S", 0.001)
    with closing(Store(tmp_path / "state")) as store:
        yield store


@pytest.fixture
def logs(tmp_path) -> Logs:
    return Logs(tmp_path / "logs")


@pytest.fixture
def run(store, logs):
    """A run of a tuning job in the store, which has not begun."""

    def make(job: Document, end: Callable[[Document], Document | None] = by_letter) -> TuningJobRun:
        store.put("hyper-parameter-tuning-job", job["HyperParameterTuningJobName"], job)
        one = TuningJobRun(job, store, Queue(1), Training(store, logs, end))
        one._wake = Patience()
        return one

    return make


def tried(store: Store) -> list[str]:
    """Letters in the order of the numbers in the names of the training jobs."""
    jobs = sorted(store.all("training-job"), key=lambda job: job["TrainingJobName"])
    return [job["TunedHyperParameters"]["letter"] for job in jobs]


def limits(parallel: int = 1, **fields: float) -> Document:
    return {"MaxParallelTrainingJobs": parallel, **fields}


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_a_grid_is_tried_and_each_training_job_is_one_of_the_tuning_job(run, store, parallel):
    one = run({**tuning_job(ResourceLimits=limits(parallel)), "Tags": [{"Key": "team", "Value": "one"}]})
    assert one.execute().outcome == "Completed"
    assert one._wake.rounds >= 3 / parallel, "it looks now and then, and not all the time"
    assert tried(store) == ["a", "b", "c"]
    for number, job in enumerate(sorted(store.all("training-job"), key=lambda job: job["TrainingJobName"]), start=1):
        name = job["TrainingJobName"]
        assert name.startswith(f"search-00{number}-") and job["TuningJobArn"] == ARN
        assert job["TrainingJobArn"] == f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{name}"
        assert store.get(TAGS, job["TrainingJobArn"]) == {"team": "one"}


def test_the_end_of_a_training_job_is_seen_within_a_second_and_without_a_busy_loop(run, store, monkeypatch):
    monkeypatch.setattr(tuning, "CHECK_EVERY_S", CHECK_EVERY_S)
    one = run(tuning_job(ResourceLimits=limits(3)))
    one.execute()
    assert 0 < one._wake.longest_s < 1


@pytest.mark.parametrize(("most", "expected"), [(1, ["a"]), (2, ["a", "b"]), (4, ["a", "b", "c"])])
def test_no_more_jobs_are_started_than_the_limit(run, store, most, expected):
    assert run(tuning_job(ResourceLimits=limits(4, MaxNumberOfTrainingJobs=most))).execute().outcome == "Completed"
    assert sorted(tried(store)) == expected


@pytest.mark.parametrize("parallel", [1, 2])
def test_so_many_jobs_run_at_a_time_as_the_limit_says(run, store, parallel):
    one = run(tuning_job(ResourceLimits=limits(parallel)), lambda job: None)

    class Rounds(Patience):
        def wait(self, timeout: float | None = None) -> bool:
            if self.rounds == 20:  # in which no other job was started
                one._limits = {**one._limits, "MaxRuntimeInSeconds": 0}
            return super().wait(timeout)

    one._wake = Rounds()
    assert one.execute().outcome == "Stopped"
    assert one._training.most_at_once == parallel and sorted(tried(store)) == ["a", "b"][:parallel]


def test_a_search_that_is_out_of_time_stops_its_jobs(run, store):
    job = tuning_job(ResourceLimits=limits(2, MaxRuntimeInSeconds=60))
    one = run({**job, "CreationTime": time.time() - 61})
    assert one.execute().outcome == "Stopped" and tried(store) == []
    one = run({**job, "CreationTime": time.time() - 30})
    assert one.execute().outcome == "Completed" and sorted(tried(store)) == ["a", "b", "c"]


def test_a_search_that_is_asked_to_stop_stops_its_jobs_and_waits_for_them(run, store):
    one = run(tuning_job(ResourceLimits=limits(2)), lambda job: None)
    one._training.end = lambda job: one._stopping.set()
    assert one.execute().outcome == "Stopped"
    assert one._training.stopped == ["a", "b"]
    assert {job["TrainingJobStatus"] for job in store.all("training-job")} == {"Stopped"}


def test_a_search_that_stops_waits_between_two_looks_at_jobs_that_end_slowly(run, store):
    one = run(tuning_job(), lambda job: None)
    one._training.end = lambda job: one.stop()
    rounds: list[int] = []

    def stop(name: str) -> None:
        rounds.append(one._wake.rounds)
        assert len(rounds) < 100, "it looks all the time"
        if len(rounds) == 3:
            store.update("training-job", name, **ending("Stopped"))

    one._training.stop = stop
    assert one.execute().outcome == "Stopped"
    assert rounds == [rounds[0] + n for n in range(3)]
    assert not one._wake.is_set(), "a search that was woken up waits again"


def test_a_server_that_closes_leaves_the_jobs_that_run(run, store):
    one = run(tuning_job(), lambda job: None)
    one._training.end = lambda job: one.abandon()
    one.execute()
    assert one._training.stopped == [] and tried(store) == ["a"]


WORDS = {"CategoricalParameterRanges": [{"Name": "letter", "Values": list("abcdefg")}]}


@pytest.mark.parametrize(
    ("ranges", "end", "count", "said"),
    [
        (WORDS, ending("Failed"), 5, "No training job succeeded after 5 attempts. For additional details"),
        (WORDS, ending("Completed"), 5, "No objective metrics found after running 5 training jobs."),
        (None, ending("Failed"), 3, "All training jobs failed. Please take a look at the training job failures"),
        (None, ending("Completed"), 3, "No objective metrics found after running 3 training jobs."),
    ],
)
def test_a_search_without_an_objective_fails_in_awss_words(run, store, ranges, end, count, said):
    job = tuning_job(**{"ParameterRanges": ranges} if ranges else {})
    found = run(job, lambda job: end).execute()
    assert found.outcome == "Failed" and found.reason.startswith(said)
    assert len(tried(store)) == count


def test_one_job_with_an_objective_is_enough(run, store):
    letters = iter("abcdefg")
    found = run(
        tuning_job(ParameterRanges=WORDS),
        lambda job: ending("Failed") if next(letters) != "c" else ending(objective=1.0),
    )
    assert found.execute().outcome == "Completed" and len(tried(store)) == 7


def test_a_search_ends_when_its_criteria_are_met(run, store):
    one = run(tuning_job(TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 1.0}))
    assert one.execute().outcome == "Completed" and tried(store) == ["a", "b"]


def test_the_details_say_how_many_jobs_brought_nothing_and_when_a_search_has_converged(run, store):
    one = run(tuning_job())
    assert one.results()["TuningJobCompletionDetails"] == {"NumberOfTrainingJobsObjectiveNotImproving": 0}
    one.execute()
    found = one.results()
    assert found["TuningJobCompletionDetails"] == {"NumberOfTrainingJobsObjectiveNotImproving": 1}
    assert found["ConsumedResources"]["RuntimeInSeconds"] == pytest.approx(time.time() - 1_000, abs=60)
    many = {
        "CategoricalParameterRanges": [{"Name": "letter", "Values": [f"{n:02d}" for n in range(CONVERGED_AFTER + 1)]}]
    }
    still = run(tuning_job(name="still", ParameterRanges=many), lambda job: ending(objective=1.0))
    still.execute()
    details = still.results()["TuningJobCompletionDetails"]
    assert details["NumberOfTrainingJobsObjectiveNotImproving"] == CONVERGED_AFTER
    assert details["ConvergenceDetectedTime"] == pytest.approx(time.time(), abs=60)


def earlier(store: Store, letter: str, status: str = "Completed", **fields: object) -> None:
    """A training job that an earlier server started."""
    name = f"search-00{len(store.all('training-job')) + 1}-before"
    job = {
        "TrainingJobName": name,
        "TuningJobArn": ARN,
        "TrainingJobDefinitionName": "",
        "CreationTime": 1_001.0,
        "HyperParameters": {"letter": letter},
        "TunedHyperParameters": {"letter": letter},
        "TuningObjective": {"Type": "Minimize", "MetricName": "loss"},
        **ending(status, LOSSES[letter], **fields),
    }
    store.insert("training-job", name, job)


def test_a_search_goes_on_from_what_an_earlier_server_has_tried(run, store):
    earlier(store, "b")
    earlier(store, "a", "Failed", FailureReason="InternalServerError: the local SageMaker stopped")
    one = run(tuning_job(ResourceLimits=limits(MaxNumberOfTrainingJobs=3)))
    assert one.execute().outcome == "Completed"
    assert tried(store) == ["b", "a", "a", "c"], "what was interrupted is tried again, and does not count"
    assert [job["TrainingJobName"].split("-")[1] for job in one._ended] == ["001", "003", "004"]


@pytest.mark.parametrize("strategy", ["Grid", "Random"])
def test_a_job_that_an_earlier_server_started_is_waited_for_and_not_repeated(run, store, strategy):
    earlier(store, "a", "InProgress")
    one = run(tuning_job(Strategy=strategy, RandomSeed=1, ResourceLimits=limits(2, MaxNumberOfTrainingJobs=3)))

    def end(job: Document) -> Document:
        store.update("training-job", "search-001-before", **ending(objective=3.0))
        return by_letter(job)

    one._training.end = end
    assert one.execute().outcome == "Completed"
    assert sorted(tried(store)) == ["a", "b", "c"] and len(one._ended) == 3


def test_a_training_job_that_was_deleted_is_not_waited_for(run, store):
    earlier(store, "a", "InProgress")
    one = run(tuning_job(ResourceLimits=limits(2)))

    def end(job: Document) -> Document:
        if job["TunedHyperParameters"]["letter"] == "b":
            store.delete("training-job", "search-001-before")
        return by_letter(job)

    one._training.end = end
    assert one.execute().outcome == "Completed" and one._objectives() == [LOSSES["b"], LOSSES["c"]]


def parent(store: Store, *letters: str) -> Document:
    """A tuning job that has ended, and the start of one that learns from it."""
    job = tuning_job(name="parent")
    store.insert("hyper-parameter-tuning-job", "parent", job)
    for letter in letters:
        earlier(store, letter, TuningJobArn=job["HyperParameterTuningJobArn"], CreationTime=1_000.0)
    return {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}]}


def test_a_warm_start_on_the_same_data_does_not_repeat_what_the_parent_tried(run, store):
    warm = {**parent(store, "a", "c"), "WarmStartType": "IdenticalDataAndAlgorithm"}
    one = run({**tuning_job(), "WarmStartConfig": warm})
    assert one.execute().outcome == "Completed"
    assert [job["TunedHyperParameters"]["letter"] for job in one._ended] == ["b"]


@pytest.mark.parametrize("count", [1, tuning.SUGGESTIONS, tuning.SUGGESTIONS + 1])
def test_transfer_learning_tries_the_parents_best_first(run, store, monkeypatch, count):
    words = [f"w{number}" for number in range(10)]
    for number, word in enumerate(words):
        monkeypatch.setitem(LOSSES, word, 10.0 - number)
    best = words[-count:]
    warm = {**parent(store, *best), "WarmStartType": "TransferLearning"}
    ranges = {"CategoricalParameterRanges": [{"Name": "letter", "Values": words}]}
    most = min(count, tuning.SUGGESTIONS)
    config = {"Strategy": "Random", "RandomSeed": 1, "ResourceLimits": limits(MaxNumberOfTrainingJobs=most)}
    one = run({**tuning_job(ParameterRanges=ranges, **config), "WarmStartConfig": warm})
    one.execute()
    assert [job["TunedHyperParameters"]["letter"] for job in one._ended] == best[::-1][:most]


def test_a_parent_that_was_deleted_teaches_nothing(run, store):
    assert tuning.parent_jobs(store, "none") == [] and tuning.parents(tuning_job()) == []
    warm = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "none"}]}
    assert run({**tuning_job(), "WarmStartConfig": warm}).execute().outcome == "Completed"
    assert tried(store) == ["a", "b", "c"]


def test_several_definitions_take_turns_and_draw_from_seeds_of_their_own(run, store):
    numbers = {"ContinuousParameterRanges": [{"Name": "letter", "MinValue": "0", "MaxValue": "1"}]}
    config = {
        "Strategy": "Random",
        "RandomSeed": 3,
        "ParameterRanges": numbers,
        "ResourceLimits": limits(MaxNumberOfTrainingJobs=4),
    }
    draws = []
    for name in ("once", "again"):
        job = tuning_job(name=name, **config)
        training = job.pop("TrainingJobDefinition")
        job["TrainingJobDefinitions"] = [{**training, "DefinitionName": one} for one in ("one", "two")]
        found = run(job, lambda job: ending(objective=1.0))
        found.execute()
        assert [one["TrainingJobDefinitionName"] for one in found._ended] == ["one", "two", "one", "two"]
        draws.append([one["TunedHyperParameters"]["letter"] for one in found._ended])
    assert draws[0] == draws[1] and len(set(draws[0])) == 4


def test_a_definition_that_has_nothing_left_leaves_its_turns_to_the_others(run, store):
    job = tuning_job()
    short = {"CategoricalParameterRanges": [{"Name": "letter", "Values": ["a"]}]}
    training = job.pop("TrainingJobDefinition")
    job["TrainingJobDefinitions"] = [
        {**training, "DefinitionName": "short", "HyperParameterRanges": short},
        {**training, "DefinitionName": "long"},
    ]
    one = run(job)
    assert one.execute().outcome == "Completed"
    assert [ended["TrainingJobDefinitionName"] for ended in one._ended] == ["short", "long", "long", "long"]


def reading_lines(logs: Logs, job: Document, *losses: float) -> None:
    writer = logs.writer(TRAINING_JOBS, f"{job['TrainingJobName']}/algo-1")
    for loss in losses:
        writer(f"loss={loss}")
    writer.close()


@pytest.mark.parametrize(
    ("kind", "secondary", "last", "earlier", "stopped"),
    [
        ("Auto", "Training", 9.0, "Completed", ["d"]),
        ("Auto", "Training", 0.1, "Completed", []),
        ("Auto", "Uploading", 9.0, "Completed", []),
        ("Off", "Training", 9.0, "Completed", []),
        ("Auto", "Training", 9.0, "Stopped", []),  # it is compared with completed jobs alone
    ],
)
def test_a_job_that_falls_behind_is_stopped_where_that_is_asked_for(
    run, store, logs, kind, secondary, last, earlier, stopped
):
    ranges = {"CategoricalParameterRanges": [{"Name": "letter", "Values": ["a", "b", "c", "d"]}]}
    one = run(tuning_job(ParameterRanges=ranges, TrainingJobEarlyStoppingType=kind))
    looked = []

    def end(job: Document) -> Document | None:
        if job["TunedHyperParameters"]["letter"] != "d":
            reading_lines(logs, job, 1.0, 0.5)
            return ending(earlier, LOSSES[job["TunedHyperParameters"]["letter"]])
        reading_lines(logs, job, 1.0, last)
        return {"TrainingJobStatus": "InProgress", "SecondaryStatus": secondary}

    falls_behind = one._falls_behind

    def look(job: Document) -> bool:
        found = falls_behind(job)
        looked.append(found)
        if not found:  # it has been looked at, and ends by itself
            store.update("training-job", job["TrainingJobName"], **ending(objective=last))
        return found

    one._training.end, one._falls_behind = end, look
    assert one.execute().outcome == "Completed"
    assert one._training.stopped == stopped and looked


def test_hyperband_stops_a_job_that_has_had_its_share(run, store, logs):
    numbers = {"ContinuousParameterRanges": [{"Name": "letter", "MinValue": "0", "MaxValue": "1"}]}
    share = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 3}}
    config = {"Strategy": "Hyperband", "StrategyConfig": share, "RandomSeed": 1, "ParameterRanges": numbers}
    one = run(tuning_job(ResourceLimits=limits(MaxNumberOfTrainingJobs=1), **config))
    one._training.end = lambda job: reading_lines(logs, job, 1.0, 0.9, 0.8)
    one._training.stop = lambda name: store.update("training-job", name, **ending("Stopped", 0.8))
    assert one.execute().outcome == "Completed" and one._objectives() == [0.8]


def test_a_search_without_a_limit_ends_after_750_jobs_as_at_aws(run, store):
    one = run(tuning_job())
    one._begin_searches()
    one._ended, one._running = [{}] * 748, {"a": 1}
    assert one._may_start()
    one._running["b"] = 2
    assert not one._may_start()


def test_as_many_searches_run_at_a_time_as_at_aws_with_one_queue(store, logs):
    training = Training(store, logs, by_letter)
    jobs = tuning.TuningJobs(store, training)
    one = jobs.new_run(tuning_job())
    assert tuning.MAX_TUNING_JOBS == 100
    assert one._training is training and one._queue is jobs._queue and jobs._queue._limit == 100


def test_the_image_of_these_tests_names_its_objective():
    assert training_definition()["AlgorithmSpecification"] is OWN_IMAGE
