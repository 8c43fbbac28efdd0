"""Handles CONNECT: connections to AWS hosts end here in TLS, and their bytes are passed to the local AWS unchanged.

The proxy reads and changes no request. The local AWS knows the service by the request's signature, and a bucket by the
Host header. Connections to other hosts are rejected or, with `--tunnel`, passed on without decryption.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from wildsage.containers.contract.host_check import is_aws_host
from wildsage.local_runner.proxy.authority import Authority

HANDSHAKE_LIMIT_S = 30
PIECE_BYTES = 1 << 18

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ProxyError(Exception):
    """The proxy rejects a connection, with an HTTP status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Proxy:
    """`endpoint`: address of the local AWS, `http://127.0.0.1:<port>`. `tunnel_others`: tunnel connections to other hosts."""

    authority: Authority
    endpoint: str
    tunnel_others: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one connection until it closes."""
        # The client is gone, too slow, or trusts others; or the proxy ends.
        with suppress(OSError, asyncio.CancelledError):
            try:
                async with asyncio.timeout(HANDSHAKE_LIMIT_S):
                    server = await self._handshake(reader, writer)
                await _join((reader, writer), server)
            except ProxyError as error:
                await _answer(writer, error)
        await _close(writer)

    async def _handshake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection:
        """Read CONNECT, connect to the server and accept. For an AWS host, start TLS with the client."""
        connection = h11.Connection(h11.SERVER)
        host, port = _target(await _request(connection, reader))
        if not is_aws_host(host):
            if not self.tunnel_others:
                raise ProxyError(403, f"{host} is not an AWS host. Start the proxy with --tunnel to reach other hosts.")
            server = await _connect(host, port)
            await _accept(connection, writer)
            return server
        address = urlsplit(self.endpoint)
        server = await _connect(address.hostname or "", address.port or 80)
        try:
            await _accept(connection, writer)
            await writer.start_tls(self.authority.context(host))
        except BaseException:  # CancelledError too, when the time limit passes
            server[1].close()
            raise
        return server


async def listen(port: int, serve: Callable[..., Awaitable[None]]) -> asyncio.Server:
    """Serve on a port of 127.0.0.1; 0 takes any free one. Raises OSError if the port is in use."""
    return await asyncio.start_server(serve, "127.0.0.1", port, limit=PIECE_BYTES)


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request:
    """The head of the first request; h11 limits its size."""
    try:
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(PIECE_BYTES))
    except h11.RemoteProtocolError as error:
        raise ProxyError(400, f"The request is not valid HTTP: {error}.") from None
    if not isinstance(event, h11.Request):
        raise ProxyError(400, "The connection ended before its request did.")
    return event


def _target(request: h11.Request) -> tuple[str, int]:
    if request.method != b"CONNECT":
        raise ProxyError(
            405, "This is a proxy for HTTPS: only CONNECT is served. Set HTTPS_PROXY to it, not HTTP_PROXY."
        )
    try:
        target = urlsplit(f"//{request.target.decode('ascii')}")
        return target.hostname or "", target.port or 443
    except ValueError:
        raise ProxyError(400, "CONNECT: expected host:port.") from None


async def _connect(host: str, port: int) -> Connection:
    try:
        return await asyncio.open_connection(host, port, limit=PIECE_BYTES)
    except OSError as error:
        raise ProxyError(502, f"{host}:{port} cannot be reached: {error.strerror or error}.") from None


async def _accept(connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
    writer.write(connection.send(h11.Response(status_code=200, headers=[], reason=b"Connection established")) or b"")
    await writer.drain()


async def _answer(writer: asyncio.StreamWriter, error: ProxyError) -> None:
    """Send a complete response, after which the connection closes."""
    body = f"{error}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    fresh = h11.Connection(h11.SERVER)
    for event in (h11.Response(status_code=error.status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
        writer.write(fresh.send(event) or b"")
    await writer.drain()


async def _join(client: Connection, server: Connection) -> None:
    """Copy bytes in both directions until one side closes. Holds at most two pieces."""
    directions = [asyncio.create_task(_copy(client[0], server[1])), asyncio.create_task(_copy(server[0], client[1]))]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        await _close(server[1])


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(PIECE_BYTES):
        sink.write(piece)
        await sink.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(5):
            await writer.wait_closed()
