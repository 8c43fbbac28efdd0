"""Errors that an operation raises."""

from wildsage.local_runner.wire.errors import AwsError, NotImplementedHere, invalid


def test_an_error_is_the_callers_unless_it_says_otherwise():
    error = AwsError("Code", "text", Field=1)
    assert (error.code, error.message, str(error), error.status, error.fields) == (
        "Code",
        "text",
        "text",
        400,
        {"Field": 1},
    )
    assert AwsError("Code", "text", 404).status == 404


def test_an_invalid_request_is_a_validation_exception():
    assert (invalid("wrong").code, invalid("wrong").status, str(invalid("wrong"))) == (
        "ValidationException",
        400,
        "wrong",
    )


def test_what_is_not_implemented_names_operation_and_service():
    error = NotImplementedHere("MakeCoffee", "sagemaker")
    assert (error.operation, error.service, error.status) == ("MakeCoffee", "sagemaker", 501)
    assert str(error) == "Operation MakeCoffee of sagemaker is not implemented by Wildsage yet."
