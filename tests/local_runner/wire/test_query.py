"""The query format: forms read into values, results and errors written for botocore's own parser."""

import botocore.session
import pytest
from botocore.model import ShapeResolver
from botocore.parsers import EC2QueryParser, QueryParser

from wildsage.local_runner.wire.errors import AwsError
from wildsage.local_runner.wire.query import ec2_error_document, error_document, read_form, result_document

SHAPES = ShapeResolver(
    {
        "Request": {
            "type": "structure",
            "members": {
                "Name": {"shape": "Text"},
                "Renamed": {"shape": "Text", "locationName": "OnTheWire"},
                "Count": {"shape": "Integer"},
                "Size": {"shape": "Long"},
                "Share": {"shape": "Float"},
                "Rate": {"shape": "Double"},
                "Since": {"shape": "Time"},
                "Flag": {"shape": "Flag"},
                "Items": {"shape": "Items"},
                "Flat": {"shape": "Flat"},
            },
        },
        "Item": {"type": "structure", "members": {"Key": {"shape": "Text"}, "Value": {"shape": "Text"}}},
        "Items": {"type": "list", "member": {"shape": "Item"}},
        "Flat": {"type": "list", "member": {"shape": "Text"}, "flattened": True},
        "Text": {"type": "string"},
        "Integer": {"type": "integer"},
        "Long": {"type": "long"},
        "Float": {"type": "float"},
        "Double": {"type": "double"},
        "Time": {"type": "timestamp"},
        "Flag": {"type": "boolean"},
    }
)
REQUEST = SHAPES.get_shape_by_name("Request")


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ({}, {}),
        ({"Name": ""}, {"Name": ""}),
        ({"Name": "x", "Unknown": "y"}, {"Name": "x"}),
        ({"OnTheWire": "x", "Renamed": "y"}, {"Renamed": "x"}),
        ({"Count": "7"}, {"Count": 7}),
        ({"Count": "-7"}, {"Count": -7}),
        ({"Size": "0"}, {"Size": 0}),
        ({"Size": "-9007199254740993"}, {"Size": -9007199254740993}),
        ({"Share": "0.5"}, {"Share": 0.5}),
        ({"Rate": "-1.5e-3"}, {"Rate": -0.0015}),
        ({"Rate": ".5"}, {"Rate": 0.5}),
        ({"Rate": "5."}, {"Rate": 5.0}),
        ({"Since": "1970-01-01T00:01:00Z"}, {"Since": 60.0}),
        ({"Flag": "true"}, {"Flag": True}),
        ({"Flag": "false"}, {"Flag": False}),
        ({"Items.member.1.Key": "a", "Items.member.1.Value": "b"}, {"Items": [{"Key": "a", "Value": "b"}]}),
        ({"Items.member.1.Key": "a", "Items.member.2.Key": "b"}, {"Items": [{"Key": "a"}, {"Key": "b"}]}),
        ({"Items.member.1.Key": "a", "Items.member.3.Key": "c"}, {"Items": [{"Key": "a"}]}),
        ({"Items.member.0.Key": "a"}, {}),
        ({"Flat.1": "a", "Flat.2": "b"}, {"Flat": ["a", "b"]}),
    ],
    ids=str,
)
def test_a_form_is_read_as_its_shape_says(form, values):
    assert read_form(form, REQUEST) == values


def test_a_form_of_an_operation_without_arguments_has_no_values():
    assert read_form({"Action": "X"}, None) == {}


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("Count", "long", "integer"),
        ("Count", "", "integer"),
        ("Count", "--1", "integer"),
        ("Count", "1.5", "integer"),
        ("Size", "1_000", "long"),
        ("Share", "1_0", "float"),
        ("Rate", " 1", "double"),
        ("Rate", ".", "double"),
        ("Rate", "1e99999", "double"),
        ("Since", "yesterday", "timestamp"),
    ],
)
def test_what_is_not_a_value_of_its_type_is_named(name, text, kind):
    with pytest.raises(AwsError, match=f"is not a valid {kind}") as caught:
        read_form({name: text}, REQUEST)
    assert (caught.value.code, caught.value.status) == ("MalformedInput", 400)


def parsed(service: str, operation: str, result: dict) -> dict:
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    whole = {"status_code": 200, "headers": {}, "body": result_document(model, result)}
    answer = QueryParser().parse(whole, model.output_shape)
    assert answer.pop("ResponseMetadata")["RequestId"]
    return answer


def test_botocore_reads_a_result_with_a_wrapper():
    role = {
        "RoleName": "R",
        "RoleId": "AROA",
        "Path": "/",
        "Arn": "arn:aws:iam::0:role/R",
        "Tags": [{"Key": "a", "Value": "<&>"}, {"Key": "b", "Value": ""}],
        "MaxSessionDuration": 3600,
    }
    answer = parsed("iam", "GetRole", {"Role": {**role, "CreateDate": 60}})["Role"]
    assert answer.pop("CreateDate").timestamp() == 60
    assert answer == role


def test_botocore_reads_flags_numbers_and_empty_lists():
    assert parsed("iam", "ListRoles", {"Roles": [], "IsTruncated": False}) == {"Roles": [], "IsTruncated": False}
    assert parsed("iam", "ListRoles", {"Roles": [], "IsTruncated": True, "Marker": "m"})["IsTruncated"] is True
    points = {"Label": "m", "Datapoints": [{"Average": 1.5}, {"Average": 2.0}]}
    assert parsed("cloudwatch", "GetMetricStatistics", points) == points


def test_a_flattened_list_repeats_its_element():
    model = botocore.session.get_session().get_service_model("sqs")
    shape = ShapeResolver(
        {
            "Result": {"type": "structure", "members": {"Names": {"shape": "Names"}}},
            "Names": {"type": "list", "member": {"shape": "Text"}, "flattened": True},
            "Text": {"type": "string"},
        }
    ).get_shape_by_name("Result")
    operation = model.operation_model(model.operation_names[0])
    operation.__dict__["output_shape"] = shape
    operation.metadata["xmlNamespace"] = "http://example.org/"
    assert b"<Names>a</Names><Names>b</Names>" in result_document(operation, {"Names": ["a", "b"]})


def test_an_operation_without_a_result_has_an_answer_with_an_id_alone():
    assert parsed("iam", "DeleteRole", {}) == {}


@pytest.mark.parametrize(
    ("parser", "document"), [(QueryParser, error_document), (EC2QueryParser, ec2_error_document)], ids=["query", "ec2"]
)
def test_botocore_reads_an_error(parser, document):
    error = AwsError("NotImplemented", "Not <yet> & not here.", 501)
    answer = parser().parse({"status_code": 501, "headers": {}, "body": document(error)}, None)
    assert (answer["Error"]["Code"], answer["Error"]["Message"]) == (error.code, error.message)
    assert answer["ResponseMetadata"]["RequestId"]


def test_an_error_of_the_query_format_is_the_senders():
    assert b"<Error><Type>Sender</Type><Code>C</Code><Message>m</Message></Error>" in error_document(AwsError("C", "m"))
