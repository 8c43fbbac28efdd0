"""The same job gives the same bytes: as processes and in containers, again, and in every input mode.

Equality holds for one processor and one number of threads: gradients of convolutions are added up by thread. Another processor's
vector units, and CUDA, add up in another order: there the quality of the model is the measure, not its bytes, and it may part by
`QUALITY_WITHIN`. JPEG files decode alike where the same libjpeg-turbo does it, which Pillow's wheels bring along.
"""

from __future__ import annotations

import io
import itertools
import json
import tarfile
from functools import partial

import numpy as np
import pytest
import torch

from wildsage import algorithms
from wildsage.algorithms.image_classification import weights
from wildsage.containers.codecs import DECODERS, ENCODERS
from wildsage.containers.codecs.mxnet import ndarray, symbol_json
from wildsage.containers.codecs.records import recordio
from wildsage.containers.codecs.records.record_protobuf import encode_rows
from wildsage.containers.contract import archive
from wildsage.containers.model_files import artifact

MODES = ("File", "FastFile", "Pipe")
MODES_OF_CONTAINERS = {"kmeans": ("File", "Pipe"), "image_classification": ("File", "Pipe")}
"""Of one algorithm that learns from rows and one from images; the others read by the same code, and are tried in Pipe mode.
In FastFile mode a container gets the same folder as in File mode."""

FEW = 7  # rows of a request
QUALITY_WITHIN = 0.02


def trained(place, image, hyperparameters, channel, mode: str = "File") -> bytes:
    outcome = place.train(image, hyperparameters, {**channel, "InputMode": mode})
    assert outcome.statuses == [0], outcome.ending
    return outcome.model


def test_processes_give_one_model_in_every_mode(processes, image, hyperparameters, put, difference):
    channel = put(processes)
    models = {mode: trained(processes, image, hyperparameters, channel, mode) for mode in MODES}
    again = trained(processes, image, hyperparameters, channel)
    for mode, model in models.items():
        assert not difference(again, model), f"{mode}: {difference(again, model)}"


def test_containers_give_the_model_of_processes(processes, containers, name, image, hyperparameters, put, difference):
    expected = trained(processes, image, hyperparameters, put(processes))
    channel = put(containers)
    for mode in MODES_OF_CONTAINERS.get(name, ("Pipe",)):
        model = trained(containers, image, hyperparameters, channel, mode)
        assert not difference(expected, model), f"{mode}: {difference(expected, model)}"


@pytest.fixture
def bodies(request, case, data) -> dict[str, bytes]:
    """A request of some rows, or of an image or some, in every content type."""
    if data == "images":
        return image_bodies(request.getfixturevalue("pictures")[:FEW])
    return row_bodies(np.round(case.rows().dense()[:FEW].numpy(), 3))


def row_bodies(rows: np.ndarray) -> dict[str, bytes]:
    instances = [{"features": [round(float(value), 3) for value in row]} for row in rows]
    made = {
        "text/csv": "\n".join(",".join(f"{value:.3f}" for value in row) for row in rows).encode(),
        "application/json": json.dumps({"instances": instances}).encode(),
        "application/jsonlines": "\n".join(map(json.dumps, instances)).encode(),
        "application/x-recordio-protobuf": bytes(encode_rows(rows)),
    }
    assert made.keys() == DECODERS.keys()
    return made


def image_bodies(pictures: list[bytes]) -> dict[str, bytes]:
    png, jpeg, *_ = pictures
    made = {
        "image/png": png,
        "image/jpeg": jpeg,
        "application/jpeg": jpeg,
        "application/x-image": jpeg,
        "application/x-recordio": b"".join(map(recordio.frame_split, pictures)),
    }
    assert made.keys() == set(algorithms.find("image-classification").spec.content_types)
    return made


def answers(ask, requests) -> dict[tuple[str, str], tuple[int, bytes]]:
    return {
        (content_type, accept): ask(body, content_type, accept)
        for content_type, body in requests.items()
        for accept in ENCODERS
    }


def test_containers_answer_as_processes_do(processes, containers, image, hyperparameters, put, bodies):
    model = trained(processes, image, hyperparameters, put(processes))
    with processes.serving(image, model) as ask:
        expected = answers(ask, bodies)
    with containers.serving(image, model) as ask:
        assert answers(ask, bodies) == expected
    for content_type in bodies:
        assert expected[content_type, "application/json"][0] == 200, expected[content_type, "application/json"]


def census_rows(folder, width: int) -> tuple[bytes, bytes, str]:
    rows = np.random.default_rng(0).random((FEW, width)).astype(np.float32)
    body = "\n".join(",".join(map(repr, map(float, row))) for row in rows).encode()
    return (folder / "model.tar.gz").read_bytes(), body, "text/csv"


def digits(folder) -> tuple[bytes, bytes, str]:
    rows = np.random.default_rng(0).random((FEW, 784)).astype(np.float32)
    return (folder / "model.tar.gz").read_bytes(), bytes(encode_rows(rows)), "application/x-recordio-protobuf"


def recorded_ratings(folder) -> tuple[bytes, bytes, str]:
    records = itertools.islice(recordio.payloads([(folder / "test.protobuf").read_bytes()]), FEW)
    body = b"".join(map(recordio.frame, records))
    return (folder / "model.tar.gz").read_bytes(), body, "application/x-recordio-protobuf"


def recorded_pictures(folder) -> tuple[bytes, bytes, str]:
    """The graph and shapes of a real job; its arrays were not published, and random ones stand in."""
    symbol = (folder / "image-classification-symbol-0e1db67.json").read_bytes()
    arrays = weights.random(symbol_json.decode(symbol, "symbol"), 3, torch.Generator().manual_seed(0))
    members = {
        "image-classification-symbol.json": symbol,
        "image-classification-0001.params": ndarray.write({f"arg:{n}": a.numpy() for n, a in arrays.items()}),
        "model-shapes.json": (folder / "model-shapes.json").read_bytes(),
    }
    return packed(members), (folder.parent / "image-recordio" / "train.rec").read_bytes(), "application/x-recordio"


def packed(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as tar:
        for name, member in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(member)
            tar.addfile(entry, io.BytesIO(member))
    return content.getvalue()


GOLDEN = {
    "kmeans": ("kmeans-census-k8", partial(census_rows, width=7)),
    "pca": ("pca-census", partial(census_rows, width=34)),
    "factorization_machines": ("fm-movielens", recorded_ratings),
    "image_classification": ("image-classification-symbols", recorded_pictures),
    "linear_learner": ("linear-learner-mnist", digits),
}


def test_real_artifacts_answer_alike(processes, containers, image, name, golden):
    if name not in GOLDEN:
        pytest.skip(f"no artifact of {name} by the real service is at hand")
    folder, read = GOLDEN[name]
    model, body, content_type = read(golden / folder)
    with processes.serving(image, model) as ask:
        expected = ask(body, content_type, "application/json")
    assert expected[0] == 200, expected
    with containers.serving(image, model) as ask:
        assert ask(body, content_type, "application/json") == expected


OTHER_PROCESSOR = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "FAISS_OPT_LEVEL": "generic",
}
"""What makes torch, its libraries and faiss compute as on a processor without wide vector units."""


@pytest.mark.parametrize("hardware", ["another processor", "CUDA"])
def test_a_model_of_other_hardware_is_as_good(processes, image, name, case, put, monkeypatch, tmp_path, hardware):
    """Sums in another order may part two runs in their last digits and in what follows from them, but not in quality."""
    if hardware == "CUDA" and not torch.cuda.is_available():
        pytest.skip("no CUDA here")
    channel = put(processes)
    here = trained(processes, image, case.hyperparameters | {"_num_gpus": "0"}, channel)
    if hardware != "CUDA":
        for variable, value in OTHER_PROCESSOR.items():
            monkeypatch.setenv(variable, value)
    there = trained(processes, image, case.hyperparameters | {"_num_gpus": str(int(hardware == "CUDA"))}, channel)
    found = [quality(case, name, model, tmp_path / place) for place, model in (("here", here), ("there", there))]
    assert min(found) >= case.floor
    assert found[0] == pytest.approx(found[1], rel=QUALITY_WITHIN)


def quality(case, name: str, model: bytes, folder) -> float:
    folder.mkdir()
    (folder / "model.tar.gz").write_bytes(model)
    archive.unpack(folder / "model.tar.gz", folder / "model")
    return case.quality(artifact.load(folder / "model", name)[1], case.rows())


def test_a_difference_is_named_by_array_and_index(difference, tmp_path):
    packed = []
    for value in (1.0, 2.0):
        folder = tmp_path / str(value)
        folder.mkdir()
        centers = np.zeros((2, 3), np.float32)
        centers[1, 2] = value
        (folder / "model_algo-1").write_bytes(ndarray.write({"centers": centers}))
        archive.pack(folder, tmp_path / "packed")
        packed.append((tmp_path / "packed").read_bytes())
    assert (
        difference(*packed) == f"model_algo-1: array centers, index (1, 2): {centers[1, 2] - 1!r} and {centers[1, 2]!r}"
    )
