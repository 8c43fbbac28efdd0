"""Models, endpoint configurations and endpoints as boto3 sees them."""

import hashlib
from contextlib import closing

import pytest
from botocore.exceptions import ClientError

from wildsage.local_runner.jobs.hosting.instance import StartLimits
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.settings import ServerSettings

QUICK = {"Delay": 1, "MaxAttempts": 240}
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"


def rejection(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def named(config: str) -> dict[str, str]:
    return {"EndpointConfigName": config}


@pytest.fixture(scope="module")
def endpoint(aws):
    """One endpoint in service for all tests that only ask it."""
    return aws.deploy(aws.config(aws.model()))


def test_an_endpoint_is_in_service_answers_and_goes(aws):
    config = aws.config(aws.model())
    name = aws.name("cycle")
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] in ("Creating", "InService")
    aws.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=QUICK)
    found = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert found["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == IMAGE
    assert aws.invoke(name)["name"] == "stand-in"
    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=QUICK)
    code, message = rejection(aws.sagemaker.describe_endpoint, EndpointName=name)
    assert (code, message.startswith('Could not find endpoint "arn:aws:sagemaker:us-east-1:')) == (
        "ValidationException",
        True,
    )


def test_every_byte_and_header_reaches_the_container(aws, endpoint):
    body = bytes(range(256)) * 100
    answer = aws.runtime.invoke_endpoint(
        EndpointName=endpoint, Body=body, ContentType="application/x-any", Accept="a/b", CustomAttributes="abc"
    )
    assert hashlib.sha256(body).hexdigest() in answer["Body"].read().decode()
    assert (answer["ContentType"], answer["InvokedProductionVariant"], answer["CustomAttributes"]) == (
        "application/json",
        "v0",
        "cba",
    )
    seen = aws.invoke(endpoint, body, ContentType="application/x-any", Accept="a/b")
    assert (seen["type"], seen["accept"]) == ("application/x-any", "a/b")


def test_a_body_at_the_limit_passes_and_one_byte_more_does_not(aws, endpoint):
    limit = 6_291_456
    assert aws.invoke(endpoint, bytes(limit))["sha256"] == hashlib.sha256(bytes(limit)).hexdigest()
    with pytest.raises(ClientError) as caught:
        aws.invoke(endpoint, bytes(limit + 1))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert caught.value.response["Error"]["Message"] == "HTTP content length exceeded 6291456 bytes."


def test_what_the_container_rejects_is_a_model_error(aws, endpoint):
    with pytest.raises(aws.runtime.exceptions.ModelError) as caught:
        aws.invoke(endpoint, b"bad")
    found = caught.value.response
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (found["OriginalStatusCode"], found["OriginalMessage"]) == (415, "do not like it")
    assert found["LogStreamArn"].endswith(f":log-group:/aws/sagemaker/Endpoints/{endpoint}")
    assert found["Error"]["Message"].startswith(
        'Received client error (415) from primary with message "do not like it".'
    )


def test_an_endpoint_that_does_not_exist(aws, endpoint):
    code, message = rejection(aws.runtime.invoke_endpoint, EndpointName="nobody", Body=b"x")
    assert (code, message) == ("ValidationError", "Endpoint nobody of account 000000000000 not found.")
    code, message = rejection(aws.runtime.invoke_endpoint, EndpointName=endpoint, Body=b"x", TargetVariant="other")
    assert message == f"Variant other not found in endpoint {endpoint}."


def test_what_a_container_prints_is_in_the_endpoints_log(aws, endpoint):
    aws.invoke(endpoint, b"12345")
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    aws.until(
        lambda: [e["message"] for e in aws.logs.filter_log_events(logGroupName=group)["events"]],
        lambda messages: "invocation of 5 bytes" in messages,
    )


def test_a_container_that_dies_is_started_again(aws):
    name = aws.deploy(aws.config(aws.model()))
    first = aws.invoke(name)["pid"]
    with pytest.raises(aws.runtime.exceptions.ModelError) as caught:
        aws.invoke(name, b"die")
    assert caught.value.response["OriginalStatusCode"] == 0

    def pid():
        try:
            return aws.invoke(name)["pid"]
        except aws.runtime.exceptions.ModelError:
            return None

    aws.until(pid, lambda found: found not in (None, first))
    messages = [
        e["message"] for e in aws.logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
    ]
    assert "Wildsage: the container ended with exit code 7 and is started again." in messages


def test_a_container_that_cannot_start_fails_the_endpoint(aws):
    name = aws.deploy(aws.config(aws.model(environment={"CRASH": "1"})))
    found = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert found["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in found["FailureReason"]
    aws.sagemaker.delete_endpoint(EndpointName=name)


def test_an_unhealthy_endpoint_is_not_in_service_and_can_be_called_off(aws):
    name = aws.name("sick")
    aws.sagemaker.create_endpoint(
        EndpointName=name, EndpointConfigName=aws.config(aws.model(environment={"SICK": "1"}))
    )
    aws.until(
        lambda: aws.logs.describe_log_groups(logGroupNamePrefix=f"/aws/sagemaker/Endpoints/{name}")["logGroups"], bool
    )
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
    assert rejection(aws.runtime.invoke_endpoint, EndpointName=name, Body=b"x")[1].endswith(
        "is Creating, not yet able to answer."
    )
    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=QUICK)


def test_an_update_changes_over_without_a_gap(aws):
    old, new = aws.config(aws.model(name="old")), aws.config(aws.model(name="new"))
    name = aws.deploy(old)
    assert aws.invoke(name)["name"] == "old"
    aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    answers = [aws.invoke(name)["name"] for _ in range(5)]
    assert set(answers) <= {"old", "new"}
    aws.until(lambda: aws.invoke(name)["name"], lambda answer: answer == "new")
    found = aws.settled(name)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", new)


def test_a_failed_update_leaves_the_old_in_service(aws):
    name = aws.deploy(aws.config(aws.model(name="good")))
    aws.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=aws.config(aws.model(environment={"CRASH": "1"}))
    )
    found = aws.settled(name)
    assert found["EndpointStatus"] == "InService"
    assert "did not pass the ping health check" in found["FailureReason"]
    assert aws.invoke(name)["name"] == "good"


def test_two_variants_share_one_endpoint(aws):
    name = aws.deploy(aws.config(aws.model(name="zero"), aws.model(name="one")))
    assert aws.invoke(name, TargetVariant="v1")["name"] == "one"
    assert {aws.invoke(name)["name"] for _ in range(40)} == {"zero", "one"}


def test_what_serves_needs_its_model_and_configuration_no_more(aws):
    model = aws.model()
    config = aws.config(model)
    name = aws.deploy(config)
    aws.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    aws.sagemaker.delete_model(ModelName=model)
    assert aws.invoke(name)["name"] == "stand-in"


def test_names_are_taken_once_and_absent_ones_are_missed(aws, endpoint):
    model = aws.model()
    config = aws.config(model)
    container = {"Image": IMAGE}
    variant = {"VariantName": "v", "ModelName": "nobody", "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}
    sagemaker = aws.sagemaker
    rejections = [
        (
            "Cannot create already existing model",
            sagemaker.create_model,
            {"ModelName": model, "PrimaryContainer": container},
        ),
        (
            "Cannot create already existing endpoint",
            sagemaker.create_endpoint,
            {"EndpointName": endpoint, **named(config)},
        ),
        (
            "Could not find endpoint configuration",
            sagemaker.create_endpoint,
            {"EndpointName": "new", **named("nobody")},
        ),
        ("Could not find model", sagemaker.create_endpoint_config, {**named("new"), "ProductionVariants": [variant]}),
        ("Could not find model", sagemaker.describe_model, {"ModelName": "nobody"}),
        ("Could not find endpoint configuration", sagemaker.delete_endpoint_config, named("nobody")),
    ]
    for words, call, request in rejections:
        code, message = rejection(call, **request)
        assert code == "ValidationException"
        assert message.startswith(f'{words} "arn:aws:sagemaker:us-east-1:000000000000:')


def test_a_model_needs_its_artifact_and_an_image_that_can_run(aws):
    create = aws.sagemaker.create_model
    common = {"ModelName": "never", "ExecutionRoleArn": ROLE}
    _, message = rejection(
        create, **common, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "s3://bucket/no/model.tar.gz"}
    )
    assert message.startswith("Could not find model data at s3://bucket/no/model.tar.gz.")
    _, message = rejection(create, **common, PrimaryContainer={"Image": "someone/else:1"})
    assert "is not one of Amazon's built-in algorithms" in message


def test_an_artifact_that_is_not_an_archive_fails_the_endpoint(aws):
    aws.upload("broken", **{"model.tar.gz": b"no archive"})
    name = aws.name("broken")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/broken/model.tar.gz"}
    aws.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    found = aws.sagemaker.describe_endpoint(EndpointName=aws.deploy(aws.config(name)))
    assert found["EndpointStatus"] == "Failed"
    assert found["FailureReason"].startswith("ClientError: model.tar.gz: not a readable tar.gz archive")


def test_lists_show_what_there_is(aws, endpoint):
    shown = aws.sagemaker.list_endpoints(NameContains=endpoint, StatusEquals="InService")["Endpoints"]
    names = [e["EndpointName"] for e in shown]
    assert endpoint in names and all(endpoint in name for name in names)
    model = aws.model()
    assert [m["ModelName"] for m in aws.sagemaker.list_models(NameContains=model)["Models"]] == [model]
    config = aws.config(model)
    assert config in [
        c["EndpointConfigName"] for c in aws.sagemaker.list_endpoint_configs(MaxResults=1)["EndpointConfigs"]
    ]


def test_tags_are_kept_changed_and_removed(aws):
    arn = aws.sagemaker.describe_model(ModelName=aws.model())["ModelArn"]
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "3"}])
    aws.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["b"])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "3"}]
    assert rejection(aws.sagemaker.list_tags, ResourceArn=arn + "x")[0] == "ResourceNotFound"


def test_tags_of_a_deleted_resource_are_gone(aws):
    name = aws.deploy(aws.config(model := aws.model()))
    endpoint = aws.sagemaker.describe_endpoint(EndpointName=name)
    config = endpoint["EndpointConfigName"]
    arns = [
        aws.sagemaker.describe_model(ModelName=model)["ModelArn"],
        aws.sagemaker.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigArn"],
        endpoint["EndpointArn"],
    ]
    for arn in arns:
        aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    aws.sagemaker.delete_model(ModelName=model)
    aws.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    for arn in arns:
        assert rejection(aws.sagemaker.list_tags, ResourceArn=arn)[0] == "ResourceNotFound"


def test_the_limits_of_a_variant_reach_its_containers(aws):
    limits = {"ModelDataDownloadTimeoutInSeconds": 61, "ContainerStartupHealthCheckTimeoutInSeconds": 62}
    variant = {"VariantName": "v", "ModelName": aws.model(), "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}
    config = aws.name("config")
    aws.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant | limits])
    endpoint = aws.deploy(config)
    with closing(Store(ServerSettings(aws.data).region("us-east-1").state)) as store:
        (deployed,) = store.get("endpoint", endpoint)["Deployment"]["Variants"]
    assert StartLimits.from_variant(deployed) == StartLimits(download_s=61, healthy_s=62)
    aws.sagemaker.delete_endpoint(EndpointName=endpoint)


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
