"""Transform, processing and tuning jobs as they are stored, and the requests that could not run; nothing is run."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from wildsage.local_runner.jobs.processing.job import KIND as PROCESSING
from wildsage.local_runner.jobs.states import JobKind
from wildsage.local_runner.jobs.training.states import KIND as TRAINING
from wildsage.local_runner.jobs.transform.job import KIND as TRANSFORM
from wildsage.local_runner.jobs.tuning.definition import OBJECTIVE
from wildsage.local_runner.jobs.tuning.job import KIND as TUNING
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import (
    processing_jobs,
    resources,
    training_jobs,
    transform_jobs,
    tuning_jobs,
)
from wildsage.local_runner.operations.sagemaker.models import KIND as MODEL
from wildsage.local_runner.wire.errors import AwsError

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ARN = "arn:aws:sagemaker:us-east-1:000000000000:"


class Runner:
    """Stores jobs without running them."""

    def __init__(self, kind: JobKind, store: Any) -> None:
        self.kind, self._store = kind, store

    def start(self, job: dict) -> None:
        self._store.insert(self.kind.name, job[self.kind.name_field], {**job, self.kind.status_field: "InProgress"})

    def wait(self, name: str, timeout_s: float) -> None:
        self._store.update(self.kind.name, name, **{self.kind.status_field: "Completed"})

    def stop(self, name: str) -> None:
        self._store.update(self.kind.name, name, **{self.kind.status_field: "Stopping"})


@pytest.fixture
def requests(context) -> RequestContext:
    """A view whose jobs are stored only, with a plain model m and a multi-model container's n."""
    store = context.services.store
    kinds = {"transforms": TRANSFORM, "processing": PROCESSING, "tuning": TUNING, "training": TRAINING}
    view = RequestContext(replace(context.services, **{name: Runner(kind, store) for name, kind in kinds.items()}))
    for name, mode in (("m", "SingleModel"), ("n", "MultiModel")):
        container = {"Image": IMAGE, "Mode": mode}
        model = {"ModelName": name, "EnableNetworkIsolation": False, "PrimaryContainer": container}
        resources.create(view, MODEL, model)
    return view


def rejection(call: Any, context: RequestContext, request: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        call(context, request)
    return caught.value.code, str(caught.value)


# Batch transform


def transform(
    source: dict | None = None, given: dict | None = None, answers: dict | None = None, **fields: Any
) -> dict:
    data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in", **(source or {})}}
    return {
        "TransformJobName": "t",
        "ModelName": "m",
        "TransformInput": {"DataSource": data, "ContentType": "text/csv", **(given or {})},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out", **(answers or {})},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **fields,
    }


def machines(count: int) -> dict[str, Any]:
    return {"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": count}}


def test_a_transform_job_shows_the_defaults_of_what_was_not_given(requests):
    given = transform(Tags=[{"Key": "a", "Value": "b"}])
    assert transform_jobs.create_transform_job(requests, given) == {"TransformJobArn": f"{ARN}transform-job/t"}
    found = transform_jobs.describe_transform_job(requests, {"TransformJobName": "t"})
    assert found["TransformInput"].items() >= {"CompressionType": "None", "SplitType": "None"}.items()
    assert found["TransformOutput"].items() >= {"AssembleWith": "None", "KmsKeyId": ""}.items()
    assert found["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert [one["Name"] for one in found["Containers"]] == ["primary"] and "Tags" not in found
    assert rejection(transform_jobs.create_transform_job, requests, given)[0] == "ResourceInUse"
    transform_jobs.stop_transform_job(requests, {"TransformJobName": "t"})
    (listed,) = transform_jobs.list_transform_jobs(requests, {})["TransformJobSummaries"]
    assert listed["TransformJobStatus"] == "Stopping"
    missing = ("ResourceNotFound", 'Could not find requested job with name: "x".')
    assert rejection(transform_jobs.describe_transform_job, requests, {"TransformJobName": "x"}) == missing


JOIN = {"DataProcessing": {"JoinSource": "Input"}}


@pytest.mark.parametrize(
    "request_",
    [
        transform({"S3DataType": "ManifestFile", "S3Uri": "s3://absent/m"}),
        transform(**machines(100)),
        transform(DataProcessing={"InputFilter": "$[1:]", "OutputFilter": "$", "JoinSource": "None"}),
        transform(given={"ContentType": "application/x-image"}),
        transform(answers={"Accept": "application/json"}),
        transform(answers={"Accept": "text/csv"}, **JOIN),
        transform(given={"ContentType": "application/json"}, answers={"Accept": "application/jsonlines"}, **JOIN),
        transform(**JOIN),
    ],
)
def test_a_transform_job_that_can_run_is_accepted(requests, request_):
    assert transform_jobs.create_transform_job(requests, request_)


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (transform(given={"DataSource": {}}), "ValidationException", "TransformInput.DataSource needs an S3DataSource"),
        (transform({"S3DataType": "AugmentedManifestFile"}), "ValidationException", "AugmentedManifestFile is not"),
        (transform(**machines(101)), "ResourceLimitExceeded", "'ml.m5.large for transform job usage' is 100"),
        (transform({"S3Uri": "http://x"}), "ValidationException", "http://x"),
        (transform(answers={"S3OutputPath": "s3://absent/x"}), "ValidationException", "S3OutputPath s3://absent/x"),
        (transform(ModelName="x"), "ValidationException", "Could not find model"),
        (transform(ModelName="n"), "ValidationException", "a multi-model container, which batch transform"),
        (transform(DataProcessing={"InputFilter": "1:"}), "ValidationException", "DataProcessing: got '1:'"),
        (
            transform(given={"ContentType": "application/x-image"}, DataProcessing={"InputFilter": "$[1:]"}),
            "ValidationException",
            "TransformInput.ContentType is application/x-image, expected text/csv, application/json",
        ),
        (
            transform(answers={"Accept": "image/png"}, DataProcessing={"OutputFilter": "$[0]"}),
            "ValidationException",
            "TransformOutput.Accept is image/png, expected",
        ),
        (
            transform(answers={"Accept": "application/json"}, **JOIN),
            "ValidationException",
            "JoinSource Input needs answers of the same type as the records, got application/json for text/csv",
        ),
        (
            transform(given={"ContentType": "application/json"}, answers={"Accept": "text/csv"}, **JOIN),
            "ValidationException",
            "got text/csv for application/json",
        ),
    ],
)
def test_a_transform_job_that_cannot_run_is_rejected(requests, request_, code, words):
    found = rejection(transform_jobs.create_transform_job, requests, request_)
    assert found[0] == code and words in found[1]
    assert transform_jobs.list_transform_jobs(requests, {})["TransformJobSummaries"] == []


# Processing


def processing(command: tuple[str, ...] | None = ("true",), count: int = 1, image: str = "any", **fields: Any) -> dict:
    application = {"ImageUri": image, **({"ContainerEntrypoint": list(command)} if command else {})}
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1}
    return {
        "ProcessingJobName": "p",
        "AppSpecification": application,
        "ProcessingResources": {"ClusterConfig": cluster},
        **fields,
    }


def read(**fields: Any) -> dict[str, Any]:
    place = {"S3Uri": "s3://absent/in", "LocalPath": "/opt/ml/processing/in", **fields}
    return {"ProcessingInputs": [{"InputName": "i", "S3Input": place}]}


def written(**fields: Any) -> dict[str, Any]:
    place = {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob", **fields}
    return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": place}]}}


def test_a_processing_job_shows_the_defaults_of_what_was_not_given(requests):
    made = processing_jobs.create_processing_job(requests, processing())
    assert made == {"ProcessingJobArn": f"{ARN}processing-job/p"}
    found = processing_jobs.describe_processing_job(requests, {"ProcessingJobName": "p"})
    assert (found["ProcessingInputs"], found["ProcessingOutputConfig"]) == ([], {"Outputs": []})
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    delete = processing_jobs.delete_processing_job
    assert rejection(delete, requests, {"ProcessingJobName": "p"})[0] == "ResourceInUse"
    processing_jobs.stop_processing_job(requests, {"ProcessingJobName": "p"})
    (listed,) = processing_jobs.list_processing_jobs(requests, {})["ProcessingJobSummaries"]
    assert listed["ProcessingJobStatus"] == "Stopping"
    ended = {"ProcessingJobStatus": "Failed", "ExitMessage": "bye", "FailureReason": "why"}
    requests.services.store.update(PROCESSING.name, "p", **ended)
    (listed,) = processing_jobs.list_processing_jobs(requests, {})["ProcessingJobSummaries"]
    assert listed.items() >= ended.items()
    delete(requests, {"ProcessingJobName": "p"})
    missing = ("ResourceNotFound", 'Could not find requested job with name: "p".')
    assert rejection(delete, requests, {"ProcessingJobName": "p"}) == missing


@pytest.mark.parametrize(
    "request_",
    [
        processing(count=100),
        processing(**read(S3InputMode="File", S3CompressionType="None"), **written()),
        processing(ProcessingInputs=[{"InputName": "i"}], ProcessingOutputConfig={"Outputs": [{"OutputName": "o"}]}),
    ],
)
def test_a_processing_job_that_can_run_is_accepted(requests, request_):
    assert processing_jobs.create_processing_job(requests, request_)


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (processing(None), "ValidationException", "AppSpecification.ContainerEntrypoint is required without Docker"),
        (processing(count=101), "ResourceLimitExceeded", "'ml.m5.large for processing job usage' is 100"),
        (
            processing(**read(LocalPath="/tmp/x")),
            "ValidationException",
            "Input i: LocalPath is '/tmp/x', expected a path",
        ),
        (processing(**read(S3Uri="http://x")), "ValidationException", "http://x"),
        (processing(**read(S3InputMode="Pipe")), "ValidationException", "Input i: S3InputMode Pipe and"),
        (processing(**read(S3CompressionType="Gzip")), "ValidationException", "S3CompressionType Gzip are not"),
        (processing(**written(S3Uri="s3://absent/o")), "ValidationException", "Output o s3://absent/o: the bucket"),
        (processing(**written(LocalPath="/opt/ml/../x")), "ValidationException", "Output o: LocalPath is"),
    ],
)
def test_a_processing_job_that_cannot_run_is_rejected(requests, request_, code, words):
    found = rejection(processing_jobs.create_processing_job, requests, request_)
    assert found[0] == code and words in found[1]
    assert processing_jobs.list_processing_jobs(requests, {})["ProcessingJobSummaries"] == []


# Tuning and training

LOSS = {"Type": "Minimize", "MetricName": "loss"}


def definition(objective: dict[str, str] = LOSS, **fields: Any) -> dict[str, Any]:
    metric = [{"Name": "loss", "Regex": "loss=(.*)"}]
    return {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": metric},
        "StaticHyperParameters": {"k": "2", "feature_dim": "2"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **fields,
    }


def tuning(values: tuple[str, ...] = ("1", "2", "3"), strategy: str = "Random", **limits: int) -> dict[str, Any]:
    ranges = {"CategoricalParameterRanges": [{"Name": "epochs", "Values": list(values)}]}
    return {
        "HyperParameterTuningJobName": "h",
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": LOSS,
            "ResourceLimits": {"MaxParallelTrainingJobs": 1, **limits},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": definition(),
    }


def searching(ranges: dict[str, Any], strategy: str = "Random") -> dict[str, Any]:
    request = tuning(strategy=strategy, MaxNumberOfTrainingJobs=1)
    request["HyperParameterTuningJobConfig"]["ParameterRanges"] = ranges
    return request


CREATE = tuning_jobs.create_hyper_parameter_tuning_job
WHOLE = {"Name": "epochs", "MinValue": "1", "MaxValue": "2"}


@pytest.mark.parametrize(
    "request_",
    [
        tuning(MaxNumberOfTrainingJobs=1),
        tuning(MaxNumberOfTrainingJobs=3),
        tuning(MaxRuntimeInSeconds=60),
        tuning(strategy="Grid"),
        tuning(strategy="Grid", MaxNumberOfTrainingJobs=3),
    ],
)
def test_a_search_that_ends_is_accepted(requests, monkeypatch, request_):
    monkeypatch.setattr(tuning_jobs.hyperparameter_check, "rejection", lambda *_: "")
    assert CREATE(requests, request_) == {"HyperParameterTuningJobArn": f"{ARN}hyper-parameter-tuning-job/h"}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (tuning(MaxNumberOfTrainingJobs=4), "hyperparameter combinations for the provided ranges [3.0]"),
        (tuning(), "ResourceLimits needs MaxNumberOfTrainingJobs or MaxRuntimeInSeconds"),
        (tuning(strategy="Grid", MaxNumberOfTrainingJobs=2), "MaxNumberOfTrainingJobs is 2, but the grid has 3"),
        (tuning(strategy="Grid", MaxNumberOfTrainingJobs=4), "MaxNumberOfTrainingJobs is 4, but the grid has 3"),
        (searching({"IntegerParameterRanges": [WHOLE]}, "Grid"), "Strategy Grid takes categorical ranges only; epochs"),
        (searching({"IntegerParameterRanges": [WHOLE | {"MinValue": "3"}]}), "the range from 3 to 2 is empty"),
        (searching({}), "No hyperparameter has a range"),
        (tuning(strategy="Hyperband", MaxNumberOfTrainingJobs=1), "Strategy Hyperband needs MaxResource"),
    ],
)
def test_a_search_that_does_not_end_or_has_too_little_to_try_is_rejected(requests, request_, words):
    code, text = rejection(CREATE, requests, request_)
    assert code == "ValidationException" and words in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ResourceConfig": {"InstanceCount": 1, "VolumeSizeInGB": 1}}, "ResourceConfig needs an InstanceType"),
        (
            {"OutputDataConfig": {"S3OutputPath": "s3://absent/out"}},
            "s3://absent/out: the bucket absent does not exist",
        ),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_what_a_search_trains_keeps_the_rules_of_training_jobs(requests, monkeypatch, fields, words, several):
    monkeypatch.setattr(tuning_jobs.hyperparameter_check, "rejection", lambda *_: "")
    request = tuning(MaxNumberOfTrainingJobs=1) | {"TrainingJobDefinition": definition(**fields)}
    if several:
        config = request["HyperParameterTuningJobConfig"]
        of_each = {"TuningObjective": config.pop("HyperParameterTuningJobObjective")}
        of_each["HyperParameterRanges"] = config.pop("ParameterRanges")
        found = [request.pop("TrainingJobDefinition") | of_each, definition() | of_each]
        request["TrainingJobDefinitions"] = [one | {"DefinitionName": f"d{n}"} for n, one in enumerate(found)]
    code, text = rejection(CREATE, requests, request)
    assert code == "ValidationException" and words in text


@pytest.mark.parametrize(("types", "rejected"), [(("Minimize", "Minimize"), False), (("Minimize", "Maximize"), True)])
def test_the_objectives_of_a_search_are_of_one_type(requests, monkeypatch, types, rejected):
    monkeypatch.setattr(tuning_jobs.hyperparameter_check, "rejection", lambda *_: "")
    request = tuning(MaxNumberOfTrainingJobs=1)
    config = request["HyperParameterTuningJobConfig"]
    ranges = config.pop("ParameterRanges")
    del config["HyperParameterTuningJobObjective"], request["TrainingJobDefinition"]
    request["TrainingJobDefinitions"] = [
        definition(DefinitionName=f"d{n}", TuningObjective=LOSS | {"Type": kind}, HyperParameterRanges=ranges)
        for n, kind in enumerate(types)
    ]
    if rejected:
        assert "must be of the same type: all Maximize or all Minimize" in rejection(CREATE, requests, request)[1]
    else:
        assert CREATE(requests, request)


def test_ranges_that_the_algorithm_rejects_are_rejected(requests, monkeypatch):
    monkeypatch.setattr(tuning_jobs.hyperparameter_check, "rejection", lambda *_: "epochs:\n  got x")
    _, text = rejection(CREATE, requests, tuning(MaxNumberOfTrainingJobs=1))
    assert text == f"The hyperparameter ranges aren't valid for the [{IMAGE}] algorithm. epochs: got x"


def trained(context: RequestContext, number: int, value: float | None, tuner: str = "h", **fields: Any) -> None:
    """A training job of a tuning job that has ended with an objective, or without one."""
    metrics = [] if value is None else [{"MetricName": OBJECTIVE, "Value": value, "Timestamp": 1.0}]
    name = f"{tuner}-{number}"
    job = {
        "TrainingJobName": name,
        "TrainingJobArn": f"{ARN}training-job/{name}",
        "TrainingJobStatus": "Completed",
        "TrainingJobDefinitionName": "",
        "TuningJobArn": f"{ARN}hyper-parameter-tuning-job/{tuner}",
        "TuningObjective": LOSS,
        "FinalMetricDataList": metrics,
        "CreationTime": 10.0 + number,
        "ResourceConfig": {"InstanceCount": 1},
        **fields,
    }
    context.services.store.insert(TRAINING.name, name, job)


def searched(context: RequestContext, name: str = "h", status: str = "Completed", **fields: Any) -> None:
    config = {"Strategy": "Random", "ResourceLimits": {"MaxParallelTrainingJobs": 1}}
    job = {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobArn": f"{ARN}hyper-parameter-tuning-job/{name}",
        "HyperParameterTuningJobStatus": status,
        "HyperParameterTuningJobConfig": config,
        "CreationTime": 1.0,
        **fields,
    }
    context.services.store.insert(TUNING.name, name, job)


def test_a_search_shows_its_best_job_and_sorts_by_the_objective(requests):
    searched(requests)
    for number, value in enumerate((3.0, None, 1.0, 2.0)):
        trained(requests, number, value)
    found = tuning_jobs.describe_hyper_parameter_tuning_job(requests, {"HyperParameterTuningJobName": "h"})
    assert found["BestTrainingJob"]["TrainingJobName"] == "h-2" and "OverallBestTrainingJob" not in found
    listed = tuning_jobs.list_training_jobs_for_hyper_parameter_tuning_job

    def names(**order: Any) -> list[str]:
        jobs = listed(requests, {"HyperParameterTuningJobName": "h", **order})["TrainingJobSummaries"]
        return [one["TrainingJobName"][-1] for one in jobs]

    by_value = {"SortBy": "FinalObjectiveMetricValue"}
    assert names() == ["0", "1", "2", "3"]
    assert names(**by_value) == names(**by_value, SortOrder="Ascending") == ["2", "3", "0", "1"]
    assert names(**by_value, SortOrder="Descending") == ["0", "3", "2", "1"]
    assert names(**by_value, StatusEquals="Failed") == []


@pytest.mark.parametrize(
    ("kind", "best"), [("IdenticalDataAndAlgorithm", ("parent-0", "parent")), ("TransferLearning", None)]
)
def test_the_best_job_of_all_is_a_parents_where_data_and_algorithm_are_the_same(requests, kind, best):
    searched(requests, "parent")
    trained(requests, 0, 0.5, "parent")
    parent = [{"HyperParameterTuningJobName": "parent"}]
    searched(requests, WarmStartConfig={"WarmStartType": kind, "ParentHyperParameterTuningJobs": parent})
    trained(requests, 1, 1.0)
    found = tuning_jobs.describe_hyper_parameter_tuning_job(requests, {"HyperParameterTuningJobName": "h"})
    assert found["BestTrainingJob"]["TrainingJobName"] == "h-1"
    overall = found.get("OverallBestTrainingJob")
    assert (overall and (overall["TrainingJobName"], overall["TuningJobName"])) == best


def test_a_search_that_has_ended_is_deleted_and_one_that_does_not_exist_is_no_error(requests):
    searched(requests, "runs", "InProgress")
    searched(requests)
    delete, named = tuning_jobs.delete_hyper_parameter_tuning_job, "HyperParameterTuningJobName"
    resources.save_tags(requests, f"{ARN}hyper-parameter-tuning-job/h", {})
    assert rejection(delete, requests, {named: "runs"})[0] == "ResourceInUse"
    delete(requests, {named: "h"})
    delete(requests, {named: "h"})
    missing = ("ResourceNotFound", "Amazon SageMaker can't find a tuning job named [h].")
    assert rejection(tuning_jobs.describe_hyper_parameter_tuning_job, requests, {named: "h"}) == missing
    tuning_jobs.stop_hyper_parameter_tuning_job(requests, {named: "runs"})
    shown = tuning_jobs.list_hyper_parameter_tuning_jobs(requests, {})["HyperParameterTuningJobSummaries"]
    assert [one["HyperParameterTuningJobStatus"] for one in shown] == ["Stopping"]


def test_a_training_job_that_can_run_is_stored_and_started(requests):
    request = definition(TrainingJobName="one", Tags=[{"Key": "a", "Value": "b"}])
    del request["StaticHyperParameters"]
    code, text = rejection(
        training_jobs.create_training_job, requests, request | {"OutputDataConfig": {"S3OutputPath": "s3://absent/o"}}
    )
    assert code == "ValidationException" and "the bucket absent does not exist" in text
    before = time.time()
    assert training_jobs.create_training_job(requests, request) == {"TrainingJobArn": f"{ARN}training-job/one"}
    found = training_jobs.describe_training_job(requests, {"TrainingJobName": "one"})
    assert (found["TrainingJobStatus"], found["TrainingJobArn"]) == ("InProgress", f"{ARN}training-job/one")
    assert before <= found["CreationTime"] <= time.time() and "Tags" not in found
    taken = rejection(training_jobs.create_training_job, requests, request)
    assert taken[0] == "ResourceInUse"
    (listed,) = training_jobs.list_training_jobs(requests, {})["TrainingJobSummaries"]
    assert (listed["TrainingJobName"], listed["TrainingJobStatus"]) == ("one", "InProgress")


def test_a_training_job_is_changed_while_it_runs_and_deleted_when_it_has_ended(requests):
    named = {"TrainingJobName": "h-1"}
    missing = ("ValidationException", "Requested resource not found.")
    assert rejection(training_jobs.describe_training_job, requests, named) == missing
    trained(requests, 1, None, TrainingJobStatus="InProgress", LastModifiedTime=1.0)
    resources.save_tags(requests, f"{ARN}training-job/h-1", {})
    kept = {"ResourceConfig": {"KeepAlivePeriodInSeconds": 60}, "RemoteDebugConfig": {"EnableRemoteDebug": True}}
    assert training_jobs.update_training_job(requests, {**named, **kept}) == {
        "TrainingJobArn": f"{ARN}training-job/h-1"
    }
    found = training_jobs.describe_training_job(requests, named)
    assert found["ResourceConfig"] == {"InstanceCount": 1, "KeepAlivePeriodInSeconds": 60}
    assert found["RemoteDebugConfig"] == {"EnableRemoteDebug": True} and found["LastModifiedTime"] > 1.0
    assert rejection(training_jobs.delete_training_job, requests, named)[0] == "ResourceInUse"
    requests.services.store.update(TRAINING.name, "h-1", TrainingJobStatus="Stopped")
    assert rejection(training_jobs.update_training_job, requests, named)[0] == "ValidationException"
    assert rejection(training_jobs.stop_training_job, requests, named)[0] == "ValidationException"
    training_jobs.delete_training_job(requests, named)
    assert rejection(training_jobs.describe_training_job, requests, named) == missing


@pytest.mark.parametrize(("user_agent", "held"), [("AWS-SageMaker-Python-SDK/2.1", True), ("Boto3", False)])
def test_a_description_that_was_held_shows_what_the_job_is_then(requests, user_agent, held):
    view = RequestContext(requests.services, user_agent=user_agent)
    transform_jobs.create_transform_job(view, transform())
    trained(view, 1, None, TrainingJobStatus="InProgress")
    shown = transform_jobs.describe_transform_job(view, {"TransformJobName": "t"})["TransformJobStatus"]
    found = training_jobs.describe_training_job(view, {"TrainingJobName": "h-1"})["TrainingJobStatus"]
    assert shown == found == ("Completed" if held else "InProgress")


def test_a_search_learns_from_parents_that_have_ended(requests, monkeypatch):
    monkeypatch.setattr(tuning_jobs.hyperparameter_check, "rejection", lambda *_: "")
    parent = tuning(MaxNumberOfTrainingJobs=1) | {"HyperParameterTuningJobName": "parent"}
    warm = {
        "WarmStartType": "TransferLearning",
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
    }
    request = tuning(MaxNumberOfTrainingJobs=1) | {"WarmStartConfig": warm}
    assert rejection(CREATE, requests, request)[0] == "ResourceNotFound"
    CREATE(requests, parent)
    assert rejection(CREATE, requests, request)[1] == "Parent tuning job parent is InProgress. Wait for its end."
    requests.services.store.update(TUNING.name, "parent", HyperParameterTuningJobStatus="Stopped")
    other = tuning(MaxNumberOfTrainingJobs=1) | {"WarmStartConfig": warm}
    other["TrainingJobDefinition"] = definition(StaticHyperParameters={"k": "2"})
    assert "The total number of static and tunable hyperparameters" in rejection(CREATE, requests, other)[1]
    assert CREATE(requests, request)
