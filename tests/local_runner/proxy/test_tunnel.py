"""The proxy with real clients: boto3 without any endpoint, and what is rejected."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import h11
import pytest
import urllib3
from botocore.config import Config
from urllib3.exceptions import MaxRetryError

from wildsage.local_runner.proxy import tunnel
from wildsage.local_runner.proxy.authority import Authority
from wildsage.local_runner.proxy.tunnel import Proxy, listen


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


@pytest.mark.parametrize(
    ("request_line", "status", "words"),
    [
        (b"CONNECT example.org:443 HTTP/1.1", 403, b"example.org is not an AWS host"),
        (b"CONNECT amazonaws.com.example.org:443 HTTP/1.1", 403, b"not an AWS host"),
        (b"CONNECT evilamazonaws.com:443 HTTP/1.1", 403, b"not an AWS host"),
        (b"GET http://s3.amazonaws.com/ HTTP/1.1", 405, b"Set HTTPS_PROXY"),
        (b"CONNECT s3.amazonaws.com:99999 HTTP/1.1", 400, b"host:port"),
        (b"nonsense", 400, b"not valid HTTP"),
        (b"CONNECT " + b"a" * 70_000, 400, b"not valid HTTP"),
    ],
)  # fmt: skip
def test_a_rejection_gives_its_reason(proxy, request_line, status, words):
    answer = ask(proxy.port, request_line + b"\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert words in answer


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


# Connections in the process of the test


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A local AWS that says again what it is told."""
    while piece := await reader.read(1 << 16):
        writer.write(piece)
        await writer.drain()
    writer.close()


async def rejected(proxy: Proxy, request: bytes) -> bytes:
    """What a client is answered that sends this and closes its end."""
    server = await listen(0, proxy.serve)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(request)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
    return answer


@pytest.mark.parametrize(
    ("request_head", "status", "text"),
    [
        (b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, b"Start the proxy with --tunnel"),
        (b"POST http://h/ HTTP/1.1\r\nHost: x\r\n\r\n", 405, b"not HTTP_PROXY"),
        (b"CONNECT h:port HTTP/1.1\r\nHost: x\r\n\r\n", 400, b"expected host:port"),
        (b"CONNECT \xff:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400, b"is not valid HTTP"),
        (b"CONNECT s3.amazonaws.com:443 HTTP/1.1\r\nHost", 400, b"is not valid HTTP"),
        (b"", 400, b"ended before its request did"),
    ],
)
def test_a_rejection_is_a_whole_answer(authority, request_head, status, text):
    answer = asyncio.run(rejected(Proxy(authority, "http://127.0.0.1:1"), request_head))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status) and text in body
    fields = dict(line.split(b": ") for line in head.lower().split(b"\r\n")[1:])
    assert fields == {
        b"content-type": b"text/plain; charset=utf-8",
        b"content-length": b"%d" % len(body),
        b"connection": b"close",
    }


def test_what_cannot_be_reached_is_named(authority):
    request = b"CONNECT s3.amazonaws.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = asyncio.run(rejected(Proxy(authority, "http://127.0.0.1:1"), request))
    assert answer.startswith(b"HTTP/1.1 502 ") and b"127.0.0.1:1 cannot be reached: " in answer


def test_bytes_pass_both_ways_until_one_side_closes(authority):
    content = os.urandom(3_000_000)

    async def talk() -> bytes:
        there = await asyncio.start_server(echo, "127.0.0.1", 0)
        host, port = there.sockets[0].getsockname()
        proxy = await listen(0, Proxy(authority, f"http://{host}:{port}").serve)
        async with there, proxy:
            reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            writer.write(b"CONNECT s3.amazonaws.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
            await writer.start_tls(
                ssl.create_default_context(cafile=authority.bundle), server_hostname="s3.amazonaws.com"
            )
            sending = asyncio.create_task(_send(writer, content))
            found = await reader.readexactly(len(content))
            await sending
            writer.close()
        return found

    assert asyncio.run(talk()) == content


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(content)
    await writer.drain()


def test_the_end_of_the_server_is_the_end_of_the_client(authority):
    async def bye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.close()

    async def talk() -> bytes:
        there = await asyncio.start_server(bye, "127.0.0.1", 0)
        proxy = await listen(0, Proxy(authority, "http://127.0.0.1:1", tunnel_others=True).serve)
        async with there, proxy:
            reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            port = there.sockets[0].getsockname()[1]
            writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % port)
            await reader.readuntil(b"\r\n\r\n")
            found = await asyncio.wait_for(reader.read(), 240)
            writer.close()
        return found

    assert asyncio.run(talk()) == b"bye"


def test_a_client_that_says_nothing_is_left_after_a_while(authority, monkeypatch):
    assert tunnel.HANDSHAKE_LIMIT_S == 30
    monkeypatch.setattr(tunnel, "HANDSHAKE_LIMIT_S", 0.1)

    async def wait() -> bytes:
        server = await listen(0, Proxy(authority, "http://127.0.0.1:1").serve)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            found = await asyncio.wait_for(reader.read(), 240)
            writer.close()
        return found

    assert asyncio.run(wait()) == b""


@pytest.mark.parametrize(
    ("target", "expected"),
    [(b"h:8443", ("h", 8443)), (b"h", ("h", 443)), (b"H.Example:1", ("h.example", 1)), (b"/", ("", 443))],
)
def test_a_target_is_a_host_and_a_port(target, expected):
    assert tunnel._target(h11.Request(method=b"CONNECT", target=target, headers=[("Host", "x")])) == expected
