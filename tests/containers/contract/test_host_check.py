"""Whose requests are answered: by the names they use and the pages they come from."""

from __future__ import annotations

import socket

import pytest
from werkzeug.datastructures import Headers

from wildsage.containers.contract.host_check import hostname, rejection, rejection_of_endpoint

HOST = "127.0.0.1:4577"
MALFORMED = [
    "me@127.0.0.1:4577",
    "127.0.0.1@rebound.example",
    "me:secret@localhost",
    "127.0.0.1:4577/path",
    "127.0.0.1:x",
    "127.0.0.1:4577:1",
    "127.0.0.1,rebound.example",
    "127.0.0.1 rebound.example",
    "localhost\\@rebound.example",
    "127.0.0.1#rebound.example",
    "\u0661\u0662\u0667.0.0.1",
    "[::1%eth0]",
]
"""Texts that one program takes for this machine and another for somebody else's: users, paths, lists, digits of other scripts."""


@pytest.mark.parametrize(
    "host", [HOST, "localhost", "bucket.s3.localhost:80", "[::1]:80", "s3.amazonaws.com", "b.s3.cn-north-1.amazonaws.com.cn"]
)  # fmt: skip
@pytest.mark.parametrize("open_to_network", [False, True])
def test_our_own_names_and_amazons_are_served(host, open_to_network):
    assert rejection(Headers({"Host": host}), open_to_network) is None


@pytest.mark.parametrize("host", ["10.0.0.7:4577", "[fe80::1]:4577", f"{socket.gethostname()}:4577"])
def test_the_machines_name_and_addresses_are_served_only_where_the_network_may_come_in(host):
    assert "is not served here" in rejection(Headers({"Host": host}), open_to_network=False)
    assert rejection(Headers({"Host": host}), open_to_network=True) is None


@pytest.mark.parametrize(
    "host", ["rebound.example:4577", "127.0.0.1.example", "amazonaws.com", "xamazonaws.com", "", "[", *MALFORMED]
)
@pytest.mark.parametrize("open_to_network", [False, True])
def test_a_name_that_anybody_can_make_resolve_to_us_is_not(host, open_to_network):
    assert "is not served here" in rejection(Headers({"Host": host}), open_to_network)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "https://a-page.s3.amazonaws.com"},
        {"Origin": "http://10.0.0.7"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost@example.org"},
        {"Origin": "http://me@localhost"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("open_to_network", [False, True])
def test_pages_of_other_sites_are_rejected_even_those_in_a_bucket_of_amazons(headers, open_to_network):
    assert "other web sites" in rejection(Headers({"Host": HOST, **headers}), open_to_network)


@pytest.mark.parametrize("origin", ["http://localhost:8888", "http://127.0.0.1:3000"])
def test_pages_of_this_machine_are_answered(origin):
    assert rejection(Headers({"Host": HOST, "Origin": origin}), open_to_network=False) is None


def test_a_line_end_is_no_part_of_a_name():
    """werkzeug takes no such header; the server of an endpoint reads names of its own."""
    assert hostname("localhost\n") == hostname("\nlocalhost") == ""


@pytest.mark.parametrize("host", [HOST, "localhost:8080", "a.localhost", "[::1]:8080", "172.17.0.2:8080"])
def test_an_endpoint_is_asked_at_localhost_or_its_address(host):
    assert rejection_of_endpoint(Headers({"Host": host})) is None


@pytest.mark.parametrize("host", ["rebound.example:8080", "s3.amazonaws.com", socket.gethostname(), "", *MALFORMED])
def test_an_endpoint_is_asked_by_no_other_name(host):
    assert "is not served here" in rejection_of_endpoint(Headers({"Host": host}))


@pytest.mark.parametrize("headers", [{"Origin": "http://10.0.0.7"}, {"Origin": ""}, {"Sec-Fetch-Site": "cross-site"}], ids=str)  # fmt: skip
def test_an_endpoint_does_not_answer_pages_of_other_sites(headers):
    assert "other web sites" in rejection_of_endpoint(Headers({"Host": HOST, **headers}))
