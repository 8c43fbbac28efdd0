"""The proxy as a process. It prints its address and serves until its standard input closes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from wildsage.local_runner.proxy.authority import Authority
from wildsage.local_runner.proxy.tunnel import Proxy, listen


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the certificate authority.")],
    endpoint: Annotated[str, typer.Option(help="Address of the local AWS.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes any free one.")] = 0,
    tunnel: Annotated[
        bool, typer.Option("--tunnel", help="Tunnel connections to other hosts instead of rejecting them.")
    ] = False,
) -> None:
    """Run an HTTPS proxy in front of the local AWS."""
    try:
        authority = Authority(folder)
    except ValueError as error:
        sys.exit(
            f"The certificate authority in {folder} is damaged: {error}. Remove the folder; the next start creates a new authority."
        )
    try:
        asyncio.run(_serve(Proxy(authority, endpoint, tunnel), port))
    except OSError as error:
        sys.exit(f"Port {port} of 127.0.0.1 cannot be used ({error.strerror}). Choose another with --proxy-port.")


async def _serve(proxy: Proxy, port: int) -> None:
    server = await listen(port, proxy.serve)
    (listener,) = server.sockets
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await _wait_for_parent()  # the end of this process closes what is open


async def _wait_for_parent() -> None:
    """Return when standard input closes, which is a pipe from the parent process."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    typer.run(main)
