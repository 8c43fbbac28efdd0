"""The proxy with real clients: boto3 without any endpoint, and what is rejected."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
import urllib3
from botocore.config import Config
from urllib3.exceptions import MaxRetryError


@pytest.fixture
def session(proxy):
    """Clients that know the proxy and nothing else."""
    config = Config(proxies={"https": proxy.address}, retries={"total_max_attempts": 1})
    session = boto3.Session("test", "test", region_name="eu-west-1")
    return lambda service, **settings: session.client(
        service, verify=proxy.bundle, config=config.merge(Config(**settings))
    )


def test_every_service_answers_in_amazons_name(session):
    sts = session("sts")
    assert sts.meta.endpoint_url == "https://sts.eu-west-1.amazonaws.com"
    assert sts.get_caller_identity()["Account"] == "000000000000"
    assert "TrainingJobSummaries" in session("sagemaker").list_training_jobs()
    assert session("iam").get_role(RoleName="r")["Role"]["RoleName"] == "r"


@pytest.mark.parametrize("style", ["virtual", "path"])
def test_a_bucket_is_found_by_host_and_by_path(session, aws, style):
    s3 = session("s3", s3={"addressing_style": style})
    bucket = f"by-{style}.with.dots" if style == "path" else f"by-{style}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=bucket, Key="a folder/ö+1", Body=b"content")
    assert aws.s3.get_object(Bucket=bucket, Key="a folder/ö+1")["Body"].read() == b"content"
    assert s3.get_object(Bucket=bucket, Key="a folder/ö+1")["Body"].read() == b"content"
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a folder/ö+1"]


def test_large_bodies_pass_both_ways(session):
    s3 = session("s3")
    s3.create_bucket(Bucket="large", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    content = bytes(range(256)) * 4096 * 24
    s3.put_object(Bucket="large", Key="k", Body=content)
    assert s3.get_object(Bucket="large", Key="k")["Body"].read() == content


def test_an_endpoint_is_invoked_through_it(session, aws):
    endpoint = aws.deploy(aws.config(aws.model(name="behind-the-proxy")))
    answer = session("sagemaker-runtime", region_name="us-east-1").invoke_endpoint(EndpointName=endpoint, Body=b"1,2")
    assert b"behind-the-proxy" in answer["Body"].read()


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=240) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_client_that_says_nothing_and_one_that_trusts_nobody_do_no_harm(proxy):
    socket.create_connection(("127.0.0.1", proxy.port)).close()
    stranger = urllib3.ProxyManager(proxy.address, cert_reqs="CERT_REQUIRED", ca_certs=None, retries=False)
    with pytest.raises((MaxRetryError, urllib3.exceptions.SSLError)):
        stranger.request("GET", "https://sts.amazonaws.com/")
    assert ask(proxy.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 405")


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


def test_others_are_let_through_where_that_is_wished(start_proxy, aws):
    with HTTPServer(("127.0.0.1", 0), Hello) as other, start_proxy(aws.endpoint, "--tunnel") as proxy:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=240)
        connection.set_tunnel("127.0.0.1", other.server_port)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
        other.shutdown()


def test_a_host_that_is_not_there_and_a_local_aws_that_is_gone(start_proxy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but never listening: connections are refused
        nobody = taken.getsockname()[1]
        with start_proxy(f"http://127.0.0.1:{nobody}", "--tunnel") as proxy:
            for host in (b"s3.amazonaws.com:443", b"127.0.0.1:%d" % nobody):
                answer = ask(proxy.port, b"CONNECT " + host + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 502 ")
                assert b"cannot be reached" in answer


def test_old_protocols_of_tls_are_not_spoken(proxy):
    context = ssl.create_default_context(cafile=proxy.bundle)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=240) as plain:
        plain.sendall(b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in plain.recv(1000)
        with context.wrap_socket(plain, server_hostname="sts.amazonaws.com") as secure:
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
