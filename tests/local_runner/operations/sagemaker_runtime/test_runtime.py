"""What all invocations share: the headers for a container, and errors in the words of the runtime service."""

from __future__ import annotations

import pytest

from wildsage.local_runner.jobs.hosting.endpoint import KIND
from wildsage.local_runner.operations.sagemaker_runtime.runtime import find_endpoint, headers, model_error
from wildsage.local_runner.wire.errors import AwsError


def test_a_container_gets_the_headers_that_were_given():
    assert headers({"EndpointName": "e", "Body": b""}) == {}
    given = {"ContentType": "a/b", "Accept": "", "CustomAttributes": "c", "InferenceId": "d"}
    assert headers(given) == {
        "Content-Type": "a/b",
        "Accept": "",
        "X-Amzn-SageMaker-Custom-Attributes": "c",
        "X-Amzn-SageMaker-Inference-Id": "d",
    }


def test_an_endpoint_that_does_not_exist_is_not_found(context):
    with pytest.raises(AwsError, match="Endpoint e of account 000000000000 not found") as caught:
        find_endpoint(context, "e")
    assert (caught.value.code, caught.value.status) == ("ValidationError", 400)
    context.services.store.insert(KIND.name, "e", {"EndpointName": "e", "CreationTime": 1.0})
    assert find_endpoint(context, "e")["EndpointName"] == "e"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(0, "server"), (399, "server"), (400, "client"), (499, "client"), (500, "server"), (503, "server")],
)
def test_the_error_of_a_model_says_whose_it_is(context, status, kind):
    error = model_error(context, "e", "primary", status, "why")
    assert (error.code, error.status) == ("ModelError", 424)
    assert str(error) == (
        f'Received {kind} error ({status}) from primary with message "why". See the log group /aws/sagemaker/Endpoints/e.'
    )
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/e"
    assert error.fields == {"OriginalStatusCode": status, "OriginalMessage": "why", "LogStreamArn": arn}
