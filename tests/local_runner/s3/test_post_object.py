"""Forms that `generate_presigned_post` makes: what their policy allows is stored, everything else is rejected."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import requests
from botocore.exceptions import ClientError

from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.post_object import check_policy


def send(
    s3, bucket: str, key: str = "k", body: bytes = b"body", extra: dict | None = None, **given
) -> requests.Response:
    form = s3.generate_presigned_post(bucket, key, **given)
    return requests.post(
        form["url"], data=form["fields"] | (extra or {}), files={"file": ("name.csv", body)}, timeout=240
    )


def code(response: requests.Response) -> str:
    return response.text.partition("<Code>")[2].partition("</Code>")[0]


def test_a_form_stores_its_file(s3, bucket):
    fields = {"Content-Type": "text/csv", "x-amz-meta-by": "me"}
    response = send(
        s3, bucket, "folder/${filename}", b"1,2\n", Fields=fields, Conditions=[{n: v} for n, v in fields.items()]
    )
    assert response.status_code == 204, response.text
    found = s3.get_object(Bucket=bucket, Key="folder/name.csv")
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"1,2\n", "text/csv", {"by": "me"})
    assert response.headers["ETag"] == found["ETag"]


@pytest.mark.parametrize("status", ["200", "201", "204"])
def test_the_form_chooses_the_status(s3, bucket, status):
    fields = {"success_action_status": status}
    response = send(s3, bucket, Fields=fields, Conditions=[fields])
    assert response.status_code == int(status)
    assert ("<Key>k</Key>" in response.text) == (status == "201")


def test_the_form_chooses_where_to_go(s3, bucket):
    fields = {"success_action_redirect": "http://127.0.0.1/done?x=1"}
    form = s3.generate_presigned_post(bucket, "a b", Fields=fields, Conditions=[fields])
    response = requests.post(form["url"], data=form["fields"], files={"file": b"x"}, allow_redirects=False, timeout=240)
    assert response.status_code == 303
    assert response.headers["Location"].startswith(f"http://127.0.0.1/done?x=1&bucket={bucket}&key=a%20b&etag=%22")


@pytest.mark.parametrize(
    ("given", "extra", "expected"),
    [
        ({"ExpiresIn": -10}, {}, ("AccessDenied", 403)),
        ({}, {"key": "other"}, ("AccessDenied", 403)),
        ({}, {"x-amz-meta-more": "1"}, ("AccessDenied", 403)),
        (
            {"Conditions": [["starts-with", "$Content-Type", "image/"]]},
            {"Content-Type": "text/csv"},
            ("AccessDenied", 403),
        ),
        ({"Conditions": [["content-length-range", 1, 3]]}, {}, ("EntityTooLarge", 400)),
        ({"Conditions": [["content-length-range", 5, 9]]}, {}, ("EntityTooSmall", 400)),
        ({}, {"policy": "bm90IEpTT04="}, ("InvalidPolicyDocument", 400)),
        ({}, {"key": ""}, ("InvalidArgument", 400)),
    ],
)
def test_what_the_policy_does_not_allow_is_rejected(s3, bucket, given, extra, expected):
    response = send(s3, bucket, extra=extra, **given)
    assert (code(response), response.status_code) == expected, response.text
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="k")


def test_what_the_policy_allows_is_stored(s3, bucket):
    conditions = [["starts-with", "$Content-Type", "image/"], ["content-length-range", 4, 4]]
    response = send(s3, bucket, extra={"Content-Type": "image/png", "x-ignore-me": "1"}, Conditions=conditions)
    assert response.status_code == 204, response.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Type", "text/csv\r\nX-More: 1"),
        ("Cache-Control", "\u65e5"),
        ("x-amz-meta-by", "me\n"),
        ("x-amz-meta-a b:", "me"),
        ("success_action_redirect", "http://127.0.0.1/\r\nX-More: 1"),
    ],
)
def test_a_field_that_no_header_can_have_is_rejected(s3, bucket, name, value):
    """An object with it could never be read again."""
    response = send(s3, bucket, Fields={name: value}, Conditions=[{name: value}])
    assert (code(response), response.status_code) == ("InvalidArgument", 400)
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="k")


def test_a_form_needs_a_file_and_a_bucket(s3, bucket):
    form = s3.generate_presigned_post(bucket, "k")
    response = requests.post(form["url"], data=form["fields"], files={"other": b"x"}, timeout=240)
    assert (code(response), response.status_code) == ("InvalidArgument", 400)
    response = send(s3, "no-such-bucket")
    assert (code(response), response.status_code) == ("NoSuchBucket", 404)


@pytest.mark.parametrize(
    "policy",
    [
        {"conditions": []},
        {"expiration": "2030-01-01T00:00:00Z"},
        {"expiration": "soon", "conditions": []},
        {"expiration": "2030-01-01T00:00:00", "conditions": []},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": [["content-length-range", 0, 1.5]]},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": [["like", "$key", "x"]]},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": [["content-length-range", "a", "b"]]},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": [["eq"]]},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": 3},
        [],
    ],
)
def test_a_policy_that_is_not_one_is_named(policy):
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    with pytest.raises(S3Error) as caught:
        check_policy(encoded, {}, 0, datetime.now(UTC) + timedelta())
    assert caught.value.code == "InvalidPolicyDocument"
