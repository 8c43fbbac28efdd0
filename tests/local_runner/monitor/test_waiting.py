"""What a program on a kept server is told of jobs that wait: for whom, once, and nothing of what does not concern it."""

from __future__ import annotations

from contextlib import closing

import pytest

from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.monitor.waiting import WaitingJobs
from wildsage.local_runner.settings import ServerSettings

NOW = 1_700_000_000.0
ARN = "arn:aws:sagemaker:us-east-1:000000000000"
TUNER = f"{ARN}:hyper-parameter-tuning-job/search"


def training(name: str, secondary: str = "Training", **fields) -> tuple[str, str, dict]:
    document = {
        "TrainingJobName": name,
        "TrainingJobArn": f"{ARN}:training-job/{name}",
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": secondary,
        "CreationTime": NOW,
        **fields,
    }
    return "training-job", name, document


def tuning(name: str = "search") -> tuple[str, str, dict]:
    document = {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobArn": TUNER,
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": NOW,
    }
    return "hyper-parameter-tuning-job", name, document


def transform(name: str, **fields) -> tuple[str, str, dict]:
    document = {
        "TransformJobName": name,
        "TransformJobArn": f"{ARN}:transform-job/{name}",
        "TransformJobStatus": "InProgress",
        "CreationTime": NOW,
        **fields,
    }
    return "transform-job", name, document


@pytest.fixture
def store(tmp_path):
    folder = ServerSettings(tmp_path).region("us-east-1")
    folder.path.mkdir(parents=True)
    with closing(Store(folder.state)) as store:
        yield store


@pytest.fixture
def jobs(tmp_path, store):
    with closing(Overview(tmp_path)) as overview:
        yield lambda: WaitingJobs(overview, " --data ./aws")


def test_a_job_waits_for_the_tuning_job_of_another_program(store, jobs):
    store.insert(*tuning())
    store.insert(*training("search-1", TuningJobArn=TUNER))
    waiting = jobs()
    (already,) = waiting.running()
    assert already.startswith("Running on this server already: tuning job search.")
    assert "`wildsage stop search --data ./aws` ends it" in already
    assert waiting.new() == []
    store.insert(*training("Mine", "Pending"))
    store.insert(*transform("mine-too", Waits=True, CreationTime=NOW + 1))
    store.insert(*training("search-2", "Pending", TuningJobArn=TUNER))
    (said,) = waiting.new()
    assert said.startswith("Training job Mine, transform job mine-too wait for tuning job search.")
    store.insert(*training("search-3", "Pending", TuningJobArn=TUNER))
    assert waiting.new() == [], "what was told, and other programs' jobs, are not told"


def test_the_jobs_of_one_tuning_job_wait_for_each_other_without_a_word(store, jobs):
    waiting = jobs()
    assert waiting.running() == []
    store.insert(*tuning())
    store.insert(*training("search-1", TuningJobArn=TUNER))
    store.insert(*training("search-2", "Pending", TuningJobArn=TUNER))
    assert waiting.new() == []
    store.insert(*transform("other"))
    store.insert(*training("search-3", "Pending", TuningJobArn=TUNER))
    (said,) = waiting.new()
    assert "wait for transform job other. `wildsage stop other --data ./aws` ends it." in said


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (1, "training job a"),
        (4, "training job a, training job b, training job c, training job d"),
        (5, "training job a, training job b, training job c, training job d and 1 more"),
        (6, "training job a, training job b, training job c, training job d and 2 more"),
    ],
)
def test_at_most_four_jobs_are_named_the_first_created_first_and_that_one_may_be_stopped(store, jobs, count, named):
    for place, name in enumerate("abcdef"[:count]):
        store.insert(*training(name, CreationTime=NOW + place))
    waiting = jobs()
    assert waiting.running() == [f"Running on this server already: {named}. `wildsage stop a --data ./aws` ends it."]
    store.insert(*training("mine", "Pending", CreationTime=NOW + 9))
    (said,) = waiting.new()
    assert said.startswith(f"Training job mine waits for {named}. `wildsage stop a --data ./aws` ends it.")


def test_of_jobs_and_a_tuning_job_the_tuning_job_is_the_one_to_stop(store, jobs):
    store.insert(*training("alone", CreationTime=NOW - 1))
    store.insert(*tuning())
    store.insert(*training("search-1", TuningJobArn=TUNER))
    waiting = jobs()
    store.insert(*training("mine", "Pending", CreationTime=NOW + 9))
    (said,) = waiting.new()
    assert "waits for training job alone, tuning job search. A tuning job continues when" in said
    assert "`wildsage stop search --data ./aws` ends it." in said
