"""Instances there may be at most, whoever asks for them."""

from __future__ import annotations

import pytest

from wildsage.local_runner.operations.sagemaker import quotas
from wildsage.local_runner.wire.errors import AwsError

LIMIT = "The account-level service limit 'ml.c4.xlarge for {} usage' is 100 Instances, with current utilization of"


def test_a_training_job_of_too_many(aws):
    with pytest.raises(aws.sagemaker.exceptions.ResourceLimitExceeded, match=LIMIT.format("training job")) as caught:
        aws.train(hosts=101)
    assert "utilization of 0 Instances and a request delta of 101 Instances" in str(caught.value)


def test_an_endpoint_of_too_many(start_aws):
    aws = start_aws()
    model = aws.model()
    variant = {"VariantName": "v", "ModelName": model, "InitialInstanceCount": 100, "InstanceType": "ml.c4.xlarge"}
    aws.sagemaker.create_endpoint_config(EndpointConfigName="many", ProductionVariants=[variant])
    endpoint = aws.deploy(aws.config(model))
    with pytest.raises(aws.sagemaker.exceptions.ResourceLimitExceeded, match="utilization of 1 Instances"):
        aws.sagemaker.create_endpoint(EndpointName="many", EndpointConfigName="many")
    wish = [{"VariantName": "v0", "DesiredInstanceCount": 101}]
    with pytest.raises(aws.sagemaker.exceptions.ResourceLimitExceeded, match="request delta of 100"):
        aws.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=wish)
    assert aws.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"


@pytest.mark.parametrize(("wanted", "used"), [(100, 0), (1, 99), (0, 100)])
def test_a_hundred_instances_are_not_too_many(wanted, used):
    quotas.check("endpoint", "ml.c4.xlarge", wanted, used)


@pytest.mark.parametrize(("wanted", "used"), [(101, 0), (1, 100)])
def test_one_more_is(wanted, used):
    with pytest.raises(AwsError, match=LIMIT.format("endpoint")) as caught:
        quotas.check("endpoint", "ml.c4.xlarge", wanted, used)
    assert f"utilization of {used} Instances and a request delta of {wanted} Instances" in str(caught.value)
    assert caught.value.code == "ResourceLimitExceeded"
