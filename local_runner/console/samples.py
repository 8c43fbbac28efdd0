"""A body to try an endpoint with: the first row of the training channel of the job that made its model, without its label."""

from __future__ import annotations

import csv
import io
import itertools
import json
from dataclasses import dataclass

from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.images import encoded, image_recordio
from wildsage.containers.codecs.records import message, recordio
from wildsage.containers.codecs.records.message import MalformedRecord
from wildsage.containers.codecs.rows import FlatRows
from wildsage.local_runner.console.previews.text import begins_with_names
from wildsage.local_runner.images import catalogue, uris
from wildsage.local_runner.inputs import text_lines
from wildsage.local_runner.inputs.channels import InputError, split_uri
from wildsage.local_runner.jobs.store import Document, NotFound, Store
from wildsage.local_runner.jobs.training.states import KIND
from wildsage.local_runner.operations.services import Services
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.objects import StoredObject

HEAD_BYTES = 1 << 20
MOST_OBJECTS = 20
"""How many objects of a channel are looked at to find one of data."""
CSV, JSON, LIBSVM, IMAGE = "text/csv", "application/json", "text/libsvm", "application/x-image"


@dataclass(frozen=True)
class SampleRequest:
    """A body for an endpoint, its type, and the S3 URI of the object that it comes from."""

    content_type: str
    body: bytes
    source: str

    @property
    def is_text(self) -> bool:
        """Whether the body can be shown and edited in a form."""
        return self.content_type != IMAGE


def sample_for(services: Services, endpoint: Document) -> SampleRequest | None:
    """A sample for an endpoint whose model a training job made here; None without such a job, or where its data have no rows."""
    job = job_of_endpoint(services.store, endpoint)
    channel = training_channel(job) if job else None
    if not job or not channel:
        return None
    try:
        return _first(services, job, channel)
    except (S3Error, InputError, OSError, ValueError, BadRecord, MalformedRecord):
        return None  # the data may be gone or of another format by now


def job_of_endpoint(store: Store, endpoint: Document) -> Document | None:
    """The training job that made the model of an endpoint's first container, if one did here.

    SageMaker puts the name of a job before `/output/model.tar.gz` in the S3 URI of its model.
    """
    uri = endpoint["Deployment"]["Variants"][0]["Containers"][0].get("ModelDataUrl") or ""
    parts = uri.split("/")
    if len(parts) < 3:
        return None
    try:
        job = store.get(KIND.name, parts[-3])
    except NotFound:
        return None
    return job if job.get("ModelArtifacts", {}).get("S3ModelArtifacts") == uri else None


def training_channel(job: Document) -> Document | None:
    """The channel `train` or `training` of a job, or its first one, if it is a prefix of S3."""
    channels = {channel["ChannelName"]: channel for channel in job.get("InputDataConfig", ())}
    channel = channels.get("train") or channels.get("training") or next(iter(channels.values()), None)
    source = channel.get("DataSource", {}).get("S3DataSource", {}) if channel else {}
    return channel if channel and source.get("S3DataType") == "S3Prefix" else None


def _first(services: Services, job: Document, channel: Document) -> SampleRequest | None:
    stored = _first_object(services, channel["DataSource"]["S3DataSource"]["S3Uri"])
    if stored is None:
        return None
    _, file = services.inputs.open(stored.bucket, stored.key)
    with file:
        head = file.read(HEAD_BYTES)
    image = job["AlgorithmSpecification"].get("TrainingImage", "")
    found = body_of(head, channel.get("ContentType", ""), stored.key, image)
    return SampleRequest(*found, source=f"s3://{stored.bucket}/{stored.key}") if found else None


def _first_object(services: Services, uri: str) -> StoredObject | None:
    """The first object of a channel that is neither hidden nor empty."""
    bucket, prefix = split_uri(uri)
    for found in itertools.islice(services.inputs.list(bucket, prefix), MOST_OBJECTS):
        if found.size and not found.key.rpartition("/")[2].startswith("."):
            return services.inputs.get(bucket, found.key)
    return None


def body_of(head: bytes, content_type: str, key: str, image: str) -> tuple[str, bytes] | None:
    """Type and bytes of a request for the first row of a file of training data, which begins with `head`.

    Raises BadRecord, MalformedRecord and ValueError for damaged data.
    """
    if head.startswith(recordio.MAGIC_BYTES):
        return _of_record(next(recordio.payloads([head])))
    if encoded.is_image(head):
        return (IMAGE, head) if len(head) < HEAD_BYTES else None
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    line = _first_line(head)
    if line is None:
        return None
    if name in (LIBSVM, "text/x-libsvm", "libsvm"):
        return LIBSVM, line.encode()
    if uris.algorithm(image) == "blazingtext":
        return JSON, text_lines.request_of(line)
    if name in (CSV, "csv") or key.endswith(".csv"):
        return CSV, _csv_row(head.decode("utf-8-sig", "replace"), _label_size(parameters, image)).encode()
    return (JSON, line.encode()) if line.startswith(("{", "[")) else None


def _first_line(head: bytes) -> str | None:
    line = head.lstrip().partition(b"\n")[0].rstrip(b"\r")
    try:
        return line.decode("utf-8-sig") or None
    except UnicodeDecodeError:
        return None


def _of_record(payload: bytes) -> tuple[str, bytes] | None:
    """A record's row, written as text; the picture of an image record."""
    (picture,) = image_recordio.decode([recordio.frame_split(payload)], "record") if _holds_image(payload) else (None,)
    if picture:
        return IMAGE, picture.content
    row = message.read(memoryview(payload), None)
    return (CSV, _numbers(row).encode()) if row.keys_z is None else (JSON, _sparse(row, row.keys_z.tolist()))


def _holds_image(payload: bytes) -> bool:
    return any(mark in payload[: image_recordio.HEADER.size + 64] for mark in encoded.SIGNATURES)


def _numbers(row: FlatRows) -> str:
    return ",".join(f"{value:.9g}" for value in row.values_z.tolist())


def _sparse(row: FlatRows, keys: list[int]) -> bytes:
    features = {"keys": keys, "shape": [row.width], "values": row.values_z.tolist()}
    return json.dumps({"instances": [{"data": {"features": features}}]}).encode()


def _csv_row(text: str, label_size: int) -> str:
    """The first row of numbers without its first `label_size` columns."""
    rows = list(itertools.islice(csv.reader(text.splitlines()), 2))
    row = rows[1] if begins_with_names(rows) else rows[0]
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(row[label_size:])
    return written.getvalue()


def _label_size(parameters: list[str], image: str) -> int:
    """How many columns are labels: what the content type says, or the algorithm. A script's data are taken as they are."""
    for parameter in parameters:
        if parameter.startswith("label_size="):
            return int(parameter.partition("=")[2])
    name = uris.algorithm(image)
    entry = catalogue.named(name) if name else None
    return entry.label_size if entry else 0
