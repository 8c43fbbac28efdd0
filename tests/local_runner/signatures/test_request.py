"""What a signature covers, as the server has read it."""

from __future__ import annotations

import pytest

from wildsage.local_runner.signatures.request import SignedRequest


def request(**environ: str) -> SignedRequest:
    return SignedRequest.from_environ({"REQUEST_METHOD": "GET", **environ})


def test_headers_have_their_names_in_lower_case():
    given = request(HTTP_X_AMZ_DATE="d", HTTP_HOST="h", CONTENT_TYPE="text/csv", CONTENT_LENGTH="", SERVER_NAME="s")
    assert given.headers == {"x-amz-date": "d", "host": "h", "content-type": "text/csv"}
    assert (given.header("X-Amz-Date"), given.header("content-type"), given.header("absent")) == ("d", "text/csv", None)
    assert request(HTTP_CONTENT_TYPE="x").header("Content-Type") is None


def test_of_two_arguments_the_first_counts():
    given = request(QUERY_STRING="a=1&a=2&b=&c")
    assert [given.argument(name) for name in "abcd"] == ["1", "", "", None]


@pytest.mark.parametrize(
    ("path", "once", "twice"),
    [
        ("", "/", "/"),
        ("/a/b", "/a/b", "/a/b"),
        ("/a b+c", "/a%20b%2Bc", "/a%2520b%252Bc"),
        ("/\xc3\xbc", "/%C3%BC", "/%25C3%25BC"),
        ("/-_.~", "/-_.~", "/-_.~"),
        ("/%41", "/%2541", "/%252541"),
    ],
)
def test_a_path_is_written_in_one_form(path, once, twice):
    given = request(PATH_INFO=path)
    assert (given.canonical_path(encode_twice=False), given.canonical_path(encode_twice=True)) == (once, twice)


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1&X-Amz-Signature=x", "a=1&a=2"),
        ("uploads", "uploads="),
        ("a=x%20y/+%2B", "a=x%20y%2F%20%2B"),
        ("%C3%BC=%ff", "%C3%BC=%FF"),
        ("A=1&a=1&_=1", "A=1&_=1&a=1"),
    ],
)
def test_a_query_is_sorted_and_written_in_one_form(query, canonical):
    assert request(QUERY_STRING=query).canonical_query(without="X-Amz-Signature") == canonical
