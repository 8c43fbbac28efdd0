"""Data capture: requests to an endpoint and their answers, stored in S3 as JSON Lines.

Sources: DataCaptureConfig (API reference), "Capture data from real-time endpoint" in the developer guide, which shows the
layout of the lines and the names of the objects.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wildsage.local_runner.inputs.channels import split_uri
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

WRITE_EVERY_S = 1.0
ENCODINGS = {"text/csv": "CSV", "application/json": "JSON"}
MODES = {"Input": ("Input",), "Output": ("Output",), "InputAndOutput": ("Input", "Output")}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CapturedMessage:
    """One side of an invocation."""

    content_type: str
    body: bytes


class Captures:
    """Captured invocations. They are written to S3 after a second, so that many share an object."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._lines: dict[str, list[str]] = defaultdict(list)  # by folder
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def record(
        self,
        config: Mapping[str, Any],
        endpoint: str,
        variant: str,
        request: CapturedMessage,
        answer: CapturedMessage,
        inference_id: str,
    ) -> None:
        """Capture an invocation, as often as the percentage of the configuration says."""
        if random.uniform(0, 100) >= config["InitialSamplingPercentage"]:
            return
        now = datetime.now(UTC)
        folder = f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint}/{variant}/{now:%Y/%m/%d/%H}"
        line = json.dumps(_line(config, request, answer, inference_id, now))
        with self._lock:
            self._lines[folder].append(line)
            if self._timer is None:
                self._timer = threading.Timer(WRITE_EVERY_S, self.write)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> None:
        """Write all captured invocations to S3."""
        with self._lock:
            held, self._lines, self._timer = self._lines, defaultdict(list), None
        for folder, lines in held.items():
            bucket, key = split_uri(f"{folder}/{datetime.now(UTC):%M-%S-%f}-{uuid.uuid4()}.jsonl")
            try:
                self._objects.put(
                    bucket, key, ["".join(f"{line}\n" for line in lines).encode()], "application/jsonlines"
                )
            except S3Error as error:
                log.warning("data capture: %d invocations could not be written: %s", len(lines), error)


def _line(
    config: Mapping[str, Any], request: CapturedMessage, answer: CapturedMessage, inference_id: str, now: datetime
) -> dict[str, Any]:
    wanted = {mode for option in config["CaptureOptions"] for mode in MODES[option["CaptureMode"]]}
    sides = {"Input": ("endpointInput", request), "Output": ("endpointOutput", answer)}
    captured = {
        name: _side(message, mode.upper(), config.get("CaptureContentTypeHeader", {}))
        for mode, (name, message) in sides.items()
        if mode in wanted
    }
    about = {"eventId": str(uuid.uuid4()), "inferenceTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    identity = {"inferenceId": inference_id} if inference_id else {}
    return {"captureData": captured, "eventMetadata": about | identity, "eventVersion": "0"}


def _side(message: CapturedMessage, mode: str, declared: Mapping[str, list[str]]) -> dict[str, str]:
    """The body as text if its type is CSV or JSON and it is valid UTF-8, as base64 otherwise."""
    kind = message.content_type.partition(";")[0].strip().lower()
    kinds = {
        **ENCODINGS,
        **dict.fromkeys(declared.get("CsvContentTypes", ()), "CSV"),
        **dict.fromkeys(declared.get("JsonContentTypes", ()), "JSON"),
    }
    encoding = kinds.get(kind, "BASE64")
    try:
        data = message.body.decode() if encoding != "BASE64" else base64.b64encode(message.body).decode()
    except UnicodeDecodeError:
        encoding, data = "BASE64", base64.b64encode(message.body).decode()
    return {"observedContentType": message.content_type, "mode": mode, "data": data, "encoding": encoding}
