"""Requests that no client of AWS sends are rejected in the caller's protocol; nothing of them is an internal error."""

from __future__ import annotations

import pytest
import urllib3


def nested(depth: int, begin: str, end: str) -> bytes:
    return (begin * depth + '{"Name": "TrainingJobName"}' + end * depth).encode()


@pytest.mark.parametrize(
    "expression",
    [
        nested(5_000, '{"a":', "}"),
        nested(900, '{"a":', "}"),
        nested(200, '{"SubExpressions": [', "]}"),
        nested(60, '{"SubExpressions": [', "]}"),
    ],
)
def test_a_document_that_is_nested_deeply_is_rejected(aws, expression):
    headers = {
        "X-Amz-Target": "SageMaker.Search",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": "AWS4-HMAC-SHA256 Credential=me/20260101/us-east-1/sagemaker/aws4_request",
    }
    body = b'{"Resource": "TrainingJob", "SearchExpression": ' + expression + b"}"
    answer = urllib3.request("POST", aws.endpoint, headers=headers, body=body, retries=False)
    assert answer.status == 400
    assert answer.json()["__type"] in ("SerializationException", "ValidationException")
