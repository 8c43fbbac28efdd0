"""The same job gives the same bytes: as processes and in containers, again, and in every input mode.

Equality holds for one processor and one number of threads. Another processor's vector units, and CUDA, add up in another
order: there the figures of the conformance suite are the measure, not the bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest

from containers.codecs import DECODERS, ENCODERS, ndarray
from containers.codecs.record_protobuf import encode_rows
from containers.contract import archive

MODES = ("File", "FastFile", "Pipe")
FEW = 7  # rows of a request


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def trained(place, image, case, channel, mode: str = "File", hosts: int = 1) -> bytes:
    outcome = place.train(image, case.hyperparameters, {**channel, "InputMode": mode}, hosts)
    assert outcome.statuses == [0] * hosts, outcome.ending
    return outcome.model


def test_processes_give_one_model_in_every_mode(processes, image, case, put, difference):
    channel = put(processes)
    models = {mode: trained(processes, image, case, channel, mode) for mode in (*MODES, "File")}
    again = trained(processes, image, case, channel)
    for mode, model in models.items():
        assert not difference(again, model), f"{mode}: {difference(again, model)}"


def test_containers_give_the_model_of_processes(processes, containers, image, case, put, difference):
    expected = trained(processes, image, case, put(processes))
    channel = put(containers)
    for mode in (*MODES, "File"):
        model = trained(containers, image, case, channel, mode)
        assert not difference(expected, model), f"{mode}: {difference(expected, model)}"
    assert sha256(model) == sha256(expected)


def bodies(case, spec) -> dict[str, bytes]:
    """A request of some rows in every content type."""
    rows = np.round(case.rows().dense()[:FEW].numpy(), 3)
    text = "\n".join(",".join(f"{value:.3f}" for value in row) for row in rows).encode()
    instances = [{"features": [round(float(value), 3) for value in row]} for row in rows]
    made = {
        "text/csv": text,
        "application/json": json.dumps({"instances": instances}).encode(),
        "application/jsonlines": "\n".join(map(json.dumps, instances)).encode(),
        "application/x-recordio-protobuf": bytes(encode_rows(rows)),
    }
    assert made.keys() == DECODERS.keys()
    return made


def answers(ask, requests) -> dict[tuple[str, str], tuple[int, bytes]]:
    return {
        (content_type, accept): ask(body, content_type, accept)
        for content_type, body in requests.items()
        for accept in ENCODERS
    }


def test_containers_answer_as_processes_do(processes, containers, image, case, put):
    model = trained(processes, image, case, put(processes))
    requests = bodies(case, image)
    with processes.serving(image, model) as ask:
        expected = answers(ask, requests)
    with containers.serving(image, model) as ask:
        assert answers(ask, requests) == expected
    assert any(status == 200 for status, _ in expected.values())


GOLDEN = {"kmeans": ("kmeans-census-k8", 7), "pca": ("pca-census", 34)}


def test_real_artifacts_answer_alike(processes, containers, image, name, golden):
    if name not in GOLDEN:
        pytest.skip(f"no artifact of {name} lies ready as model.tar.gz")
    folder, width = GOLDEN[name]
    packed = next(golden.joinpath(folder).rglob("*model*.tar.gz"), None)
    model = packed.read_bytes() if packed else pack(golden / folder)
    rows = np.random.default_rng(0).random((FEW, width)).astype(np.float32)
    body = "\n".join(",".join(map(repr, map(float, row))) for row in rows).encode()
    with processes.serving(image, model) as ask:
        expected = ask(body, "text/csv", "application/json")
    assert expected[0] == 200
    with containers.serving(image, model) as ask:
        assert ask(body, "text/csv", "application/json") == expected


def pack(folder) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in folder.glob("model_*"):
            tar.add(path, path.name)
    return packed.getvalue()


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
