"""The proxy in the process of the test: what is accepted, what is rejected, and what passes through."""

from __future__ import annotations

import asyncio
import os
import ssl

import h11
import pytest

from wildsage.local_runner.proxy import tunnel
from wildsage.local_runner.proxy.authority import Authority
from wildsage.local_runner.proxy.tunnel import Proxy, listen


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
        (b"CONNECT evilamazonaws.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, b"evilamazonaws.com is not an AWS host"),
        (b"CONNECT amazonaws.com.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, b"is not an AWS host"),
        (b"CONNECT s3.amazonaws.com:99999 HTTP/1.1\r\nHost: x\r\n\r\n", 400, b"expected host:port"),
        (b"nonsense\r\nHost: x\r\n\r\n", 400, b"is not valid HTTP"),
        (b"CONNECT " + b"a" * 70_000, 400, b"is not valid HTTP"),
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


@pytest.mark.parametrize(
    ("endpoint", "host", "named"),
    [
        ("http://127.0.0.1:1", b"s3.amazonaws.com:443", b"127.0.0.1:1"),
        ("http://127.0.0.3", b"s3.amazonaws.com:443", b"127.0.0.3:80"),
        ("http://127.0.0.1:1", b"127.0.0.3:2", b"127.0.0.3:2"),
    ],
)
def test_what_cannot_be_reached_is_named(authority, endpoint, host, named):
    request = b"CONNECT " + host + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = asyncio.run(rejected(Proxy(authority, endpoint, tunnel_others=True), request))
    assert answer.startswith(b"HTTP/1.1 502 ") and named + b" cannot be reached: " in answer


@pytest.mark.parametrize("sent", [b"no TLS at all\r\n\r\n" * 100, b""], ids=["something else", "nothing"])
def test_a_client_that_does_not_speak_tls_leaves_no_connection_behind(authority, sent):
    """The local AWS sees the end of what was connected for it."""

    async def talk() -> bytes:
        ended = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ended.set_result(await reader.read())
            writer.close()

        there = await asyncio.start_server(serve, "127.0.0.1", 0)
        host, port = there.sockets[0].getsockname()
        proxy = await listen(0, Proxy(authority, f"http://{host}:{port}").serve)
        async with there, proxy:
            reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            writer.write(b"CONNECT s3.amazonaws.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sent)
            writer.close()
            return await asyncio.wait_for(ended, 240)

    assert asyncio.run(talk()) == b""


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


def test_the_end_of_the_client_is_the_end_of_the_server(authority):
    async def talk() -> bytes:
        ended = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ended.set_result(await reader.read())
            writer.close()

        there = await asyncio.start_server(serve, "127.0.0.1", 0)
        proxy = await listen(0, Proxy(authority, "http://127.0.0.1:1", tunnel_others=True).serve)
        async with there, proxy:
            reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            port = there.sockets[0].getsockname()[1]
            writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % port)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"bye")
            writer.close()
            return await asyncio.wait_for(ended, 240)

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
