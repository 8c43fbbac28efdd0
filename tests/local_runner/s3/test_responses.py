"""Headers and elements that several operations share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.objects import Attributes, StoredObject
from wildsage.local_runner.s3.responses import (
    checksum_elements,
    checksum_headers,
    checksum_type,
    empty_response,
    error_response,
    format_time,
    object_headers,
    xml_response,
)


@pytest.mark.parametrize(("microseconds", "text"), [(0, "12.000Z"), (123_000, "12.123Z"), (999_999, "12.999Z")])
def test_a_time_has_milliseconds(microseconds, text):
    assert format_time(datetime(2026, 11, 21, 18, 0, 12, microseconds, UTC)) == f"2026-11-21T18:00:{text}"


def test_an_empty_response_has_neither_body_nor_type():
    answer = empty_response({"ETag": '"x"'})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (200, b"", '"x"')
    assert "Content-Type" not in answer.headers and empty_response(status=204).status_code == 204


def test_a_document_is_xml():
    answer = xml_response("Root", {"A": 1}, {"X": "y"}, 201)
    assert (answer.status_code, answer.content_type, answer.headers["X"]) == (201, "application/xml", "y")
    assert b"<A>1</A>" in answer.data and xml_response("Root", "").status_code == 200


def test_an_error_has_its_details_and_the_request():
    answer = error_response(S3Error("NoSuchKey", "a <b>", Key="k"), "/b/k", "R", "H")
    assert (answer.status_code, answer.content_type) == (404, "application/xml")
    assert answer.data.endswith(
        b"<Error><Code>NoSuchKey</Code><Message>a &lt;b&gt;</Message><Key>k</Key><Resource>/b/k</Resource>"
        b"<RequestId>R</RequestId><HostId>H</HostId></Error>"
    )


@pytest.mark.parametrize(
    ("checksums", "kind"),
    [
        ({"CRC32": "AAAAAA=="}, "FULL_OBJECT"),
        ({"CRC32": "AAAAAA==-2"}, "COMPOSITE"),
        ({"A": "x", "B": "y-1"}, "COMPOSITE"),
    ],
)
def test_a_checksum_of_checksums_is_composite(checksums, kind):
    assert checksum_type(checksums) == kind
    assert checksum_headers(checksums)["x-amz-checksum-type"] == kind


def test_checksums_are_headers_and_elements():
    given = {"SHA1": "b", "CRC32": "a"}
    assert checksum_headers(given) == {
        "x-amz-checksum-crc32": "a",
        "x-amz-checksum-sha1": "b",
        "x-amz-checksum-type": "FULL_OBJECT",
    }
    assert list(checksum_elements(given).items()) == [("ChecksumCRC32", "a"), ("ChecksumSHA1", "b")]
    assert checksum_headers({}) == checksum_elements({}) == {}


@pytest.mark.parametrize(("tagging", "count"), [("", None), ("a=1", "1"), ("a=1&b=2&c=", "3")])
def test_the_headers_of_an_object(tagging, count):
    attributes = Attributes("text/csv", {"who": "me"}, {"Cache-Control": "no-store"}, tagging)
    stored = StoredObject(
        bucket="b", key="k", size=1, etag="e", modified_ns=1_500_000_000, path=Path("f"), attributes=attributes
    )
    found = object_headers(stored)
    assert found.pop("x-amz-tagging-count", None) == count
    assert found == {
        "ETag": '"e"',
        "Last-Modified": "Thu, 01 Jan 1970 00:00:01 GMT",
        "Accept-Ranges": "bytes",
        "Content-Type": "text/csv",
        "Cache-Control": "no-store",
        "x-amz-meta-who": "me",
    }
