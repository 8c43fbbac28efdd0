"""`read_model`: what the real service wrote, and what Wildsage writes, as NumPy arrays."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.image_classification import weights
from wildsage.algorithms.image_classification.model import ImageClassificationModel
from wildsage.algorithms.image_classification.network import SOFTMAX, residual_network
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract import archive
from wildsage.containers.model_files import artifact
from wildsage.containers.model_files.reader import read_model


@pytest.mark.parametrize(
    ("job", "algorithm", "shapes"),
    [
        ("kmeans-census-k7", "kmeans", {"centers": (7, 5)}),
        ("kmeans-census-k8", "kmeans", {"centers": (8, 7)}),
        ("pca-census", "pca", {"s": (33,), "v": (34, 33), "mean": (1, 34)}),
        ("linear-learner-mnist", "linear-learner", {"fc0_weight": (784, 1), "fc0_bias": (1, 1)}),
        ("linear-learner-regressor", "linear-learner", {"fc0_weight": (513, 1), "fc0_bias": (1, 1)}),
        ("fm-movielens", "factorization-machines", {"v": (2625, 64), "w1_weight": (2625, 1), "w0_weight": (1,)}),
    ],
)
def test_an_artifact_of_the_real_service(golden, job, algorithm, shapes):
    model = read_model(golden / job / "model.tar.gz")
    assert model.algorithm == algorithm
    assert {name: array.shape for name, array in model.arrays.items()} == shapes
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in model.arrays.values())


def test_the_numbers_are_those_in_the_file(golden):
    path = golden / "pca-census" / "model.tar.gz"
    with tarfile.open(path) as members:
        stored = ndarray.read(members.extractfile("model_algo-1").read())
    arrays = read_model(path).arrays
    assert all(np.array_equal(arrays[name], stored[name]) for name in ("s", "v", "mean"))


def test_settings_are_those_of_the_artifact(golden):
    settings = read_model(golden / "fm-movielens" / "model.tar.gz").settings
    assert settings["predictor_type"] == "regressor" and settings["num_factors"] == "64"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A k-means model's folder, with its archive beside it."""
    artifact.save(KMeansModel(torch.arange(6.0).reshape(2, 3)), tmp_path / "model", "algo-1")
    archive.pack(tmp_path / "model", tmp_path / "model.tar.gz")
    return tmp_path / "model"


def test_a_path_is_an_archive_a_folder_or_a_member(folder):
    for path in (folder, folder.with_name("model.tar.gz"), folder / "model_algo-1", str(folder)):
        assert np.array_equal(read_model(path).arrays["centers"], np.arange(6, dtype=np.float32).reshape(2, 3))


def test_the_arrays_are_the_callers_own(folder):
    model = read_model(folder)
    model.arrays["centers"][0] = 9
    assert read_model(folder).arrays["centers"][0, 0] == 0


def test_an_index_comes_with_its_labels_and_from_its_member_too(tmp_path):
    faiss = pytest.importorskip("faiss")
    from wildsage.algorithms.knn.algorithm import ALGORITHM

    rows_nd = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    batch = Batch(torch.from_numpy(rows_nd), torch.arange(50.0)[:, None])
    trained = ALGORITHM(k=3, predictor_type="regressor", sample_size=50).fit(
        {"train": MemoryStream(batch)}, RunContext()
    )
    artifact.save(trained, tmp_path, "algo-1")
    for path in (tmp_path, tmp_path / "model_algo-1"):
        model = read_model(path)
        index = faiss.deserialize_index(model.arrays["index"])
        assert model.algorithm == "knn" and model.settings["k"] == 3
        assert np.array_equal(index.reconstruct_n(0, 50)[np.argsort(model.arrays["labels"])], rows_nd)


def test_the_parameters_of_a_network_by_mxnets_names(tmp_path):
    graph = residual_network(20, (3, 8, 8), 4, SOFTMAX)
    trained = ImageClassificationModel(graph, {3: weights.random(graph, 3, torch.Generator())}, (3, 8, 8), 16)
    artifact.save(trained, tmp_path, "algo-1")
    model = read_model(tmp_path)
    assert model.algorithm == "image-classification" and model.arrays["conv0_weight"].ndim == 4


def test_what_is_not_a_model_is_named(folder, tmp_path):
    with pytest.raises(UserError, match=r"absent does not exist, expected a model\.tar\.gz, its folder, or its member"):
        read_model(tmp_path / "absent")
    with pytest.raises(UserError, match=r"s3://b/model\.tar\.gz is an S3 URI, expected a path\. Download"):
        read_model("s3://b/model.tar.gz")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match=r"No model of .* in .*notes\.txt: found notes\.txt, expected"):
        read_model(tmp_path / "notes.txt")
    shutil.rmtree(folder)
    archive.pack(tmp_path, tmp_path.with_suffix(".tar.gz"))
    with pytest.raises(UserError, match=r"No model of .*\.tar\.gz: found model\.tar\.gz, notes\.txt, expected"):
        read_model(tmp_path.with_suffix(".tar.gz"))


def test_a_model_whose_package_is_missing_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    (tmp_path / "model_algo-1").write_bytes(b"IxF2")
    with pytest.raises(UserError, match=r"Models of knn are recognised only after pip install 'wildsage\[knn\]'\."):
        read_model(tmp_path)


def test_the_algorithm_may_be_named(folder):
    assert read_model(folder, "kmeans").algorithm == "kmeans"
    with pytest.raises(UserError, match=r"model_algo-1: holds 1 arrays? without names, which is not a model of pca"):
        read_model(folder, "pca")


def test_a_model_of_trees_says_what_loads_it(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "xgboost-model").write_bytes(b"{L")
    archive.pack(folder, tmp_path / "model.tar.gz")
    for path in (folder, tmp_path / "model.tar.gz", folder / "xgboost-model"):
        for name in (None, "xgboost", "kmeans"):
            with pytest.raises(
                UserError, match=r"is an XGBoost model, which holds trees, not arrays\. Load it with xgboost"
            ):
                read_model(path, name)


def test_an_algorithm_without_arrays_is_rejected_by_name(folder):
    with pytest.raises(UserError, match=r"'xgboost' brings its own program"):
        read_model(folder, "xgboost")


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(b"\x1f\x8b not gzip")
    with pytest.raises(UserError, match=r"model\.tar\.gz"):
        read_model(tmp_path / "model.tar.gz")


def test_reading_a_model_logs_nothing(tmp_path):
    """In a process of its own, in which no package was imported before."""
    artifact.save(KMeansModel(torch.ones(2, 3)), tmp_path, "algo-1")
    code = "import logging, sys; logging.basicConfig(level=0); from wildsage import read_model; read_model(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
