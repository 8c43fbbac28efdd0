"""Forms that `generate_presigned_post` makes: what their policy allows is stored, everything else is rejected."""

from __future__ import annotations

import base64
import io
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


# Policies and forms without a server

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def check(
    conditions: list, fields: dict[str, str] | None = None, size: int = 4, expiration: str = "2026-01-01T12:00:00Z"
):
    policy = {"expiration": expiration, "conditions": conditions}
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    check_policy(encoded, {"bucket": "b", "policy": encoded, **(fields or {})}, size, NOW)


@pytest.mark.parametrize(
    ("conditions", "fields"),
    [
        ([], {}),
        ([{"key": "k"}], {"key": "k"}),
        ([["eq", "$key", "k"]], {"key": "k"}),
        ([["eq", "$Content-Type", "text/csv"]], {"content-type": "text/csv"}),
        ([["starts-with", "$key", ""]], {"key": "k"}),
        ([["starts-with", "$key", "user/"]], {"key": "user/k"}),
        ([["starts-with", "$key", ""]], {}),
        ([{"bucket": "b"}, ["content-length-range", 4, 4]], {}),
        ([["content-length-range", "0", "10"]], {}),
        ([], {"x-ignore-a": "1", "file": "f", "signature": "s", "x-amz-signature": "s", "awsaccesskeyid": "a"}),
    ],
)
def test_a_form_that_its_policy_allows(conditions, fields):
    check(conditions, fields)


@pytest.mark.parametrize(
    ("conditions", "fields", "text"),
    [
        ([{"key": "k"}], {"key": "other"}, 'Policy Condition failed: ["eq", "$key", "k"]'),
        ([{"key": "k"}], {}, 'Policy Condition failed: ["eq", "$key", "k"]'),
        ([["starts-with", "$key", "user/"]], {"key": "k/user/"}, 'failed: ["starts-with", "$key", "user/"]'),
        ([["eq", "$key", "user/"]], {"key": "user/k"}, 'failed: ["eq", "$key", "user/"]'),
        ([{"bucket": "other"}], {}, 'failed: ["eq", "$bucket", "other"]'),
        ([{"key": "k"}], {"key": "k", "b": "1", "a": "1"}, "Extra input fields: a"),
        ([], {"ignore-a": "1"}, "Extra input fields: ignore-a"),
    ],
)
def test_a_form_that_its_policy_does_not_allow(conditions, fields, text):
    with pytest.raises(S3Error) as caught:
        check(conditions, fields)
    assert caught.value.code == "AccessDenied" and str(caught.value).endswith(text)
    assert str(caught.value).startswith("Invalid according to Policy: ")


def test_a_policy_holds_until_it_expires():
    check([], expiration="2026-01-01T13:00:00+01:00")
    for expiration in ("2026-01-01T11:59:59Z", "2026-01-01T12:00:00+01:00"):
        with pytest.raises(S3Error, match="Policy expired"):
            check([], expiration=expiration)


@pytest.mark.parametrize(
    ("size", "code", "details"),
    [
        (3, "EntityTooSmall", {"ProposedSize": "3", "MinSizeAllowed": "4"}),
        (4, "", {}),
        (6, "", {}),
        (7, "EntityTooLarge", {"ProposedSize": "7", "MaxSizeAllowed": "6"}),
    ],
)
def test_a_file_has_the_size_that_the_policy_allows(size, code, details):
    if not code:
        check([["content-length-range", 4, 6]], size=size)
        return
    with pytest.raises(S3Error) as caught:
        check([["content-length-range", 4, 6]], size=size)
    assert (caught.value.code, caught.value.details) == (code, details)


def post(local, path: str = "/bucket", body: bytes = b"body", name: str = "name.csv", **fields: str):
    given = {key.replace("_", "-"): value for key, value in fields.items()}
    return local.http.post(path, data={"key": "k", **given, "file": (io.BytesIO(body), name)})


def test_a_form_without_a_policy_is_stored_where_nobody_checks(local):
    answer = post(local, key="a/${filename}", Content_Type="text/csv", x_amz_meta_by="me", Cache_Control="no-store")
    stored = local.store.get("bucket", "a/name.csv")
    assert (answer.status_code, answer.data, stored.path.read_bytes()) == (204, b"", b"body")
    assert (stored.content_type, stored.metadata) == ("text/csv", {"by": "me"})
    assert stored.attributes.headers == {"Cache-Control": "no-store"}
    assert answer.headers["ETag"] == f'"{stored.etag}"'
    assert answer.headers["Location"] == "http://localhost/bucket/a/name.csv"
    post(local)
    plain = local.store.get("bucket", "k")
    assert (plain.content_type, plain.attributes.headers, plain.attributes.tagging) == ("binary/octet-stream", {}, "")


def test_a_form_may_have_tags(local):
    post(local, tagging="<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>")
    assert local.store.get("bucket", "k").attributes.tagging == "a=1"
    assert b"MalformedXML" in post(local, tagging="<Other/>").data


def test_a_form_chooses_its_answer(local):
    for status, expected in (("200", 200), ("201", 201), ("204", 204), ("500", 204)):
        answer = local.http.post(
            "/bucket", data={"key": "k", "success_action_status": status, "file": (io.BytesIO(b"x"), "n")}
        )
        assert (answer.status_code, b"<PostResponse" in answer.data) == (expected, status == "201")
    for target, joint in (("http://h/done", "?"), ("http://h/done?x=1", "&")):
        answer = local.http.post(
            "/bucket", data={"key": "a/b c", "success_action_redirect": target, "file": (io.BytesIO(b"x"), "n")}
        )
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith(f"{target}{joint}bucket=bucket&key=a%2Fb%20c&etag=%22")


@pytest.mark.parametrize(
    ("fields", "argument"), [({"key": "k"}, "file"), ({"file": (io.BytesIO(b"x"), "n")}, "key")], ids=["file", "key"]
)
def test_a_form_needs_a_key_and_a_file(local, fields, argument):
    answer = local.http.post("/bucket", data=fields, content_type="multipart/form-data")
    assert (code(answer), f"<ArgumentName>{argument}</ArgumentName>" in answer.text) == ("InvalidArgument", True)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("Content-Type", "text/\xe9", True),
        ("Content-Type", "text/\u0100", False),
        ("Content-Language", "a\nb", False),
        ("x-amz-meta-by", "\xff", True),
        ("x-amz-meta-by", "\u0100", False),
        ("x-amz-meta-", "x", False),
        ("x-amz-meta-a:b", "x", False),
        ("x-ignore-me", "a\nb\u0100", True),
    ],
)
def test_what_becomes_a_header_is_what_a_header_can_have(local, name, value, right):
    answer = local.http.post("/bucket", data={"key": "k", name: value, "file": (io.BytesIO(b"x"), "n")})
    assert code(answer) == ("" if right else "InvalidArgument")
    if not right:
        assert f"<ArgumentName>{name.lower()}</ArgumentName>" in answer.text


def test_an_address_to_go_to_may_have_any_character(local):
    fields = {"key": "k", "success_action_redirect": "http://h/\u0100", "file": (io.BytesIO(b"x"), "n")}
    assert local.http.post("/bucket", data=fields).status_code == 303


def test_fields_before_the_file_that_are_too_large_are_rejected(local):
    answer = local.http.post("/bucket", data={"key": "k", "more": "x" * 600_000, "file": (io.BytesIO(b"x"), "n")})
    assert (answer.status_code, code(answer)) == (400, "MalformedPOSTRequest")
