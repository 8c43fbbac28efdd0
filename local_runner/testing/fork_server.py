"""Starts servers for tests: `python -m wildsage.local_runner.testing.fork_server`.

It imports everything once and forks a new server for each folder. A new process on an empty folder shares no state with
earlier tests, and starts in a tenth of a second. Orders on standard input and responses are one JSON object a line:

    {"start": "/folder"}  →  {"endpoint": "http://127.0.0.1:40123"} or {"error": "why not"}
    {"start": "/folder", "token": "yes"}  →  the same, from a server that checks signatures
    {"end": "/folder"}    →  {}

All servers end when standard input closes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wildsage.containers.contract import frameworks
from wildsage.local_runner.client import environment
from wildsage.local_runner.images import catalogue
from wildsage.local_runner.operations import operations
from wildsage.local_runner.s3.call import operation_of
from wildsage.local_runner.server import forked
from wildsage.local_runner.server.app import service_model
from wildsage.local_runner.server.gunicorn_server import CannotServe
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures import keys

SERVICES = ("sagemaker", "sagemaker-runtime", "logs", "sts", "iam", "cloudwatch")


def warm_up() -> None:
    """Read AWS's service models and learn which algorithms there are once, before any fork."""
    catalogue.algorithms()
    for service in SERVICES:
        service_model(service)
    operations()
    operation_of("GET", 0, {}, copies=False)  # mutants: equivalent: any request has S3's operations read


def execute(order: Mapping[str, str], servers: dict[str, forked.ForkedServer]) -> dict[str, Any]:
    """Execute one order and return the response."""
    if folder := order.get("end"):
        servers.pop(folder).discard()
        return {}
    data = Path(order["start"])
    try:
        signing = keys.ensure(data) if "token" in order else None
        pythons = frameworks.pythons_of(os.environ)
        server = forked.start(ServerSettings(data, hold_first_describe_s=0, strict=True, keys=signing, pythons=pythons))
    except (CannotServe, ValueError) as error:
        return {"error": str(error)}
    servers[str(data)] = server
    return {"endpoint": server.endpoint}


def main() -> None:
    """Execute orders until standard input closes."""
    environment.remove_credentials(os.environ)
    warm_up()
    servers: dict[str, forked.ForkedServer] = {}
    try:
        for line in sys.stdin:
            print(json.dumps(execute(json.loads(line), servers)), flush=True)
    finally:
        for server in servers.values():
            server.discard()


if __name__ == "__main__":
    main()
