"""Every algorithm through the door of its container: it trains, saves, is recognised, answers, and can be tuned."""

from __future__ import annotations

import importlib
import io
import json

import pytest
import torch

from wildsage import algorithms
from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.errors import UserError
from wildsage.containers import codecs
from wildsage.containers.codecs.records import files
from wildsage.containers.describe import describe
from wildsage.containers.model_files import artifact
from wildsage.containers.serving import payloads
from wildsage.containers.serving.handler import Handler, HttpRequest
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.logs import LogEvent

NAMES = algorithms.on_the_toolkit()
CONTENT_TYPES = [(name, media_type) for name in NAMES for media_type in algorithms.spec(name).content_types]
ROWS = 3


def case_of(name):
    return importlib.import_module(f"wildsage.algorithms.{name}.conformance").CASE


def first_type(name):
    return algorithms.find(name).spec.content_types[0]


@pytest.mark.parametrize(("name", "content_type"), CONTENT_TYPES)
def test_trains_from_every_content_type_to_its_floor(name, content_type, trained):
    case = case_of(name)
    if content_type in case.other_types:
        pytest.skip(f"{name}: {case.other_types[content_type]}")
    job = trained(name, content_type)
    assert job.status == 0, f"{job.failure}\n{job.log}"
    _, model = artifact.load(job.opt_ml.model, name)
    assert case.quality(model, case.rows()) >= case.floor


def test_its_model_is_recognised_without_a_name(name, case, trained):
    folder = trained(name, first_type(name)).opt_ml.model
    try:
        kind, model = artifact.load(folder)
    except UserError as error:
        pytest.fail(
            f"{error}\nGive the arrays of {name} names that no other algorithm has (Model.array_names, named = True), "
            "or a layout of its own."
        )
    assert kind is algorithms.find(name)
    _, named = artifact.load(folder, name)
    for array, again in zip(named.arrays().values(), model.arrays().values(), strict=True):
        assert torch.equal(array, again)


def test_no_other_algorithm_takes_its_model(name, case, trained):
    folder = trained(name, first_type(name)).opt_ml.model
    for other in NAMES:
        if other != name:
            with pytest.raises(UserError):
                artifact.load(folder, other)


@pytest.fixture
def handler(name, case, trained) -> Handler:
    kind, model = artifact.load(trained(name, first_type(name)).opt_ml.model)
    return Handler(model, kind.spec)


def rows_in(accept, body, key) -> int:
    """How many rows an answer has."""
    match accept:
        case codecs.JSON:
            document = json.loads(body)
            return len(document[key] if isinstance(document, dict) else document)
        case codecs.RECORDIO_PROTOBUF:
            return len(files.read_records(io.BytesIO(body)))
        case _:
            return len(body.splitlines())


def test_answers_every_row_in_every_format(name, case, handler, requests):
    bodies = requests(name, ROWS)
    for accept in payloads.find(handler.spec.data).ANSWER_TYPES:
        answers = {}
        for content_type, body in bodies.items():
            answer = handler.invocations(HttpRequest(body, content_type, accept))
            assert (answer.status, answer.content_type) == (200, accept), answer.body
            assert rows_in(accept, answer.body, handler.spec.response.key) == ROWS
            answers[content_type] = answer.body
        assert len(set(answers.values())) == 1, f"the same rows are answered otherwise: {answers}"


def test_the_answer_in_json_has_the_declared_columns(name, case, handler, requests):
    if handler.spec.data != "rows":
        pytest.skip(f"{name}: its codec of {handler.spec.data} writes a document of its own")
    content_type, body = next(iter(requests(name, ROWS).items()))
    answer = json.loads(handler.invocations(HttpRequest(body, content_type)).body)
    assert list(answer) == [handler.spec.response.key]
    assert [set(row) for row in answer[handler.spec.response.key]] == [set(handler.spec.response.columns)] * ROWS


def test_its_metrics_are_found_in_its_log(name, case, trained):
    """With the definitions that the local AWS attaches to its jobs, so that a job can be tuned on them."""
    (said,) = (entry for entry in describe() if entry["name"] == algorithms.spec(name).image)
    log = [LogEvent(0, line, 0) for line in trained(name, first_type(name)).log.splitlines()]
    wanted = [{"Name": metric, "Regex": regex} for metric, regex in said["metric_definitions"].items()]
    found = {reading.name for reading in metrics.scrape(log, wanted)}
    quality = {metric for metric in said["metric_definitions"] if metric.startswith(("test:", "validation:"))}
    assert found & quality or not quality, (
        f"none of {sorted(quality)} is in the log of a job with a channel of test data"
    )
    assert found >= {"train:progress", "train:throughput"} & said["metric_definitions"].keys()


def test_a_tuning_job_can_send_what_it_sends(name, case):
    """Both ends of every tunable range, as strings, and the metric to tune for."""
    kind = algorithms.find(name)
    tunable = {key: one.tunable for key, (_, one) in hyperparameters.declarations(kind).items() if one.tunable}
    ends = [(key, str(value)) for key, values in tunable.items() for value in values]
    hyperparameters.check(kind, [*ends, ("_tuning_objective_metric", "test:any")], kind.internal_settings())


@pytest.mark.parametrize("name", algorithms.names())
def test_its_names_are_its_own(name):
    spec = algorithms.spec(name)
    assert spec.image == name.replace("_", "-"), "Spec.image is the folder's name with hyphens; other names are aliases"
    others = {
        other: {algorithms.spec(other).image, *algorithms.spec(other).aliases}
        for other in algorithms.names()
        if other != name
    }
    taken = {other for other, names in others.items() if names & {spec.image, *spec.aliases}}
    assert not taken, f"{', '.join(taken)} has an image of the same name"


def test_every_exemption_names_a_check_of_this_suite(name, suite):
    case = case_of(name)
    assert {f"test_{check}" for check in case.exempt} <= suite
    assert set(case.other_types) <= set(algorithms.spec(name).content_types)
