"""An image's HEALTHCHECK: `python -m wildsage.containers.serving.health` asks /ping of the server beside it.

A container that trains has no server and is healthy as long as it runs. It imports little but the standard library, because it
starts every 4 s beside a running job.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from wildsage.containers.serving import address

PING_TIMEOUT_S = 2.0  # mutants: equivalent: a little more or less
FIRST_PROCESS = Path("/proc/1/cmdline")


def main(environment: Mapping[str, str], first_process: Path = FIRST_PROCESS) -> int:
    """Return the exit status for the engine: 0 for healthy, 1 for unhealthy."""
    arguments = first_process.read_text().split("\0")
    if "serve" not in arguments:
        return 0
    port = int(address.port(environment))
    with closing(http.client.HTTPConnection(address.LOOPBACK, port, timeout=PING_TIMEOUT_S)) as connection:
        try:
            connection.request("GET", "/ping")
            return int(connection.getresponse().status != 200)
        except (OSError, http.client.HTTPException):
            return 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
