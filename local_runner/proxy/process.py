"""The proxy as a child process, for as long as somebody needs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wildsage.algorithms.base.errors import PlatformError
from wildsage.local_runner.processes import python
from wildsage.local_runner.proxy.files import authority_folder

STOP_LIMIT_S = 10.0


@contextmanager
def run_proxy(data: Path, endpoint: str, port: int, tunnel: bool) -> Iterator[str]:
    """Yield the address of a proxy in front of `endpoint`, `http://127.0.0.1:<port>`; 0 takes any free port.

    With `tunnel` it lets connections to other hosts than Amazon's through. Raises PlatformError if it does not start.
    """
    options = ("--endpoint", endpoint, "--port", str(port), *(("--tunnel",) if tunnel else ()))
    process = subprocess.Popen(
        python.command("wildsage.local_runner.proxy", str(authority_folder(data)), *options),
        env=python.environment(os.environ),
        stdin=subprocess.PIPE,  # its lifeline: it ends when this closes, however we end
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches the program first, which may still clean up
        text=True,
    )
    with process:
        assert process.stdout and process.stdin
        address = process.stdout.readline().strip()
        if not address:
            raise PlatformError("The proxy did not start; the reason is above.")
        try:
            yield address
        finally:
            process.stdin.close()
            _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
