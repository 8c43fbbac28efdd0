"""The three files of a kNN artifact: written, read again, and read where somebody else wrote them."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import faiss
import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.algorithm import KNN
from wildsage.containers.model_files import artifact, faiss_index, faiss_trial

ROWS = np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32)
LABELS = np.arange(600, dtype=np.float32)
KINDS = [
    {},
    {"index_metric": "COSINE"},
    {"index_type": "faiss.IVFFlat"},
    {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": 3},
    {"dimension_reduction_type": "sign", "dimension_reduction_target": 5},
    {"dimension_reduction_type": "fjlt", "dimension_reduction_target": 5, "index_metric": "INNER_PRODUCT"},
]


def fit(**settings):
    settings = {"k": 3, "predictor_type": "regressor", "sample_size": 600, **settings}
    batch = Batch(torch.from_numpy(ROWS), torch.from_numpy(LABELS)[:, None])
    return KNN(**settings).fit({"train": MemoryStream(batch)}, RunContext())


def members(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_a_model_comes_back_as_it_was(tmp_path, settings):
    model = fit(**settings)
    artifact.save(model, tmp_path, "algo-1")
    kind, again = artifact.load(tmp_path)
    assert kind is KNN
    queries = Batch(torch.from_numpy(ROWS[:40] + np.float32(0.1)))
    for name, column in model.predict(queries).items():
        assert torch.equal(again.predict(queries)[name], column)
    assert again.settings() == model.settings()


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_the_same_job_gives_the_same_bytes(tmp_path, settings):
    for name in ("one", "two"):
        artifact.save(fit(**settings), tmp_path / name, "algo-1")
    assert members(tmp_path / "one") == members(tmp_path / "two")
    assert list(members(tmp_path / "one")) == ["model_algo-1", "model_algo-1.json", "model_algo-1.labels"]


def test_the_files_are_those_of_the_contract(tmp_path):
    artifact.save(fit(dimension_reduction_type="sign", dimension_reduction_target=5), tmp_path, "algo-1")
    assert faiss.read_index(str(tmp_path / "model_algo-1")).ntotal == 600
    assert np.array_equal(np.fromfile(tmp_path / "model_algo-1.labels", np.float32), LABELS)
    document = json.loads((tmp_path / "model_algo-1.json").read_text())
    reduction = {"type": "sign", "seed": 0, "target_dim": 5, "input_dim": 8, "generator": "pcg64"}
    assert document == {
        "k": 3, "predictor_type": "regressor", "normalize": False, "feature_dim": 8, "dimension_reduction": reduction,
        "version": "1.0",
    }  # fmt: skip


def written_elsewhere(folder: Path, index: faiss.Index, **document) -> None:
    """The artifact as faiss, NumPy and json write it."""
    index.add(ROWS)
    faiss.write_index(index, str(folder / "model_algo-1"))
    LABELS.tofile(folder / "model_algo-1.labels")
    document = {"k": 5, "predictor_type": "classifier", "normalize": False, "version": "1.0", **document}
    (folder / "model_algo-1.json").write_text(json.dumps(document))


def test_an_index_made_by_faiss_alone_is_served(tmp_path):
    index = faiss.IndexFlatL2(8)
    written_elsewhere(tmp_path, index)
    _, model = artifact.load(tmp_path, "knn")
    answer = model.predict(Batch(torch.from_numpy(ROWS[:20])))
    squared, places = index.search(ROWS[:20], 5)
    assert np.array_equal(answer["labels"].numpy(), places.astype(np.float32))
    assert np.allclose(answer["distances"].numpy(), squared, rtol=1e-5, atol=1e-5)


def test_k_and_predictor_may_be_edited(tmp_path):
    written_elsewhere(tmp_path, faiss.IndexFlatIP(8), k=2, predictor_type="regressor")
    _, model = artifact.load(tmp_path, "knn")
    answer = model.predict(Batch(torch.from_numpy(ROWS[:4])))
    assert answer["labels"].shape == (4, 2)
    assert torch.equal(answer["predicted_label"], answer["labels"].mean(1))


@pytest.mark.parametrize("kind", ["flat", "lists"])
def test_rows_stay_in_the_file(tmp_path, kind):
    """The index's rows are those of the file: what is written there is what is found."""
    index = faiss.IndexFlatL2(8)
    if kind == "lists":
        index = faiss.IndexIVFFlat(index, 8, 4)
        index.train(ROWS)
    written_elsewhere(tmp_path, index)
    _, model = artifact.load(tmp_path, "knn")
    mapped = [
        line for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path / "model_algo-1") in line
    ]
    assert mapped
    assert model.index.ntotal == 600


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"k": 601}, "k: got 601, expected an integer from 1 to 600, the rows of the index"),
        ({"k": "5"}, "k: got '5', expected an integer"),
        ({"k": True}, "k: got True, expected an integer"),
        ({"predictor_type": "ranker"}, "predictor_type: got 'ranker', expected classifier or regressor"),
        ({"feature_dim": 9}, "The index has 8 columns, expected 9 at least"),
        ({"feature_dim": "8"}, "feature_dim: got '8', expected an integer ≥ 1"),
        ({"feature_dim": 0}, "feature_dim: got 0, expected an integer ≥ 1"),
        ({"feature_dim": -5}, "feature_dim: got -5, expected an integer ≥ 1"),
        ({"dimension_reduction": {"type": "sign", "generator": "pcg64"}}, "dimension_reduction lacks seed, target_dim, input_dim"),
        ({"dimension_reduction": {"type": "sign", "seed": 3, "target_dim": 8, "input_dim": 20}}, "dimension_reduction was not made here"),
        (
            {"dimension_reduction": {"type": "sign", "seed": -1, "target_dim": 8, "input_dim": 20, "generator": "pcg64"}},
            "dimension_reduction seed: got -1, expected an integer ≥ 0",
        ),
    ],
)  # fmt: skip
def test_a_document_that_does_not_fit(tmp_path, document, problem):
    written_elsewhere(tmp_path, faiss.IndexFlatL2(8), **document)
    with pytest.raises(UserError) as caught:
        artifact.load(tmp_path, "knn")
    assert str(caught.value).startswith("model_algo-1: ")
    assert problem in str(caught.value)


def test_files_that_are_missing_or_broken(tmp_path):
    written_elsewhere(tmp_path, faiss.IndexFlatL2(8))
    (tmp_path / "model_algo-1.json").write_text("{'k': 5}")
    with pytest.raises(UserError, match=r"model_algo-1\.json is not valid JSON"):
        artifact.load(tmp_path)
    LABELS[:-1].tofile(tmp_path / "model_algo-1.labels")
    (tmp_path / "model_algo-1.json").write_text('{"k": 5, "predictor_type": "regressor"}')
    with pytest.raises(UserError, match="The index holds 600 rows, but there are 599 labels"):
        artifact.load(tmp_path)
    (tmp_path / "model_algo-1.labels").unlink()
    with pytest.raises(UserError, match=r"is a faiss index, but model_algo-1\.labels is missing beside it"):
        artifact.load(tmp_path)
    (tmp_path / "model_algo-1").write_bytes((tmp_path / "model_algo-1").read_bytes()[:1000])
    (tmp_path / "model_algo-1.labels").write_bytes(b"")
    with pytest.raises(UserError, match="faiss cannot read the index"):
        artifact.load(tmp_path)


FLAT, LISTS = {}, {"index_type": "faiss.IVFFlat"}
LYING_SIZES = [(2**40).to_bytes(8, "little"), (2**63 - 1).to_bytes(8, "little"), b"\xff" * 8]


@pytest.mark.parametrize(
    ("settings", "length"), [(FLAT, 27), (FLAT, 31), (LISTS, 25), (LISTS, 60), (LISTS, 200)], ids=str
)
def test_an_index_that_is_cut_is_an_error_and_this_process_lives(tmp_path, settings, length):
    artifact.save(fit(**settings), tmp_path, "algo-1")
    path = tmp_path / "model_algo-1"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match="model_algo-1: faiss cannot read the index, the file is damaged"):
        artifact.load(tmp_path)


@pytest.mark.parametrize("size", LYING_SIZES)
@pytest.mark.parametrize(("settings", "at"), [(FLAT, 37), (LISTS, 37)], ids=str)
def test_a_size_in_an_index_is_not_believed(tmp_path, settings, at, size):
    artifact.save(fit(**settings), tmp_path, "algo-1")
    path = tmp_path / "model_algo-1"
    content = bytearray(path.read_bytes())
    content[at : at + 8] = size
    path.write_bytes(content)
    with pytest.raises(UserError, match="model_algo-1: faiss cannot read the index, the file is damaged"):
        artifact.load(tmp_path)


def test_a_list_that_names_a_row_that_does_not_exist(tmp_path):
    model = fit(**LISTS)
    artifact.save(model, tmp_path, "algo-1")
    path = tmp_path / "model_algo-1"
    ids = faiss.rev_swig_ptr(model.index.invlists.get_ids(0), 4).astype("<i8").tobytes()
    content = path.read_bytes()
    path.write_bytes(content.replace(ids, (600).to_bytes(8, "little") + ids[8:]))
    with pytest.raises(UserError, match="list 0 names a row outside of 0 to 599"):
        artifact.load(tmp_path)


def test_an_index_is_read_where_processes_may_take_little_memory(tmp_path):
    artifact.save(fit(), tmp_path, "algo-1")
    limited = "ulimit -v 2097152; exec " + shlex.join([sys.executable, faiss_trial.__file__])
    subprocess.run(["sh", "-c", f"{limited} {tmp_path / 'model_algo-1'} {faiss.IO_FLAG_MMAP_IFC}"], check=True)


REDUCTION = {"type": "sign", "seed": 0, "target_dim": 1, "input_dim": 1, "generator": "pcg64"}


def settings_of(folder: Path, document: object) -> dict:
    (folder / "model_algo-1.json").write_text(json.dumps(document))
    return faiss_index._settings(folder / "model_algo-1")


@pytest.mark.parametrize(
    ("document", "settings"),
    [
        ({"k": 5, "predictor_type": "regressor", "version": "1.0"}, {"k": 5, "predictor_type": "regressor"}),
        ({"k": 5, "feature_dim": 1, "dimension_reduction": None}, {"k": 5, "feature_dim": 1}),
        (
            {"feature_dim": 9, "dimension_reduction": REDUCTION | {"input_dim": 20}},
            {"feature_dim": 20, "reduction_type": "sign", "reduction_seed": 0, "reduction_target_dim": 1},
        ),
        (
            {"dimension_reduction": REDUCTION},
            {"feature_dim": 1, "reduction_type": "sign", "reduction_seed": 0, "reduction_target_dim": 1},
        ),
    ],
)
def test_settings_are_those_of_the_document(tmp_path, document, settings):
    assert settings_of(tmp_path, document) == settings


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "got list, expected an object with k and predictor_type"),
        ({"feature_dim": True}, "feature_dim: got True, expected an integer ≥ 1"),
        ({"dimension_reduction": "sign"}, "dimension_reduction was not made here"),
        ({"dimension_reduction": REDUCTION | {"generator": "mt19937"}}, "dimension_reduction was not made here"),
        ({"dimension_reduction": REDUCTION | {"seed": True}}, "seed: got True, expected an integer ≥ 0"),
        ({"dimension_reduction": REDUCTION | {"target_dim": 0}}, "target_dim: got 0, expected an integer ≥ 1"),
        ({"dimension_reduction": REDUCTION | {"input_dim": 0}}, "input_dim: got 0, expected an integer ≥ 1"),
        ({"dimension_reduction": REDUCTION | {"input_dim": "8"}}, "input_dim: got '8', expected an integer ≥ 1"),
        ({"dimension_reduction": {"generator": "pcg64"}}, "lacks type, seed, target_dim, input_dim"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path, document, problem):
    with pytest.raises(UserError) as caught:
        settings_of(tmp_path, document)
    assert str(caught.value).startswith("model_algo-1.json") and problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kill -9 $$", "a process that read it ended by signal 9"),
        ("exit 1", "no reason"),
        ("echo first >&2; echo last >&2; exit 3", "last"),
        ("printf '\\377\\n' >&2; exit 1", "\ufffd"),
        ('test "$OMP_NUM_THREADS" = 1 || exit 1', None),
    ],
)
def test_the_process_that_tries_an_index_says_why_it_failed(tmp_path, monkeypatch, text, reason):
    (tmp_path / "python").write_text(f"#!/bin/sh\n{text}\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    if reason is None:
        faiss_index._check_in_a_process_of_its_own(tmp_path / "index", 0)
        return
    with pytest.raises(UserError) as caught:
        faiss_index._check_in_a_process_of_its_own(tmp_path / "index", 0)
    assert str(caught.value) == f"faiss cannot read the index, the file is damaged: {reason}."


def test_another_file_is_left_to_other_layouts(tmp_path):
    assert faiss_index.load(tmp_path, {}) is None
    (tmp_path / "model_algo-1").write_bytes(b"PK\x03\x04")
    assert faiss_index.load(tmp_path, {}) is None
