"""Buckets, errors and headers of the S3 server, as boto3 sees them."""

from __future__ import annotations

import base64
import errno
import http.client
import os

import pytest
from botocore.exceptions import ClientError
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request

from wildsage.containers.contract.patient_worker import ClientTooSlow
from wildsage.local_runner.processes.line_file import LineFile
from wildsage.local_runner.s3.protocol import READS, S3
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore


def code_of(caught) -> str:
    return caught.value.response["Error"]["Code"]


def test_life_of_a_bucket(s3):
    s3.create_bucket(Bucket="life-of-a-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.head_bucket(Bucket="life-of-a-bucket")["BucketRegion"] == "eu-west-1"
    assert s3.get_bucket_location(Bucket="life-of-a-bucket")["LocationConstraint"] == "eu-west-1"
    assert "life-of-a-bucket" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket="life-of-a-bucket", Key="k", Body=b"")
    with pytest.raises(ClientError) as caught:
        s3.delete_bucket(Bucket="life-of-a-bucket")
    assert code_of(caught) == "BucketNotEmpty"
    s3.delete_object(Bucket="life-of-a-bucket", Key="k")
    s3.delete_bucket(Bucket="life-of-a-bucket")
    with pytest.raises(ClientError) as caught:
        s3.head_bucket(Bucket="life-of-a-bucket", ExpectedBucketOwner="000000000000")
    assert code_of(caught) == "404"


def test_making_a_bucket_again_is_an_error_outside_us_east_1(server, s3, bucket):
    s3.create_bucket(Bucket=bucket)
    elsewhere = server.client(region_name="eu-west-1")
    with pytest.raises(ClientError) as caught:
        elsewhere.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert code_of(caught) == "BucketAlreadyOwnedByYou"


@pytest.mark.parametrize(
    ("region", "constraint", "code"),
    [
        ("eu-west-1", None, "IllegalLocationConstraintException"),
        ("eu-west-1", "us-west-2", "IllegalLocationConstraintException"),
        ("us-east-1", "us-east-1", "InvalidLocationConstraint"),
        ("eu-west-1", "us-east-1", "InvalidLocationConstraint"),
        ("us-east-1", "mars-north-1", "InvalidLocationConstraint"),
    ],
)
def test_a_bucket_in_a_region_that_the_request_may_not_name_is_rejected(server, bucket, region, constraint, code):
    asked = {"CreateBucketConfiguration": {"LocationConstraint": constraint}} if constraint else {}
    with pytest.raises(ClientError) as caught:
        server.client(region_name=region).create_bucket(Bucket=f"{bucket}-rejected", **asked)
    assert code_of(caught) == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_bucket_is_found_from_every_region_and_says_its_own(server, bucket):
    europe, america = server.client(region_name="eu-central-1"), server.client()
    name = f"{bucket}-europe"
    europe.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    headers = america.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-bucket-region"] == "eu-central-1"
    with pytest.raises(ClientError) as caught:
        america.create_bucket(Bucket=name)
    assert code_of(caught) == "BucketAlreadyOwnedByYou", "us-east-1 takes a bucket twice only if it lies there"


def test_missing_things_are_named(s3, bucket):
    with pytest.raises(s3.exceptions.NoSuchKey, match=f"s3://{bucket}/absent"):
        s3.get_object(Bucket=bucket, Key="absent")
    with pytest.raises(s3.exceptions.NoSuchBucket, match="no-such-bucket"):
        s3.get_object(Bucket="no-such-bucket", Key="k")
    with pytest.raises(s3.exceptions.NoSuchBucket, match="no-such-bucket"):
        s3.list_objects_v2(Bucket="no-such-bucket")
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket, Key="absent")
    assert code_of(caught) == "404"


def test_what_is_not_implemented_says_so_by_name(s3, bucket):
    with pytest.raises(ClientError, match="PutBucketPolicy is not implemented") as caught:
        s3.put_bucket_policy(Bucket=bucket, Policy="{}")
    assert code_of(caught) == "NotImplemented"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_keys_that_are_too_long_are_rejected(s3, bucket):
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="x" * 1025, Body=b"")
    assert code_of(caught) == "KeyTooLongError"


@pytest.mark.parametrize(
    "body",
    [
        b"<Delete><Object>",
        b"<Other/>",
        b"<Delete></Delete>",
        b'<!DOCTYPE d [<!ENTITY a "k">]><Delete><Object><Key>&a;</Key></Object></Delete>',
        '<?xml version="1.0" encoding="utf-16"?><Delete/>'.encode("utf-16"),
    ],
)
def test_malformed_documents_are_rejected(server, bucket, body):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", f"/{bucket}?delete", body)
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"<Code>MalformedXML</Code>" in answer.read()


def test_virtual_host_style(server, s3, bucket):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    host = {"Host": f"{bucket}.s3.us-east-1.amazonaws.com"}
    connection.request("PUT", "/dir/key", b"virtual", host)
    assert connection.getresponse().read() == b""
    assert s3.get_object(Bucket=bucket, Key="dir/key")["Body"].read() == b"virtual"


def test_connections_are_reused_after_every_kind_of_answer(server, bucket):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.connect()
    first = connection.sock
    for method, path, body in [
        ("PUT", f"/{bucket}/k", b"x"),
        ("GET", f"/{bucket}/k", None),
        ("HEAD", f"/{bucket}/k", None),
        ("GET", f"/{bucket}/absent", None),
        ("PUT", "/no-such-bucket/k", b"x" * 100_000),
        ("DELETE", f"/{bucket}/k", None),
    ]:
        connection.request(method, path, body)
        connection.getresponse().read()
        assert connection.sock is first


def test_a_bug_is_an_internal_error_without_a_trace(tmp_path, caplog):
    store = ObjectStore(tmp_path)
    store.close()
    answer = S3(store).respond(Request(EnvironBuilder(path="/bucket/key").get_environ()))
    assert answer.status_code == 500
    assert b"InternalError" in answer.data
    assert b"Traceback" not in answer.data
    assert answer.headers["x-amz-request-id"] in caplog.text


def test_objects_survive_a_restart(tmp_path, start_s3):
    with start_s3(tmp_path) as first:
        first.client().create_bucket(Bucket="kept")
        first.client().put_object(Bucket="kept", Key="a//b", Body=b"x", Metadata={"a": "1"})
        upload = first.client().create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
        first.client().upload_part(Bucket="kept", Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    with start_s3(tmp_path) as second:
        got = second.client().get_object(Bucket="kept", Key="a//b")
        assert (got["Body"].read(), got["Metadata"]) == (b"x", {"a": "1"})
        parts = second.client().list_parts(Bucket="kept", Key="parts", UploadId=upload)["Parts"]
        assert [part["Size"] for part in parts] == [4]


def test_every_answer_names_its_request_and_its_host(s3, bucket):
    answer = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ResponseMetadata"]
    assert answer["HostId"] == answer["HTTPHeaders"]["x-amz-id-2"]
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="absent")
    failed = caught.value.response
    assert failed["ResponseMetadata"]["HostId"] == failed["ResponseMetadata"]["HTTPHeaders"]["x-amz-id-2"]
    assert len(failed["ResponseMetadata"]["HostId"]) == 76 and failed["ResponseMetadata"]["HostId"] != answer["HostId"]


# Without a server


def client(s3: S3) -> Client:
    return Client(lambda environ, start: s3.respond(Request(environ))(environ, start))


def failing(local, error: Exception) -> Client:
    """A client of an S3 whose lists of buckets fail."""

    def fail(_call: object) -> None:
        raise error

    s3 = S3(local.store)
    s3.operations = {"ListBuckets": fail}
    return client(s3)


def test_every_answer_has_an_id_of_its_own(local):
    answers = [local.http.get("/"), local.http.get("/"), local.http.get("/nowhere")]
    ids = [answer.headers["x-amz-request-id"] for answer in answers]
    hosts = [base64.b64decode(answer.headers["x-amz-id-2"]) for answer in answers]
    assert len(set(ids)) == len(set(hosts)) == 3 and {len(host) for host in hosts} == {56}
    assert all(len(each) == 16 and each == each.upper() for each in ids)
    assert f"<RequestId>{ids[2]}</RequestId>" in answers[2].text
    assert f"<HostId>{answers[2].headers['x-amz-id-2']}</HostId>" in answers[2].text
    assert "<Resource>/nowhere</Resource>" in answers[2].text


def test_a_failure_names_its_request_and_nothing_else(local, caplog):
    answer = failing(local, RuntimeError("a secret")).get("/")
    assert (answer.status_code, "InternalError" in answer.text, "secret" in answer.text) == (500, True, False)
    assert "a secret" in caplog.text and answer.headers["x-amz-request-id"] in answer.text


def test_a_full_disk_is_named(local):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/temp/1")
    answer = failing(local, error).get("/")
    assert (answer.status_code, "<Code>StorageFull</Code>" in answer.text) == (507, True)
    assert "No space left on device: /data/temp" in answer.text and answer.headers["x-amz-request-id"] in answer.text


def test_a_client_that_is_too_slow_is_told_so_and_loses_its_connection(local):
    answer = failing(local, ClientTooSlow()).get("/")
    assert (answer.status_code, "<Code>RequestTimeout</Code>" in answer.text) == (400, True)
    assert answer.headers["Connection"] == "close" and "Connection" not in local.http.get("/").headers


def test_the_rest_of_a_rejected_body_is_read(local):
    body = os.urandom(3 << 20)
    environ = EnvironBuilder("/nowhere/k", method="PUT", data=body).get_environ()
    S3(local.store).respond(Request(environ))
    assert environ["wsgi.input"].read() == b""


def test_what_is_not_implemented_is_noted(local, tmp_path):
    asked = client(S3(local.store, not_implemented=LineFile(tmp_path / "lines")))
    for s3 in (asked, local.http):
        answer = s3.put("/bucket?policy", data=b"{}")
        assert (answer.status_code, "PutBucketPolicy is not implemented" in answer.text) == (501, True)
    assert (tmp_path / "lines").read_text() == "s3 PutBucketPolicy\n"


def test_reads_of_buckets_that_do_not_exist_are_noted_and_nothing_else(local, tmp_path):
    asked = client(S3(local.store, missed=LineFile(tmp_path / "lines")))
    for answer in (
        asked.get("/nowhere-1/k"),
        asked.head("/nowhere-2/k"),
        asked.get("/nowhere-3"),
        asked.get("/nowhere-4?list-type=2"),
        asked.get("/nowhere-5?versions"),
        asked.put("/bucket/k", headers={"x-amz-copy-source": "nowhere-6/k"}),
        asked.get("/nowhere-7/k?tagging"),
        asked.get("/nowhere-8/k?attributes", headers={"x-amz-object-attributes": "ETag"}),
        asked.head("/nowhere"),
        asked.put("/nowhere/k", data=b"x"),
        asked.delete("/nowhere/k"),
        asked.get("/bucket/k"),
    ):
        assert answer.status_code == 404
    assert (tmp_path / "lines").read_text().split() == [f"nowhere-{number}" for number in range(1, 9)]
    assert S3(local.store).operations.keys() >= set(READS)


def test_versions_are_not_implemented_but_the_only_one(local):
    local.store.put("bucket", "k", [b"content"])
    assert local.http.get("/bucket/k?versionId=null").data == b"content"
    answer = local.http.get("/bucket/k?versionId=1")
    assert (answer.status_code, "Versions of objects" in answer.text) == (501, True)


def test_public_buckets_are_read_and_never_written(local):
    s3 = client(S3(local.store, PublicBuckets(local.store, "http://127.0.0.1:1")))
    for answer in (s3.get("/far/k"), s3.get("/far"), s3.put("/bucket/k", headers={"x-amz-copy-source": "far/k"})):
        assert "the public S3 cannot be reached" in answer.text
    for answer in (s3.put("/far/k", data=b"x"), s3.get("/far/k?tagging")):
        assert answer.status_code == 404 and "public" not in answer.text
