"""STS, IAM and CloudWatch: what the SDK asks before and after the work."""

import time

import pytest
from botocore.exceptions import ClientError


def test_the_caller_has_assumed_the_role_that_iam_knows(aws):
    identity = aws.client("sts").get_caller_identity()
    assert identity["Account"] == "000000000000"
    assert identity["Arn"] == "arn:aws:sts::000000000000:assumed-role/WildsageRole/local"
    role = aws.client("iam").get_role(RoleName="WildsageRole")["Role"]
    assert role["Arn"] == "arn:aws:iam::000000000000:role/WildsageRole"
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"]["Service"] == "sagemaker.amazonaws.com"


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_arns_name_the_partition_of_their_region(aws, region, partition):
    def client(service):
        return aws.session.client(service, region_name=region, endpoint_url=aws.endpoint)

    job = aws.finished(aws.train(lines="a line"))
    name = aws.name("abroad")
    request = {name: job[name] for name in ("AlgorithmSpecification", "RoleArn", "ResourceConfig", "StoppingCondition")}
    request["AlgorithmSpecification"].pop("MetricDefinitions", None)
    output = {"S3OutputPath": job["OutputDataConfig"]["S3OutputPath"]}
    made = client("sagemaker").create_training_job(TrainingJobName=name, OutputDataConfig=output, **request)
    assert made["TrainingJobArn"] == f"arn:{partition}:sagemaker:{region}:000000000000:training-job/{name}"
    assert client("sts").get_caller_identity()["Arn"].startswith(f"arn:{partition}:sts::")
    groups = aws.until(lambda: client("logs").describe_log_groups()["logGroups"], bool)
    assert groups[0]["arn"].startswith(f"arn:{partition}:logs:{region}:")


def test_a_role_can_be_assumed(aws):
    found = aws.client("sts").assume_role(RoleArn="arn:aws:iam::000000000000:role/Other", RoleSessionName="mine")
    assert found["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/Other/mine"
    assert found["Credentials"]["Expiration"].timestamp() == pytest.approx(time.time() + 3600, abs=60)


def test_every_action_is_allowed(aws):
    found = aws.client("iam").simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::000000000000:role/WildsageRole",
        ActionNames=["sagemaker:CreateModel", "s3:GetObject"],
    )
    assert [(r["EvalActionName"], r["EvalDecision"]) for r in found["EvaluationResults"]] == [
        ("sagemaker:CreateModel", "allowed"),
        ("s3:GetObject", "allowed"),
    ]


def test_metric_statistics_come_from_the_jobs_log(aws):
    lines = "|".join(f"#quality_metric: host=algo-1, test msd <loss>={value}" for value in (1.0, 2.0, 6.0))
    job = aws.train(lines=lines)
    aws.finished(job)
    ask = {
        "Namespace": "/aws/sagemaker/TrainingJobs",
        "MetricName": "test:msd",
        "StartTime": time.time() - 3600,
        "EndTime": time.time() + 3600,
        "Period": 3600 * 24,
        "Statistics": ["Average", "Maximum", "SampleCount"],
    }
    cloudwatch = aws.client("cloudwatch")
    found = cloudwatch.get_metric_statistics(**ask, Dimensions=[{"Name": "TrainingJobName", "Value": job}])
    (point,) = found["Datapoints"]
    assert (point["Average"], point["Maximum"], point["SampleCount"]) == (3.0, 6.0, 3.0)
    assert found["Label"] == "test:msd"
    assert not cloudwatch.get_metric_statistics(**ask, Dimensions=[{"Name": "TrainingJobName", "Value": "no"}])[
        "Datapoints"
    ]


def test_the_callers_metric_definitions_are_found_too(aws):
    own = [{"Name": "mine", "Regex": "score=([0-9.]+)"}, {"Name": "broken", "Regex": "(("}]
    image = "174872318107.dkr.ecr.us-west-2.amazonaws.com/kmeans:1"
    algorithm = {"TrainingImage": image, "TrainingInputMode": "File", "MetricDefinitions": own}
    found = aws.finished(aws.train(lines="score=1|score=2.5", AlgorithmSpecification=algorithm))
    assert [(m["MetricName"], m["Value"]) for m in found["FinalMetricDataList"]] == [("mine", 2.5)]


def test_a_metric_that_the_description_has_no_room_for_is_found_and_a_described_job_can_be_created_again(aws):
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    algorithm = {"TrainingImage": image, "TrainingInputMode": "File"}
    line = "[0]#011train-f1_macro:0.25#011validation-rmse:0.5"
    found = aws.finished(aws.train(lines=line, AlgorithmSpecification=algorithm))
    values = {m["MetricName"]: m["Value"] for m in found["FinalMetricDataList"]}
    assert values == {"train:f1_macro": 0.25, "validation:rmse": 0.5}
    described = found["AlgorithmSpecification"]
    assert "train:f1_macro" not in {definition["Name"] for definition in described["MetricDefinitions"]}
    again = aws.finished(aws.train(lines=line, AlgorithmSpecification=described))
    assert {m["MetricName"]: m["Value"] for m in again["FinalMetricDataList"]} == values


@pytest.mark.parametrize(
    ("service", "call", "request_fields"),
    [
        ("sagemaker", "list_hubs", {}),
        ("iam", "delete_role", {"RoleName": "x"}),
        ("cloudwatch", "list_metrics", {}),
        ("ecr", "describe_registry", {}),
        ("sts", "get_session_token", {}),
        ("logs", "describe_destinations", {}),
        ("dynamodb", "list_tables", {}),
    ],
)
def test_what_is_not_implemented_is_named(aws, service, call, request_fields):
    with pytest.raises(ClientError) as caught:
        getattr(aws.client(service), call)(**request_fields)
    error = caught.value.response["Error"]
    name = "".join(part.title() for part in call.split("_"))
    assert error == {
        **error,
        "Code": "NotImplemented",
        "Message": f"Operation {name} of {service} is not implemented by Wildsage yet.",
    }
