"""Fields that an operation declares as unsupported, and how they are rejected."""

from __future__ import annotations

import pytest
from botocore import xform_name
from botocore.model import ListShape, Shape, StructureShape

from wildsage.local_runner.operations import operations
from wildsage.local_runner.operations.unsupported import reject_unsupported, unsupported, unsupported_fields
from wildsage.local_runner.server.app import service_model
from wildsage.local_runner.wire.errors import AwsError

DECLARED = [
    (service, operation, field)
    for (service, operation), function in operations().items()
    for field in unsupported_fields(function)
]


@unsupported("Mode", "Variants.Config.Size")
def operation(context: object, request: dict) -> None:
    pass


def member(shape: Shape, path: list[str]) -> Shape:
    """The shape at a path. Raises KeyError."""
    while isinstance(shape, ListShape):
        shape = shape.member
    if not path:
        return shape
    assert isinstance(shape, StructureShape)
    return member(shape.members[path[0]], path[1:])


def test_operations_declare_unsupported_fields():
    assert len(DECLARED) > 20


@pytest.mark.parametrize(("service", "operation", "field"), DECLARED)
def test_a_declared_field_is_in_the_model_of_aws(service, operation, field):
    model = service_model(service)
    name = next(name for name in model.operation_names if xform_name(name) == operation)
    assert member(model.operation_model(name).input_shape, field.split("."))


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"Mode": "Fast"}, "Mode"),
        ({"Variants": [{"Config": {"Size": 0}}, {"Config": {"Size": 1}}]}, "Variants.Config.Size"),
    ],
)
def test_a_field_that_is_set_is_rejected_by_its_path(request_, field):
    with pytest.raises(AwsError) as rejection:
        reject_unsupported(operation, request_)
    assert str(rejection.value) == f"{field} is not implemented by Wildsage yet. Leave it out."


@pytest.mark.parametrize("request_", [{}, {"Mode": ""}, {"Variants": [{"Config": {}}, {}]}, {"Other": "Fast"}])
def test_a_field_that_is_absent_or_empty_is_not_rejected(request_):
    reject_unsupported(operation, request_)


def test_other_functions_have_no_unsupported_fields():
    assert unsupported_fields(print) == ()


def test_the_server_rejects_what_is_declared(aws):
    with pytest.raises(aws.sagemaker.exceptions.ClientError, match="TrainingPlanArnEquals is not implemented"):
        aws.sagemaker.list_training_jobs(
            TrainingPlanArnEquals="arn:aws:sagemaker:us-east-1:000000000000:training-plan/p"
        )
