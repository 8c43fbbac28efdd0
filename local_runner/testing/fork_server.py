"""Servers for tests.

`python -m wildsage.local_runner.testing.fork_server` has all imported and forks a new one for each folder it is told.

A new process on an empty folder holds nothing of a test before, and takes a tenth of a second. One JSON object a line:

    {"start": "/folder"}  →  {"endpoint": "http://127.0.0.1:40123"} or {"error": "why not"}
    {"end": "/folder"}    →  {}

Everything ends when standard input does.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wildsage.local_runner.client import environment
from wildsage.local_runner.operations import operations
from wildsage.local_runner.s3.call import operation_of
from wildsage.local_runner.server import forked
from wildsage.local_runner.server.app import service_model
from wildsage.local_runner.server.gunicorn_server import CannotServe
from wildsage.local_runner.settings import ServerSettings

SERVICES = ("sagemaker", "sagemaker-runtime", "logs", "sts", "iam", "cloudwatch")


def warm_up() -> None:
    """Read AWS's service models once, for all servers to come."""
    for service in SERVICES:
        service_model(service)
    operations()
    operation_of("GET", 0, {}, copies=False)


def answer(order: Mapping[str, str], servers: dict[str, forked.ForkedServer]) -> dict[str, Any]:
    """Carry out one order."""
    if folder := order.get("end"):
        servers.pop(folder).discard()
        return {}
    try:
        server = forked.start(ServerSettings(Path(order["start"]), hold_first_describe_s=0))
    except CannotServe as error:
        return {"error": str(error)}
    servers[order["start"]] = server
    return {"endpoint": server.endpoint}


def main() -> None:
    """Answer orders until there are no more."""
    environment.remove_credentials(os.environ)
    warm_up()
    servers: dict[str, forked.ForkedServer] = {}
    try:
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line), servers)), flush=True)
    finally:
        for server in servers.values():
            server.discard()


if __name__ == "__main__":
    main()
