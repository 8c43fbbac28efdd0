"""Requests and responses on the wire: what boto3 cannot show, because it only sends what is right."""

import http.client
import json
from urllib.parse import urlencode, urlsplit

import botocore.session
import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import JSONParser, QueryParser, RestJSONParser, RpcV2CBORParser
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from wildsage.local_runner.wire import cbor
from wildsage.local_runner.wire.errors import AwsError, NotImplementedHere
from wildsage.local_runner.wire.protocols import Cbor, Ec2, Json, Query, Rest, RestXml, protocol_of, rest_operation

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


# Without a server

SESSION = botocore.session.get_session()
SAGEMAKER = SESSION.get_service_model("sagemaker")
RUNTIME = SESSION.get_service_model("sagemaker-runtime")
CLOUDWATCH = SESSION.get_service_model("cloudwatch")
IAM = SESSION.get_service_model("iam")
FORM = "application/x-www-form-urlencoded"


def request(path: str = "/", method: str = "POST", body: bytes = b"", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(EnvironBuilder(path, method=method, data=body, headers=named).get_environ())


def whole(answer) -> dict:
    return {"status_code": answer.status_code, "headers": HeadersDict(answer.headers), "body": answer.data}


@pytest.mark.parametrize(
    ("given", "service", "protocol"),
    [
        (request(X_Amz_Target="SageMaker.ListModels"), SAGEMAKER, Json),
        (request(Smithy_Protocol="rpc-v2-cbor"), CLOUDWATCH, Cbor),
        (request(Content_Type=FORM), CLOUDWATCH, Query),
        (request(Content_Type=f"{FORM}; charset=utf-8"), IAM, Query),
        (request(), RUNTIME, Rest),
        (request(), SESSION.get_service_model("route53"), RestXml),
        (request(Content_Type=FORM), SESSION.get_service_model("ec2"), Ec2),
        (request(), SAGEMAKER, Query),
        (request(X_Amz_Target="Coffee.Make"), None, Json),
        (request(Content_Type=FORM), None, Query),
    ],
)
def test_the_request_decides_on_the_protocol(given, service, protocol):
    assert type(protocol_of(given, service)) is protocol


@pytest.mark.parametrize(
    ("protocol", "given", "name"),
    [
        (Json(), request(X_Amz_Target="SageMaker.ListModels"), "ListModels"),
        (Json(), request("/x", "PUT"), "PUT /x"),
        (Cbor(), request("/service/Granite/operation/ListMetrics"), "ListMetrics"),
        (Query(), request(body=b"Action=GetRole&RoleName=", Content_Type=FORM), "GetRole"),
        (Query(), request("/?Action=GetRole", "GET"), "GetRole"),
        (Query(), request("/x", "GET"), "GET /x"),
        (Rest(), request("/x", "DELETE"), "DELETE /x"),
    ],
)
def test_a_request_names_its_operation(protocol, given, name):
    assert protocol.operation_name(given) == name


def test_json_has_plain_values_and_null_is_absent():
    given = request(body=b'{"SortBy": "Name", "MaxResults": null}', X_Amz_Target="SageMaker.ListModels")
    operation, values = Json().parse(given, SAGEMAKER)
    assert (operation.name, values) == ("ListModels", {"SortBy": "Name"})
    assert Json().parse(request(X_Amz_Target="SageMaker.ListModels"), SAGEMAKER)[1] == {}
    answer = Json().reply(operation, {"Models": [{"ModelName": "m", "ModelArn": "a", "CreationTime": 60.0}]})
    assert (answer.content_type, answer.status_code) == ("application/x-amz-json-1.1", 200)
    read = JSONParser().parse(whole(answer), operation.output_shape)
    assert read["Models"][0]["CreationTime"].timestamp() == 60 and read["ResponseMetadata"]["RequestId"]
    assert Json().reply(SAGEMAKER.operation_model("DeleteModel"), {}).data == b""


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff"])
def test_what_is_not_a_json_object_is_rejected(body):
    with pytest.raises(AwsError) as caught:
        Json().parse(request(body=body, X_Amz_Target="SageMaker.ListModels"), SAGEMAKER)
    assert (caught.value.code, caught.value.status) == ("SerializationException", 400)


def test_cbor_has_one_map_each_way():
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    operation, values = Cbor().parse(request(path, body=cbor.encode({"Namespace": "n", "NextToken": None})), CLOUDWATCH)
    assert (operation.name, values) == ("ListMetrics", {"Namespace": "n"})
    assert Cbor().parse(request(path), CLOUDWATCH)[1] == {}
    answer = Cbor().reply(operation, {"Metrics": [{"MetricName": "m"}]})
    assert (answer.headers["Smithy-Protocol"], answer.content_type) == ("rpc-v2-cbor", "application/cbor")
    assert RpcV2CBORParser().parse(whole(answer), operation.output_shape)["Metrics"] == [{"MetricName": "m"}]
    assert cbor.decode(Cbor().reply(CLOUDWATCH.operation_model("PutMetricData"), {}).data) == {}
    with pytest.raises(AwsError) as caught:
        Cbor().parse(request(path, body=b"\x18"), CLOUDWATCH)
    assert caught.value.code == "SerializationException"


def test_query_has_a_form_in_and_xml_out():
    operation, values = Query().parse(request(body=b"Action=GetRole&RoleName=r&X=", Content_Type=FORM), IAM)
    assert (operation.name, values) == ("GetRole", {"RoleName": "r"})
    answer = Query().reply(IAM.operation_model("ListRoles"), {"Roles": [], "IsTruncated": False})
    assert (answer.content_type, answer.status_code) == ("text/xml", 200)
    read = QueryParser().parse(whole(answer), IAM.operation_model("ListRoles").output_shape)
    assert (read["Roles"], read["IsTruncated"]) == ([], False)


@pytest.mark.parametrize("protocol", [Json(), Cbor(), Query()])
def test_an_operation_that_the_service_does_not_have_is_named(protocol):
    given = request("/service/x/operation/Make", body=b"Action=Make", X_Amz_Target="SageMaker.Make", Content_Type=FORM)
    with pytest.raises(NotImplementedHere, match="Operation Make of "):
        protocol.parse(given, IAM)


ERROR = AwsError("Code", "what <went> wrong", 418, Field="f")


@pytest.mark.parametrize(
    ("protocol", "parser"),
    [
        (Json(), JSONParser),
        (Cbor(), RpcV2CBORParser),
        (Query(), QueryParser),
        (Rest(), RestJSONParser),
        (RestXml(), QueryParser),
    ],
)
def test_botocore_reads_an_error_of_each_protocol(protocol, parser):
    answer = protocol.fail(ERROR)
    assert answer.status_code == 418 and answer.headers["x-amzn-RequestId"]
    read = parser().parse(whole(answer), None)
    assert (read["Error"]["Code"], read["Error"]["Message"]) == ("Code", "what <went> wrong")


def test_an_error_of_json_has_its_fields():
    assert Json().fail(ERROR).get_json(force=True) == {"__type": "Code", "message": "what <went> wrong", "Field": "f"}
    rest = Rest().fail(ERROR)
    assert rest.get_json() == {"Message": "what <went> wrong", "message": "what <went> wrong", "Field": "f"}
    assert rest.headers["x-amzn-ErrorType"] == "Code"
    assert "x-amzn-ErrorType" not in Rest().fail(AwsError("", "m")).headers


def test_each_answer_has_an_id_of_its_own():
    ids = {Json().fail(ERROR).headers["x-amzn-RequestId"] for _ in range(3)}
    assert len(ids) == 3


def test_an_operation_of_rest_is_its_method_and_its_path():
    operation, values = rest_operation(request("/endpoints/a%20b/invocations"), RUNTIME)
    assert (operation.name, values) == ("InvokeEndpoint", {"EndpointName": "a b"})
    for given in (
        request("/endpoints/a/b/invocations"),
        request("/endpoints/a/invocations", "GET"),
        request("/endpoints"),
    ):
        assert rest_operation(given, RUNTIME) is None


def test_a_raw_body_and_headers_are_the_values_of_an_invocation():
    given = request("/endpoints/e/invocations", body=b"{raw", Content_Type="text/csv", Accept="a/b")
    operation, values = Rest().parse(given, RUNTIME)
    assert values == {"EndpointName": "e", "Body": b"{raw", "ContentType": "text/csv", "Accept": "a/b"}
    answer = Rest().reply(operation, {"Body": b"raw", "ContentType": "text/csv", "InvokedProductionVariant": None})
    assert (answer.data, answer.content_type, answer.status_code) == (b"raw", "text/csv", 200)
    assert "x-Amzn-Invoked-Production-Variant" not in answer.headers
    assert Rest().reply(operation, {"Body": b"raw"}).content_type == "application/octet-stream"
    with pytest.raises(NotImplementedHere, match="Operation POST /x of sagemaker-runtime"):
        Rest().parse(request("/x"), RUNTIME)


@pytest.mark.parametrize(
    ("text", "value"),
    [("60", 60), ("-1", -1), ("9" * 18, int("9" * 18)), ("9" * 19, "9" * 19), ("soon", "soon"), ("", "")],
)
def test_a_number_in_a_header_is_a_number_where_its_type_says_so(text, value):
    headers = {"X-Amzn-SageMaker-RequestTTLSeconds": text, "X-Amzn-SageMaker-Inference-Id": text}
    _, values = Rest().parse(request("/endpoints/e/async-invocations", **headers), RUNTIME)
    assert (values["RequestTTLSeconds"], values["InferenceId"]) == (value, text)


def test_rest_xml_names_what_is_not_here():
    route53 = SESSION.get_service_model("route53")
    for path, name in (("/2013-04-01/hostedzone", "ListHostedZones"), ("/x", "GET /x")):
        with pytest.raises(NotImplementedHere, match=f"Operation {name} of route53"):
            RestXml().parse(request(path, "GET"), route53)
