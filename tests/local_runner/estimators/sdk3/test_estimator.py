"""What an estimator asks for: jobs, models, endpoints and transforms with all settings, and with none."""

from __future__ import annotations

import inspect
import json
import logging

import numpy as np
import pytest
from sagemaker.core import resources
from sagemaker.core.deserializers import JSONDeserializer
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.serializers import CSVSerializer

from wildsage import KMeans, RecordDeserializer, RecordSerializer, RecordSet

TAG = {"Key": "team", "Value": "a"}


@pytest.fixture
def trained(stand_in, rows_n2):
    estimator = stand_in(tags=[TAG])
    estimator.fit(estimator.record_set(rows_n2), logs=False)
    return estimator


def described(session, estimator):
    """The training job as boto3 describes it."""
    return session.sagemaker_client.describe_training_job(
        TrainingJobName=estimator.latest_training_job.training_job_name
    )


def tags_of(session, arn):
    return session.sagemaker_client.list_tags(ResourceArn=arn)["Tags"]


def test_a_job_with_no_settings_has_the_defaults(session, stand_in, rows_n2):
    estimator = stand_in()
    estimator.fit(estimator.record_set(rows_n2), logs=False)
    job, bucket = described(session, estimator), session.default_bucket()
    assert job["TrainingJobStatus"] == "Completed"
    assert job["TrainingJobName"].startswith("kmeans-")
    assert job["RoleArn"].endswith(":role/WildsageRole")
    assert job["HyperParameters"] == {"name": "fixed", "feature_dim": "2"}
    assert job["AlgorithmSpecification"]["TrainingImage"] == estimator.training_image_uri()
    assert job["AlgorithmSpecification"]["TrainingInputMode"] == "File"
    assert job["OutputDataConfig"]["S3OutputPath"] == f"s3://{bucket}/"
    assert not job["OutputDataConfig"].get("KmsKeyId")
    assert job["ResourceConfig"] == {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    assert not any(
        job.get(name)
        for name in (
            "VpcConfig", "CheckpointConfig", "Environment", "EnableNetworkIsolation", "EnableManagedSpotTraining",
            "EnableInterContainerTrafficEncryption",
        )
    )  # fmt: skip
    (channel,) = job["InputDataConfig"]
    uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
    assert uri.startswith(f"s3://{bucket}/sagemaker-record-sets/StandIn-")
    assert tags_of(session, job["TrainingJobArn"]) == []
    assert estimator.model_data == job["ModelArtifacts"]["S3ModelArtifacts"]


def test_a_job_has_the_settings_of_its_estimator(session, stand_in, rows_n2, requests):
    bucket = session.default_bucket()
    estimator = stand_in(
        2,
        lines="a|b",
        data_location=f"s3://{bucket}/rows",
        enable_network_isolation=True,
        volume_size=9,
        volume_kms_key="volume-key",
        max_run=500,
        input_mode="Pipe",
        output_path=f"s3://{bucket}/out",
        output_kms_key="output-key",
        base_job_name="mine",
        tags=[TAG],
        subnets=["subnet-1"],
        security_group_ids=["sg-1"],
        encrypt_inter_container_traffic=True,
        use_spot_instances=True,
        max_wait=700,
        checkpoint_s3_uri=f"s3://{bucket}/checkpoints",
        checkpoint_local_path="/opt/ml/checkpoints",
        environment={"A": "b"},
    )
    asked = requests("CreateTrainingJob", stop=True)
    with pytest.raises(Exception, match=r"^$"):
        estimator.fit(estimator.record_set(rows_n2), mini_batch_size=3, wait=False, job_name="this-one")
    (request,) = asked
    assert request["TrainingJobName"] == "this-one"
    assert request["HyperParameters"] == {"name": "fixed", "lines": "a|b", "feature_dim": "2", "mini_batch_size": "3"}
    assert request["AlgorithmSpecification"]["TrainingInputMode"] == "Pipe"
    assert [channel["InputMode"] for channel in request["InputDataConfig"]] == ["Pipe"]
    assert request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"].startswith(
        f"s3://{bucket}/rows/StandIn-"
    )
    assert request["OutputDataConfig"] == {"S3OutputPath": f"s3://{bucket}/out", "KmsKeyId": "output-key"}
    assert request["ResourceConfig"] == {
        "InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 9, "VolumeKmsKeyId": "volume-key",
    }  # fmt: skip
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 500, "MaxWaitTimeInSeconds": 700}
    assert request["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    assert request["CheckpointConfig"] == {
        "S3Uri": f"s3://{bucket}/checkpoints", "LocalPath": "/opt/ml/checkpoints",
    }  # fmt: skip
    assert request["Tags"] == [TAG]
    assert request["Environment"] == {"A": "b"}
    for switch in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"):
        assert request[switch] is True


def test_the_constructor_shows_its_arguments(stand_in):
    parameters = inspect.signature(type(stand_in())).parameters
    assert list(parameters)[:6] == ["role", "instance_count", "instance_type", "sleep_s", "status", "lines"]
    assert list(parameters)[6] == "data_location"
    assert parameters["lines"].default is None
    assert parameters["lines"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert "self" not in parameters


def test_without_a_role_it_is_the_caller_s(session):
    estimator = KMeans(sagemaker_session=session)
    assert estimator.role.startswith("arn:aws:iam::")
    assert estimator.instance_count == 1
    assert KMeans("WildsageRole").sagemaker_session.default_bucket() == session.default_bucket()


def test_fit_waits_unless_it_shall_not(session, stand_in, rows_n2):
    estimator = stand_in(sleep_s=600)
    estimator.fit(estimator.record_set(rows_n2), wait=False)
    assert described(session, estimator)["TrainingJobStatus"] == "InProgress"
    estimator.latest_training_job.stop()


def test_fit_shows_the_log_unless_it_shall_not(stand_in, rows_n2, caplog, monkeypatch):
    monkeypatch.setattr(resources.logger, "handlers", [caplog.handler])
    caplog.set_level(logging.INFO, resources.logger.name)
    estimator = stand_in(lines="a line of the job")
    rows = estimator.record_set(rows_n2)
    estimator.fit(rows, logs=False)
    assert "a line of the job" not in caplog.text
    estimator.fit(rows)
    assert "a line of the job" in caplog.text


def test_a_failed_job_raises(stand_in, rows_n2):
    estimator = stand_in(status=1)
    with pytest.raises(Exception, match="Failed"):
        estimator.fit(estimator.record_set(rows_n2), logs=False)


def test_a_job_needs_the_channel_train_and_takes_others(session, stand_in, rows_n2):
    estimator = stand_in()
    test = estimator.record_set(rows_n2[:, :1], channel="test", distribution="FullyReplicated")
    with pytest.raises(ValueError, match=r"^Must provide train channel\.$"):
        estimator.fit([test])
    assert estimator.latest_training_job is None
    estimator.fit([test, estimator.record_set(rows_n2)], logs=False)
    job = described(session, estimator)
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["test", "train"]
    sources = [channel["DataSource"]["S3DataSource"] for channel in job["InputDataConfig"]]
    assert [source["S3DataDistributionType"] for source in sources] == ["FullyReplicated", "ShardedByS3Key"]
    assert estimator.feature_dim == 2


def test_without_a_job_there_is_no_model(stand_in):
    estimator = stand_in()
    for ask in (lambda: estimator.model_data, lambda: estimator.deploy(1, "ml.m5.large")):
        with pytest.raises(ValueError, match=r"^The estimator has no model yet\. Call fit first\.$"):
            ask()


def test_rows_are_uploaded_for_each_instance(session, stand_in, rows_n2):
    bucket = session.default_bucket()
    estimator = stand_in(2, data_location=f"s3://{bucket}/mine/")
    rows = estimator.record_set(rows_n2, np.arange(7.0), encrypt=True)
    assert (rows.num_records, rows.feature_dim, rows.channel, rows.distribution) == (7, 2, "train", "ShardedByS3Key")
    assert rows.s3_data.startswith(f"s3://{bucket}/mine/StandIn-")
    body = session.boto_session.client("s3").get_object(
        Bucket=bucket, Key=rows.s3_data.removeprefix(f"s3://{bucket}/")
    )["Body"]
    assert json.loads(body.read())[1:] == ["matrix_0.pbr", "matrix_1.pbr"]


def test_an_endpoint_has_the_trained_model_and_the_tags(session, trained):
    predictor = trained.deploy(2, "ml.m4.xlarge", tags=[{"Key": "more", "Value": "b"}])
    assert isinstance(predictor.serializer, RecordSerializer) and isinstance(predictor.deserializer, RecordDeserializer)
    endpoint = Endpoint.get(predictor.endpoint_name)
    assert endpoint.endpoint_status == "InService"
    assert endpoint.endpoint_name.startswith("kmeans-")
    config = EndpointConfig.get(endpoint.endpoint_config_name)
    assert config.endpoint_config_name == endpoint.endpoint_name
    (variant,) = config.production_variants
    assert (variant.variant_name, variant.instance_type, variant.initial_instance_count) == (
        "AllTraffic", "ml.m4.xlarge", 2,
    )  # fmt: skip
    model = Model.get(variant.model_name)
    assert model.model_name.startswith("kmeans-")
    assert model.primary_container.model_data_url == trained.model_data
    assert model.primary_container.image == trained.training_image_uri()
    assert model.execution_role_arn == trained.role
    assert not model.enable_network_isolation
    both = [TAG, {"Key": "more", "Value": "b"}]
    assert tags_of(session, endpoint.endpoint_arn) == both
    assert tags_of(session, config.endpoint_config_arn) == both
    assert tags_of(session, model.model_arn) == [TAG]
    predictor.delete_endpoint()


def test_an_endpoint_has_the_names_and_formats_that_it_is_given(trained):
    predictor = trained.deploy(
        1, "ml.m4.xlarge", CSVSerializer(), JSONDeserializer(), "this-endpoint", wait=False, model_name="this-model"
    )
    assert predictor.endpoint_name == "this-endpoint"
    endpoint = Endpoint.get("this-endpoint")
    assert endpoint.endpoint_status == "Creating"
    endpoint.wait_for_status("InService")
    assert predictor.predict([1, 2])["type"] == "text/csv"
    assert Model.get("this-model").model_name == "this-model"
    predictor.delete_endpoint()


def test_a_model_has_the_network_of_its_estimator(trained, requests):
    asked = requests("CreateModel")
    trained.transformer(1, "ml.m4.xlarge")
    trained.vpc = {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]}
    trained.enable_network_isolation = True
    trained.transformer(1, "ml.m4.xlarge")
    before, after = asked
    assert not {"VpcConfig", "EnableNetworkIsolation"} & set(before)
    assert after["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    assert after["EnableNetworkIsolation"] is True


def test_a_transformer_has_the_model_and_further_settings(session, trained):
    transformer = trained.transformer(2, "ml.m4.xlarge", "model-to-transform", accept="text/csv")
    assert (transformer.instance_count, transformer.instance_type, transformer.accept) == (
        2,
        "ml.m4.xlarge",
        "text/csv",
    )
    assert transformer.model_name == "model-to-transform"
    assert transformer.base_transform_job_name == "kmeans"
    assert transformer.sagemaker_session is session
    assert Model.get("model-to-transform").primary_container.model_data_url == trained.model_data


def test_records_in_a_prefix_are_trained_on(session, stand_in):
    bucket = session.default_bucket()
    session.boto_session.client("s3").put_object(Bucket=bucket, Key="there/part.pbr", Body=b"")
    estimator = stand_in()
    estimator.fit(RecordSet(f"s3://{bucket}/there/", 7, 3, "S3Prefix"), logs=False)
    assert TrainingJob.get(estimator.latest_training_job.training_job_name).hyper_parameters["feature_dim"] == "3"
