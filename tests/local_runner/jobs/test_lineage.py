"""What jobs and endpoints leave in the store for those who trace results."""

from __future__ import annotations

import statistics
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.local_runner.jobs import lineage
from wildsage.local_runner.jobs.states import JobKind
from wildsage.local_runner.jobs.store import TAGS, Document, Store

ANY_ARN = "arn:aws:sagemaker:us-east-1:000000000000"
TRAINING = JobKind("training-job", "TrainingJob", "training job")
TRANSFORM = JobKind("transform-job", "TransformJob", "transform job")
PROCESSING = JobKind("processing-job", "ProcessingJob", "processing job")
TUNING = JobKind("hyper-parameter-tuning-job", "HyperParameterTuningJob", "tuning job")
MODEL = "s3://bucket/models/a/output/model.tar.gz"


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / "state")) as store:
        yield store


def common(kind: JobKind, status: str, **fields: object) -> Document:
    arn = f"{ANY_ARN}:{kind.name}/a"
    return {kind.name_field: "A", kind.arn_field: arn, kind.status_field: status, "CreationTime": 1.0, **fields}


def training(status: str = "InProgress", **fields: object) -> Document:
    channels = [
        {
            "ChannelName": "train",
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/train"}},
        },
        {"ChannelName": "test", "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/test"}}},
        {"ChannelName": "disk", "DataSource": {"FileSystemDataSource": {"DirectoryPath": "/data"}}},
    ]
    return common(
        TRAINING,
        status,
        AlgorithmSpecification={"TrainingImage": "me/own:1"},
        ResourceConfig={"InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        InputDataConfig=channels,
        ModelArtifacts={"S3ModelArtifacts": MODEL},
        HyperParameters={"k": "3", "rate": "1e-3", "init": "random", "limit": "inf", "skip": "nan"},
        **fields,
    )


def component(store: Store, kind: JobKind = TRAINING) -> Document:
    return store.get(lineage.COMPONENT.name, f"A-aws-{kind.name}")


def associations(store: Store) -> set[tuple[str, str, str]]:
    """Types of both ends, and of the association between them."""
    found = store.all(lineage.ASSOCIATION)
    return {(one["SourceType"], one["AssociationType"], one["DestinationType"]) for one in found}


def test_a_job_that_runs_has_a_component_with_its_parameters_and_inputs(store):
    lineage.record_job(store, TRAINING, training(SecondaryStatus="Training", TrainingStartTime=2.0))
    found = component(store)
    arn = f"{ANY_ARN}:experiment-trial-component/a-aws-training-job"
    assert (found["TrialComponentName"], found["TrialComponentArn"]) == ("A-aws-training-job", arn)
    assert (found["DisplayName"], found["CreationTime"], found["Trials"]) == ("A-aws-training-job", 1.0, [])
    assert found["Source"] == {"SourceArn": f"{ANY_ARN}:training-job/a", "SourceType": "SageMakerTrainingJob"}
    assert found["Status"] == {
        "PrimaryStatus": "InProgress",
        "Message": "Status: InProgress, secondary status: Training, failure reason: .",
    }
    assert found["StartTime"] == 2.0 and "EndTime" not in found
    assert found["Parameters"] == {
        "k": {"NumberValue": 3.0},
        "rate": {"NumberValue": 0.001},
        "init": {"StringValue": "random"},
        "limit": {"StringValue": "inf"},
        "skip": {"StringValue": "nan"},
        "SageMaker.ImageUri": {"StringValue": "me/own:1"},
        "SageMaker.InstanceCount": {"NumberValue": 1.0},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.VolumeSizeInGB": {"NumberValue": 5.0},
    }
    assert found["InputArtifacts"] == {
        "train": {"Value": "s3://bucket/train", "MediaType": "text/csv"},
        "test": {"Value": "s3://bucket/test"},
    }
    assert found["OutputArtifacts"] == {} and found["Metrics"] == []
    contributed = lineage.CONTRIBUTED
    assert associations(store) == {(kind, contributed, "SageMakerTrainingJob") for kind in ("Image", "DataSet")}
    assert store.get(TAGS, arn) == {}


def test_a_job_that_says_little_has_a_component_all_the_same(store):
    job = training()
    for field in ("InputDataConfig", "HyperParameters"):
        del job[field]
    job["ResourceConfig"] = {}
    lineage.record_job(store, TRAINING, job)
    parameters = component(store)["Parameters"]
    assert parameters["SageMaker.InstanceType"] == {"StringValue": ""}
    assert parameters["SageMaker.VolumeSizeInGB"] == {"NumberValue": 0.0}
    assert "secondary" not in component(store)["Status"]["Message"]


@pytest.mark.parametrize(("status", "has_model"), [("Completed", True), ("Failed", False), ("Stopped", False)])
def test_only_a_completed_job_has_produced_its_model(store, status, has_model):
    lineage.record_job(store, TRAINING, training())
    ended = training(status, TrainingStartTime=2.0, TrainingEndTime=3.0, FailureReason="x" * 1100)
    lineage.record_job(store, TRAINING, ended, [{"MetricName": "loss", "Last": 1.0}])
    found = component(store)
    assert found["OutputArtifacts"] == ({"SageMaker.ModelArtifact": {"Value": MODEL}} if has_model else {})
    assert (("SageMakerTrainingJob", "Produced", "Model") in associations(store)) == has_model
    assert (found["StartTime"], found["EndTime"], found["Status"]["PrimaryStatus"]) == (2.0, 3.0, status)
    assert len(found["Status"]["Message"]) == 1024
    assert found["Metrics"] == [{"MetricName": "loss", "Last": 1.0, "SourceArn": f"{ANY_ARN}:training-job/a"}]


def test_a_checkpoint_contributes_and_is_not_a_data_set(store):
    lineage.record_job(store, TRAINING, training(CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"}))
    assert ("Checkpoint", "ContributedTo", "SageMakerTrainingJob") in associations(store)
    assert "s3://bucket/checkpoints" not in str(component(store)["InputArtifacts"])


def transform() -> Document:
    return common(
        TRANSFORM,
        "Completed",
        ModelName="model",
        TransformResources={"InstanceCount": 2, "InstanceType": "ml.m5.large"},
        TransformInput={"DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/in"}}, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": "s3://bucket/out", "Accept": "application/json"},
        Containers=[{"Image": "me/first:1", "ModelDataUrl": MODEL}, {"Image": "me/second:1"}],
    )


def test_a_transform_job_leads_from_its_data_and_models_to_its_results(store):
    lineage.record_job(store, TRANSFORM, transform())
    found = component(store, TRANSFORM)
    assert found["Source"]["SourceType"] == "SageMakerTransformJob"
    assert found["Parameters"]["SageMaker.ModelName"] == {"StringValue": "model"}
    assert found["Parameters"]["SageMaker.InstanceCount"] == {"NumberValue": 2.0}
    assert found["InputArtifacts"] == {"SageMaker.TransformInput": {"Value": "s3://bucket/in", "MediaType": "text/csv"}}
    out = {"Value": "s3://bucket/out", "MediaType": "application/json"}
    assert found["OutputArtifacts"] == {"SageMaker.TransformOutput": out}
    uris = sorted(one["Source"]["SourceUri"] for one in store.all(lineage.ARTIFACT.name))
    assert uris == ["me/first:1", "me/second:1", "s3://bucket/in", MODEL, "s3://bucket/out"]
    for one in store.all(lineage.ASSOCIATION):
        assert store.get(lineage.ASSOCIATION, lineage.association_name(one["SourceArn"], one["DestinationArn"])) == one


def test_a_processing_job_names_its_places_in_s3(store):
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
    job = common(
        PROCESSING,
        "Completed",
        AppSpecification={"ImageUri": "me/own:1"},
        ProcessingResources={"ClusterConfig": cluster},
        Environment={"LEVEL": "7"},
        ProcessingInputs=[{"InputName": "in", "S3Input": {"S3Uri": "s3://bucket/in"}}, {"InputName": "other"}],
        ProcessingOutputConfig={
            "Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": "s3://bucket/out"}}, {"OutputName": "x"}]
        },
    )
    lineage.record_job(store, PROCESSING, job)
    found = component(store, PROCESSING)
    assert found["InputArtifacts"] == {"in": {"Value": "s3://bucket/in"}}
    assert found["OutputArtifacts"] == {"out": {"Value": "s3://bucket/out"}}
    assert found["Parameters"]["LEVEL"] == {"NumberValue": 7.0}
    assert found["Parameters"]["SageMaker.VolumeSizeInGB"] == {"NumberValue": 20.0}
    bare = {
        name: value
        for name, value in job.items()
        if name not in ("Environment", "ProcessingInputs", "ProcessingOutputConfig")
    }
    lineage.record_job(store, PROCESSING, {**bare, "CreationTime": 2.0})
    assert component(store, PROCESSING)["InputArtifacts"] == component(store, PROCESSING)["OutputArtifacts"] == {}


def test_a_tuning_job_leaves_nothing_and_an_error_harms_no_job(store, caplog):
    lineage.record_job(store, TUNING, common(TUNING, "Completed"))
    lineage.forget_job(store, TUNING, common(TUNING, "Completed"))
    assert not caplog.records
    lineage.record_job(store, TRAINING, common(TRAINING, "Completed"))
    assert "trial component of training job A" in caplog.text
    assert store.all(lineage.COMPONENT.name) == []


def test_two_jobs_on_the_same_data_share_its_artifact_and_what_it_was_first(store):
    lineage.record_job(store, TRAINING, training("Completed"))
    before = {one["ArtifactArn"]: one for one in store.all(lineage.ARTIFACT.name)}
    source = {"DataSource": {"S3DataSource": {"S3Uri": MODEL}}}
    lineage.record_job(
        store, TRANSFORM, {**transform(), "TransformInput": source, "Containers": [{"Image": "me/own:1"}]}
    )
    after = {one["ArtifactArn"]: one for one in store.all(lineage.ARTIFACT.name)}
    assert {arn: after[arn] for arn in before} == before and len(after) == len(before) + 1
    assert ("Model", "ContributedTo", "SageMakerTransformJob") in associations(store)
    assert lineage.artifact_arn(ANY_ARN, {"SourceUri": MODEL}) in before
    assert all(store.get(TAGS, arn) == {} for arn in after)


def test_what_a_user_added_stays_until_the_job_is_another_one(store):
    store.insert(lineage.TRIAL.name, "trial", {"TrialName": "trial"})
    config = {"TrialName": "trial", "TrialComponentDisplayName": "First"}
    lineage.record_job(store, TRAINING, training(ExperimentConfig=config))
    assert (component(store)["Trials"], component(store)["DisplayName"]) == (["trial"], "First")
    store.update(lineage.COMPONENT.name, "A-aws-training-job", Trials=["trial", "own"])
    lineage.record_job(store, TRAINING, training("Completed", ExperimentConfig=config))
    assert component(store)["Trials"] == ["trial", "own"]
    lineage.record_job(store, TRAINING, {**training(ExperimentConfig={"TrialName": "none"}), "CreationTime": 2.0})
    assert (component(store)["Trials"], component(store)["DisplayName"]) == ([], "A-aws-training-job")


def test_tags_that_are_there_stay(store, caplog):
    arn = f"{ANY_ARN}:experiment-trial-component/a-aws-training-job"
    store.insert(TAGS, arn, {"team": "one"})
    lineage.record_job(store, TRAINING, training())
    assert store.get(TAGS, arn) == {"team": "one"} and component(store) and not caplog.records


def test_of_a_job_that_could_not_begin_nothing_is_left_but_artifacts(store):
    lineage.record_job(store, TRAINING, training())
    lineage.record_job(store, TRANSFORM, transform())
    kept = [one for one in store.all(lineage.ASSOCIATION) if "SageMakerTransformJob" in str(one)]
    lineage.forget_job(store, TRAINING, training())
    assert [one["TrialComponentName"] for one in store.all(lineage.COMPONENT.name)] == ["A-aws-transform-job"]
    assert store.all(lineage.ASSOCIATION) == kept
    assert f"{ANY_ARN}:experiment-trial-component/a-aws-training-job" not in store.named(TAGS)
    lineage.forget_job(store, TRAINING, training())  # it is gone already


def endpoint(*containers: Document) -> Document:
    variants = [{"VariantName": "one", "Containers": list(containers)}]
    return {"EndpointName": "E", "EndpointArn": f"{ANY_ARN}:endpoint/e", "Deployment": {"Variants": variants}}


def test_an_endpoint_is_deployed_by_an_action_of_its_models(store):
    lineage.record_endpoint(store, endpoint({"Image": "me/own:1", "ModelDataUrl": MODEL}))
    (context,), (action,) = store.all(lineage.CONTEXT.name), store.all(lineage.ACTION.name)
    assert (context["ContextName"], context["ContextType"]) == ("E-aws-endpoint", "Endpoint")
    assert (action["ActionType"], action["Status"]) == ("ModelDeployment", "Completed")
    assert action["ActionArn"] == f"{ANY_ARN}:action/e-aws-endpoint" and context["ContextArn"] in store.named(TAGS)
    assert context["Source"] == action["Source"] == {"SourceUri": f"{ANY_ARN}:endpoint/e", "SourceType": "ARN"}
    back = {(one["SourceType"], one["DestinationType"]): lineage.BACK in one for one in store.all(lineage.ASSOCIATION)}
    assert back == {
        ("ModelDeployment", "Endpoint"): False,
        ("Endpoint", "ModelDeployment"): True,
        ("Image", "ModelDeployment"): False,
        ("Model", "ModelDeployment"): False,
        ("ModelDeployment", "Model"): True,
    }


def test_an_update_of_an_endpoint_adds_what_it_deploys(store):
    lineage.record_endpoint(store, endpoint({"Image": "me/own:1"}))
    assert {one["SourceType"] for one in store.all(lineage.ASSOCIATION)} == {"ModelDeployment", "Endpoint", "Image"}
    lineage.record_endpoint(store, endpoint({"Image": "me/own:1", "ModelDataUrl": MODEL}))
    assert len(store.all(lineage.CONTEXT.name)) == len(store.all(lineage.ACTION.name)) == 1
    assert len(store.all(lineage.ASSOCIATION)) == 5


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_a_summary_is_that_of_all_readings(values):
    found = None
    for moment, value in enumerate(values):
        found = lineage.with_reading(found, value, moment)
    assert (found["Count"], found["Last"], found["TimeStamp"]) == (len(values), values[-1], len(values) - 1)
    assert (found["Min"], found["Max"]) == (min(values), max(values))
    assert found["Avg"] == pytest.approx(statistics.fmean(values), rel=1e-9, abs=1e-6)
    assert found["StdDev"] == pytest.approx(statistics.pstdev(values), rel=1e-6, abs=1e-3)
