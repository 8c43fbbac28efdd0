"""Every algorithm, and one training of each through the door of its container, which all tests share."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wildsage import algorithms
from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.conformance import Case
from wildsage.containers import codecs
from wildsage.containers.codecs.images import image_recordio
from wildsage.containers.codecs.records import files
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.train import train
from wildsage.containers.training.stopping import StopSignal


def recordio_protobuf(rows: Batch, label_size: int) -> bytes:
    """Rows with their label, or without where `label_size` is 0."""
    content = io.BytesIO()
    labels_n = rows.labels_nl[:, 0].numpy() if rows.labels_nl is not None and label_size else None
    files.write_numpy_to_dense_tensor(content, rows.dense().numpy(), labels_n)
    return content.getvalue()


def csv(rows: Batch, label_size: int) -> bytes:
    """Rows after their first `label_size` labels."""
    labels_nl = rows.labels_nl[:, :label_size].numpy() if rows.labels_nl is not None else np.empty((len(rows), 0))
    lines = np.hstack([labels_nl, rows.dense().numpy()]).tolist()
    return "".join(",".join(map(repr, line)) + "\n" for line in lines).encode()


def png(image_chw) -> bytes:
    """A picture of pixels (c, h, w)."""
    content = io.BytesIO()
    Image.fromarray(image_chw.movedim(0, -1).squeeze(-1).numpy()).save(content, "PNG")
    return content.getvalue()


def image_records(rows: Batch, label_size: int) -> bytes:
    """Images with their labels as image RecordIO."""
    images = zip(rows.features, rows.labels_nl.tolist(), strict=True)
    return b"".join(image_recordio.encode(png(image), label, number) for number, (image, label) in enumerate(images))


WRITERS = {
    "application/x-recordio-protobuf": recordio_protobuf,
    "text/csv": csv,
    "application/x-recordio": image_records,
}
"""What the suite can write by itself; for other content types a Case brings `files`."""


CHANNELS = ("train", "test", "validation")
FILE_NAME = "rows.rec"  # a channel of image records looks for this ending; the others read a file of any name


@dataclass(frozen=True)
class Trained:
    """What a training container left: its folder, its exit status and its log."""

    opt_ml: OptML
    status: int
    log: str

    @property
    def failure(self) -> str:
        """The reason that the job left; empty if it did not fail."""
        return self.opt_ml.failure.read_text() if self.opt_ml.failure.is_file() else ""


def content_of(kind: type[Algorithm], case: Case, content_type: str) -> bytes:
    """The rows of a case as a file of that type."""
    if content_type in case.files:
        return case.files[content_type](case.rows())
    if content_type not in WRITERS:
        pytest.fail(
            f"{kind.spec.image} trains from {content_type}, which this suite cannot write. Give its CASE a writer: "
            f"files={{{content_type!r}: write}}, where write(batch) returns the bytes of a file."
        )
    return WRITERS[content_type](case.rows(), kind.spec.label_size)


def run_container(folder: Path, name: str, content_type: str, **hyperparameters: str) -> Trained:
    """`train` on a folder with the same rows in each of `CHANNELS` that the algorithm has."""
    kind, case = algorithms.find(name), importlib.import_module(f"wildsage.algorithms.{name}.conformance").CASE
    known = {channel.name for channel in kind.spec.channels}
    parameter = f";label_size={kind.spec.label_size}" if content_type == "text/csv" else ""
    configs = {channel: ChannelConfig(content_type + parameter) for channel in CHANNELS if channel in known}
    opt_ml = OptML(folder)
    opt_ml.make_folders()
    TrainingJob({**case.hyperparameters, **hyperparameters}, configs).write(opt_ml)
    for channel in configs:
        opt_ml.channel(channel).mkdir()
        (opt_ml.channel(channel) / FILE_NAME).write_bytes(content_of(kind, case, content_type))
    environment = {"SAGEMAKER_DATA_PATH": str(folder), "WILDSAGE_ALGORITHM": name}
    with contextlib.redirect_stdout(io.StringIO()) as log:
        status = train(environment, StopSignal())
    return Trained(opt_ml, status, log.getvalue())


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """`trained("kmeans", "text/csv")` is that training, done once."""

    @functools.cache
    def find(name: str, content_type: str) -> Trained:
        return run_container(tmp_path_factory.mktemp(name), name, content_type)

    return find


@pytest.fixture(params=algorithms.on_the_toolkit())
def name(request) -> str:
    """The algorithm under test, by the name of its folder."""
    return request.param


@pytest.fixture
def case(name, request) -> Case:
    """The algorithm's part in the suite; the test is skipped where the case exempts it, with the reason."""
    case = importlib.import_module(f"wildsage.algorithms.{name}.conformance").CASE
    check = request.node.originalname.removeprefix("test_")
    if check in case.exempt:
        pytest.skip(f"{name}: {case.exempt[check]}")
    return case


def json_document(rows: Batch) -> bytes:
    """A request with all rows in one JSON document."""
    return json.dumps({"instances": [{"features": row} for row in rows.dense().tolist()]}).encode()


def json_lines(rows: Batch) -> bytes:
    """A request with a line of JSON for each row."""
    lines = (json.dumps({"data": {"features": {"values": row}}}) for row in rows.dense().tolist())
    return "\n".join(lines).encode()


@pytest.fixture(scope="session")
def requests():
    """`requests("kmeans", 3)` are the first three rows of its case as a request of each type, by content type."""

    def made(name: str, count: int) -> dict[str, bytes]:
        rows = importlib.import_module(f"wildsage.algorithms.{name}.conformance").CASE.rows()[:count]
        if algorithms.spec(name).data == "images":
            return {"application/x-recordio": image_records(rows, 1)}
        return {
            codecs.RECORDIO_PROTOBUF: recordio_protobuf(rows, 0),
            codecs.CSV: csv(rows, 0),
            codecs.JSON: json_document(rows),
            codecs.JSON_LINES: json_lines(rows),
        }

    return made


@pytest.fixture
def suite() -> set[str]:
    """Names of all checks in this folder."""
    folder = Path(__file__).parent
    return {
        node.name
        for path in folder.glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
