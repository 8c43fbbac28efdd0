"""Asynchronous invocations without a server: they end with their endpoint, and so do the threads that answered them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.jobs.hosting.async_inference import KIND, AsyncInferences
from wildsage.local_runner.jobs.hosting.endpoint import Endpoints
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.s3.store import ObjectStore

WITHIN_S = 240


def until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def invocation(endpoint: str) -> Document:
    return {
        "Id": endpoint,
        "EndpointName": endpoint,
        "InputLocation": "s3://bucket/in",
        "Headers": {},
        "OutputLocation": f"s3://bucket/{endpoint}.out",
        "FailureLocation": f"s3://bucket/{endpoint}.failed",
        "ExpiresAt": time.time() + 3_600,
        "TimeoutInSeconds": 60,
    }


def pools() -> set[str]:
    """The pools that have threads."""
    names = (thread.name.rpartition("_")[0] for thread in threading.enumerate())
    return {name for name in names if name.startswith("async gone")}


def test_the_invocations_and_threads_of_deleted_endpoints_end(tmp_path):
    store, logs, objects = Store(tmp_path / "state"), Logs(tmp_path / "logs"), ObjectStore(tmp_path / "s3")
    objects.create_bucket("bucket")
    endpoints = Endpoints(store, logs, objects, ProcessBackend([sys.executable]), tmp_path / "endpoints", "us-east-1")
    inferences = AsyncInferences(store, logs, endpoints, objects, objects)
    for number in range(4):
        inferences.submit(invocation(f"gone-{number}"))
    assert until(lambda: store.all(KIND) == [])
    assert b"was deleted" in objects.get("bucket", "gone-0.failed").path.read_bytes()
    assert until(lambda: pools() <= {"async gone-3"}), pools()
    inferences.close()
