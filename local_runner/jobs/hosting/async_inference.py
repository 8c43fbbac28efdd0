"""Asynchronous inference: the store holds requests until a container has answered them, and answers become objects.

Sources: InvokeEndpointAsync and AsyncInferenceConfig (API reference), "Asynchronous inference" in the developer guide.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from wildsage.local_runner.inputs.channels import InputError, Objects, split_uri
from wildsage.local_runner.jobs.hosting.container import NoAnswer
from wildsage.local_runner.jobs.hosting.endpoint import KIND as ENDPOINT
from wildsage.local_runner.jobs.hosting.endpoint import Endpoints
from wildsage.local_runner.jobs.hosting.instance import Answer, Instance
from wildsage.local_runner.jobs.logs import ENDPOINTS, Logs
from wildsage.local_runner.jobs.store import Document, NotFound, Store
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.pending_object import file_chunks
from wildsage.local_runner.s3.store import ObjectStore

KIND = "async-invocation"
DEFAULT_CONCURRENCY = 4
MAX_INPUT_BYTES = 1 << 30
CHECK_EVERY_S = 0.2

log = logging.getLogger(__name__)


class InvocationFailed(Exception):
    """An inference failed; the text is written to its failure location."""


class AsyncInferences:
    """All asynchronous invocations without an answer.

    An invocation is `{"Id", "EndpointName", "InputLocation", "Headers", "OutputLocation", "FailureLocation", "ExpiresAt",
    "TimeoutInSeconds"}`, with `ExpiresAt` in seconds since 1970.
    """

    def __init__(self, store: Store, logs: Logs, endpoints: Endpoints, inputs: Objects, objects: ObjectStore) -> None:
        self._store = store
        self._logs = logs
        self._endpoints = endpoints
        self._inputs = inputs
        self._objects = objects
        self._pools: dict[str, tuple[int, ThreadPoolExecutor]] = {}  # with the size of each
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def submit(self, invocation: Document) -> None:
        """Store an invocation and answer it in the background. The configuration of its endpoint limits how many run at a time."""
        self._store.insert(KIND, invocation["Id"], invocation)
        self._dispatch(invocation)

    def restore(self) -> None:
        """After a restart: answer the invocations that have no answer yet."""
        for invocation in self._store.all(KIND):
            self._dispatch(invocation)

    def close(self) -> None:
        """Answer no more invocations. They stay in the store; `restore` continues with them."""
        self._closing.set()
        for _, pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _dispatch(self, invocation: Document) -> None:
        with self._lock:
            if not self._closing.is_set():
                self._pool(invocation["EndpointName"]).submit(self._answer, invocation)

    def _pool(self, endpoint: str) -> ThreadPoolExecutor:
        """A pool of the size that the endpoint needs now. A pool of another size ends after the invocations that it has."""
        self._end_pools_of_deleted_endpoints()
        wanted = self._concurrency(endpoint)
        size, pool = self._pools.get(endpoint) or self._new_pool(endpoint, wanted)
        if size != wanted:
            pool.shutdown(wait=False)
            _, pool = self._new_pool(endpoint, wanted)
        return pool

    def _new_pool(self, endpoint: str, size: int) -> tuple[int, ThreadPoolExecutor]:
        self._pools[endpoint] = size, ThreadPoolExecutor(size, f"async {endpoint}")
        return self._pools[endpoint]

    def _end_pools_of_deleted_endpoints(self) -> None:
        """Their threads end after the invocations that they have."""
        for gone in [name for name in self._pools if not self._exists(name)]:
            self._pools.pop(gone)[1].shutdown(wait=False)

    def _concurrency(self, endpoint: str) -> int:
        try:
            deployment = self._store.get(ENDPOINT.name, endpoint)["Deployment"]
        except NotFound:  # it was deleted since; its invocations fail at once
            return DEFAULT_CONCURRENCY
        config = deployment.get("AsyncInferenceConfig", {}).get("ClientConfig", {})
        each = config.get("MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENCY)
        return each * sum(variant["InstanceCount"] for variant in deployment["Variants"])

    def _answer(self, invocation: Document) -> None:
        if self._closing.is_set():  # a pool that another one has replaced works until here
            return
        try:
            self._invoke(invocation)
        except Exception as error:
            if self._closing.is_set():
                return
            if not isinstance(error, InvocationFailed | InputError | S3Error | NoAnswer):
                log.exception("asynchronous invocation %s", invocation["Id"])
            self._write_failure(invocation, str(error))
        self._store.delete(KIND, invocation["Id"])
        self._log_topics(invocation)

    def _invoke(self, invocation: Document) -> None:
        """Raises InvocationFailed, InputError, S3Error, NoAnswer."""
        name = invocation["EndpointName"]
        with self._instance(invocation) as instance, self._endpoints.invocations.measured(name, instance.variant):
            answer = self._ask(instance, invocation)
            try:
                if not answer.is_success:
                    text = answer.http.data.decode(errors="replace")
                    raise InvocationFailed(
                        f'Received error ({answer.http.status}) from {answer.container} with message "{text}".'
                    )
                kind = answer.http.headers.get("Content-Type", "application/octet-stream")
                bucket, key = split_uri(invocation["OutputLocation"])
                self._objects.put(bucket, key, answer.http.stream(), kind)
            finally:
                answer.http.close()

    def _ask(self, instance: Instance, invocation: Document) -> Answer:
        stored, file = self._inputs.open(*split_uri(invocation["InputLocation"]))
        with file:
            if stored.size > MAX_INPUT_BYTES:
                raise InvocationFailed(
                    f"{invocation['InputLocation']} has {stored.size} bytes, expected at most {MAX_INPUT_BYTES}."
                )
            headers = {**invocation["Headers"], "Content-Length": str(stored.size)}
            return instance.invoke(file_chunks(file), headers, invocation["TimeoutInSeconds"], whole=False)

    @contextmanager
    def _instance(self, invocation: Document) -> Iterator[Instance]:
        """An instance, as soon as one serves. Raises InvocationFailed if the invocation expires, or the endpoint is deleted."""
        name = invocation["EndpointName"]
        while time.time() < invocation["ExpiresAt"]:
            with self._endpoints.lease(name) as instance:
                if instance:
                    yield instance
                    return
            if self._closing.wait(CHECK_EVERY_S) or not self._exists(name):
                raise InvocationFailed(f"Endpoint {name} was deleted before it answered.")
        raise InvocationFailed(
            "The invocation expired before an instance could take it: RequestTTLSeconds have passed."
        )

    def _exists(self, endpoint: str) -> bool:
        try:
            return bool(self._store.get(ENDPOINT.name, endpoint))
        except NotFound:
            return False

    def _write_failure(self, invocation: Document, text: str) -> None:
        if location := invocation.get("FailureLocation"):
            try:
                bucket, key = split_uri(location)
                self._objects.put(bucket, key, [text.encode()], "text/plain")
            except S3Error as error:
                log.warning("asynchronous invocation %s: %s, and: %s", invocation["Id"], text, error)

    def _log_topics(self, invocation: Document) -> None:
        """Log which SNS topics AWS would notify."""
        config: Mapping[str, Any] = self._endpoints.asynchronous(invocation["EndpointName"]) or {}
        topics = config.get("OutputConfig", {}).get("NotificationConfig", {})
        names = [topics[field] for field in ("SuccessTopic", "ErrorTopic") if field in topics]
        if names:
            writer = self._logs.writer(f"{ENDPOINTS}/{invocation['EndpointName']}", "async")
            writer(
                f"Wildsage: inference {invocation['Id']} has ended. Wildsage does not notify SNS topics ({', '.join(names)})."
            )
            writer.close()
