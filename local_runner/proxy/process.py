"""Runs the proxy as a child process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wildsage.algorithms.base.errors import PlatformError
from wildsage.local_runner.processes import python
from wildsage.local_runner.proxy.files import authority_folder

STOP_LIMIT_S = 10.0  # mutants: equivalent: a second more or less changes nothing


@contextmanager
def run_proxy(data: Path, endpoint: str, port: int, tunnel: bool) -> Iterator[str]:
    """Run a proxy in front of `endpoint` and yield its address, `http://127.0.0.1:<port>`; port 0 takes any free one.

    With `tunnel` it tunnels connections to hosts that are not AWS's. Raises PlatformError if it does not start.
    """
    options = ("--endpoint", endpoint, "--port", str(port), *(("--tunnel",) if tunnel else ()))
    process = subprocess.Popen(
        python.command("wildsage.local_runner.proxy", str(authority_folder(data)), *options),
        env=python.environment(os.environ),
        stdin=subprocess.PIPE,  # the proxy ends when this pipe closes, for whatever reason this process ends
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C must not stop it, since the user's program may still use it to clean up
        text=True,
    )
    with process:
        assert process.stdout and process.stdin
        address = process.stdout.readline().strip()
        if not address:
            raise PlatformError("The proxy did not start. Its message is above.")
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
