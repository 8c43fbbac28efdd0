"""Whose requests are answered: by the names they use and the pages they come from."""

from __future__ import annotations

import socket

import pytest
from werkzeug.datastructures import Headers

from wildsage.local_runner.server.host_check import rejection

HOST = "127.0.0.1:4577"


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
    "host", ["rebound.example:4577", "127.0.0.1.example", "amazonaws.com", "xamazonaws.com", "", "["]
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
