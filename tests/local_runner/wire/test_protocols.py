"""Requests and responses on the wire: what boto3 cannot show, because it only sends what is right."""

import http.client
import json
from urllib.parse import urlencode, urlsplit

import pytest

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def send(aws, service: str, body: bytes, **headers: str) -> tuple[int, dict, bytes]:
    connection = http.client.HTTPConnection(urlsplit(aws.endpoint).netloc, timeout=240)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", "/", body, {"Authorization": SIGNED.format(service), **named})
    response = connection.getresponse()
    return response.status, dict(response.getheaders()), response.read()


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"{", "not valid JSON"), (b"[]", "expected an object"), (b"\xff", "not valid JSON")],
)
def test_a_body_that_is_not_a_json_object(aws, body, words):
    status, _, answer = send(aws, "sagemaker", body, X_Amz_Target="SageMaker.ListModels")
    error = json.loads(answer)
    assert (status, error["__type"]) == (400, "SerializationException")
    assert words in error["message"]


def test_null_means_absent(aws):
    body = b'{"NameContains": null, "MaxResults": 1}'
    status, _, answer = send(aws, "sagemaker", body, X_Amz_Target="SageMaker.ListModels")
    assert (status, "Models" in json.loads(answer)) == (200, True)


def test_an_unknown_operation(aws):
    status, _, answer = send(aws, "sagemaker", b"{}", X_Amz_Target="SageMaker.MakeCoffee")
    assert (status, json.loads(answer)["message"]) == (
        501,
        "Operation MakeCoffee of sagemaker is not implemented by Wildsage yet.",
    )


def test_the_region_of_the_signature_is_in_the_arn(aws):
    _, _, answer = send(aws, "sagemaker", b'{"ModelName": "nobody"}', X_Amz_Target="SageMaker.DescribeModel")
    assert "arn:aws:sagemaker:eu-west-1:" in json.loads(answer)["message"]


def test_cloudwatch_speaks_query_to_older_clients(aws):
    form = {
        "Action": "GetMetricStatistics",
        "Version": "2010-08-01",
        "Namespace": "/aws/sagemaker/TrainingJobs",
        "MetricName": "m",
        "StartTime": "2026-01-01T00:00:00Z",
        "EndTime": "2026-01-02T00:00:00Z",
        "Period": "60",
        "Statistics.member.1": "Average",
        "Dimensions.member.1.Name": "TrainingJobName",
        "Dimensions.member.1.Value": "nobody",
    }
    kind = "application/x-www-form-urlencoded"
    status, headers, answer = send(aws, "monitoring", urlencode(form).encode(), Content_Type=kind)
    assert (status, headers["Content-Type"]) == (200, "text/xml")
    assert b"<GetMetricStatisticsResult>" in answer
    assert b"<Label>m</Label>" in answer


def test_a_query_that_cannot_be_right(aws):
    form = urlencode(
        {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": "x", "DurationSeconds": "long"}
    ).encode()
    status, _, answer = send(aws, "sts", form)
    assert (status, b"<Code>MalformedInput</Code>" in answer) == (400, True)


ABSENT = {
    "stepfunctions": ("list_state_machines", {}, "ListStateMachines"),
    "sagemaker-featurestore-runtime": (
        "get_record",
        {"FeatureGroupName": "g", "RecordIdentifierValueAsString": "1"},
        "GetRecord",
    ),
    "dynamodb": ("list_tables", {}, "ListTables"),
    "glue": ("get_databases", {}, "GetDatabases"),
    "lambda": ("list_functions", {}, "ListFunctions"),
    "sns": ("list_topics", {}, "ListTopics"),
    "ec2": ("describe_vpcs", {}, "DescribeVpcs"),
    "route53": ("list_hosted_zones", {}, "ListHostedZones"),
}


@pytest.mark.parametrize("service", ABSENT)
def test_a_service_that_is_not_here_answers_in_its_own_protocol_by_name(aws, service):
    """JSON, REST-JSON, REST-XML, query and EC2's: each client reads code, message and status."""
    method, arguments, operation = ABSENT[service]
    client = aws.client(service)
    with pytest.raises(client.exceptions.ClientError) as caught:
        getattr(client, method)(**arguments)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("NotImplemented", 501)
    assert answer["Error"]["Message"] == f"Operation {operation} of {service} is not implemented by Wildsage yet."


def test_a_service_that_nobody_knows_answers_in_the_protocol_of_the_request(aws):
    status, _, answer = send(aws, "coffee", b"{}", X_Amz_Target="Coffee_1.MakeCoffee")
    assert (status, json.loads(answer)["message"]) == (
        501,
        "Operation MakeCoffee of coffee is not implemented by Wildsage yet.",
    )
    status, _, answer = send(aws, "coffee", b"Action=MakeTea", Content_Type="application/x-www-form-urlencoded")
    assert (status, b"<Code>NotImplemented</Code>" in answer, b"Operation MakeTea of coffee" in answer) == (
        501,
        True,
        True,
    )
    status, _, answer = send(aws, "coffee", b"{}", Content_Type="application/json")
    assert (status, json.loads(answer)["message"]) == (
        501,
        "Operation POST / of coffee is not implemented by Wildsage yet.",
    )
