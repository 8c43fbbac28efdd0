"""SDK v3's own classes with a built-in algorithm: sessions, ModelTrainer, ModelBuilder, resources, tuner, analytics."""

from __future__ import annotations

import json

import pytest
from sagemaker.core import image_uris
from sagemaker.core.experiments.run import Run
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.parameter import IntegerParameter
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData
from sagemaker.train.tuner import HyperparameterTuner

IMAGE = image_uris.retrieve("kmeans", "us-east-1")


def rows(csv: str, channel: str = "train") -> InputData:
    return InputData(channel_name=channel, data_source=csv, content_type="text/csv;label_size=0")


def trainer(**settings) -> ModelTrainer:
    return ModelTrainer(
        training_image=IMAGE,
        compute=Compute(instance_type="ml.c4.xlarge", instance_count=1, volume_size_in_gb=1),
        hyperparameters={"k": 3, "feature_dim": 3, "mini_batch_size": 100},
        **settings,
    )


@pytest.fixture(scope="module")
def trained(csv) -> TrainingJob:
    """A job that ModelTrainer ran, without a role: the caller's is found, and asked what it may do."""
    model_trainer = trainer(base_job_name="sdk3")
    model_trainer.train(input_data_config=[rows(csv)], wait=True, logs=True)
    return model_trainer._latest_training_job


def test_the_session_finds_role_bucket_and_account(session):
    assert get_execution_role(session).endswith(":role/WildsageRole")
    assert session.default_bucket() == "sagemaker-us-east-1-000000000000"
    assert session.account_id() == "000000000000"


def test_the_role_is_asked_what_it_may_do(monkeypatch):
    """The SDK asks IAM for the role's trust and permissions where nobody switched that off, as we do."""
    monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", "true")
    assert trainer().role == "arn:aws:iam::000000000000:role/WildsageRole"


def test_model_trainer_trains(trained):
    assert trained.training_job_status == "Completed"
    assert trained.model_artifacts.s3_model_artifacts.endswith("/output/model.tar.gz")
    found = [job.training_job_name for job in TrainingJob.get_all(name_contains="sdk3")]
    assert trained.training_job_name in found


def test_model_builder_deploys(trained):
    builder = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=trained.model_artifacts.s3_model_artifacts,
        role_arn=trained.role_arn,
        instance_type="ml.m4.xlarge",
    )
    builder.build(model_name="sdk3-built")
    endpoint = builder.deploy(endpoint_name="sdk3-built", initial_instance_count=1, instance_type="ml.m4.xlarge")
    answer = endpoint.invoke(body="0,0,0\n20,20,20\n", content_type="text/csv", accept="application/json")
    first, second = json.loads(answer.body.read())["predictions"]
    assert first["closest_cluster"] != second["closest_cluster"]
    endpoint.delete()


def test_resources_deploy(trained):
    container = ContainerDefinition(image=IMAGE, model_data_url=trained.model_artifacts.s3_model_artifacts)
    Model.create(model_name="sdk3-core", primary_container=container, execution_role_arn=trained.role_arn)
    variant = ProductionVariant(
        variant_name="v", model_name="sdk3-core", initial_instance_count=1, instance_type="ml.m4.xlarge"
    )
    EndpointConfig.create(endpoint_config_name="sdk3-core", production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name="sdk3-core", endpoint_config_name="sdk3-core")
    endpoint.wait_for_status("InService")
    assert len(json.loads(endpoint.invoke(body="1,1,1\n", content_type="text/csv").body.read())["predictions"]) == 1
    endpoint.delete()
    endpoint.wait_for_delete()


def test_the_tuner_tunes(csv):
    model_trainer = trainer(base_job_name="sdk3-tuned")
    tuner = HyperparameterTuner(
        model_trainer,
        objective_metric_name="test:msd",
        hyperparameter_ranges={"extra_center_factor": IntegerParameter(4, 10)},
        objective_type="Minimize",
        max_jobs=2,
        max_parallel_jobs=2,
    )
    tuner.tune(inputs=[rows(csv), rows(csv, "test")], wait=True)
    assert tuner.describe().hyper_parameter_tuning_job_status == "Completed"
    assert TrainingJob.get(tuner.best_training_job()).training_job_status == "Completed"
    table = tuner.analytics().dataframe()
    assert table["extra_center_factor"].between(4, 10).all()
    assert table["FinalObjectiveValue"].notna().all()
    assert len(table) == 2


def test_a_run_notes_down_a_curve(session):
    with Run(experiment_name="sdk3-curves", run_name="first", sagemaker_session=session) as run:
        run.log_parameters({"k": 7})
        run.log_roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], title="sdk3-roc")
    client = session.boto_session.client("sagemaker")
    (curve,) = [one for one in client.list_artifacts()["ArtifactSummaries"] if one.get("ArtifactName") == "sdk3-roc"]
    (made,) = client.list_associations(DestinationArn=curve["ArtifactArn"])["AssociationSummaries"]
    assert made["AssociationType"] == "Produced" and "/sdk3-curves-first" in made["SourceArn"]
