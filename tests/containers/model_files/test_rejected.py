"""Files that are not a model, and models that hold NaN: named when they are loaded, before anything is served."""

import gzip
import io

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.factorization_machines.model import FactorizationMachinesModel
from wildsage.algorithms.image_classification import weights
from wildsage.algorithms.image_classification.model import ImageClassificationModel
from wildsage.algorithms.image_classification.network import SOFTMAX, residual_network
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.algorithms.linear_learner.model import LinearModel
from wildsage.algorithms.pca.model import PCAModel
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact
from wildsage.containers.serve import serve

faiss = pytest.importorskip("faiss")
from wildsage.algorithms.knn.model import KNNModel  # noqa: E402
from wildsage.algorithms.knn.row_preparation import RowPreparation  # noqa: E402

NAN = float("nan")
ONES = np.ones((2, 2), np.float32)


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, ONES)
    return file.getvalue()


FILES = {
    "npy": (npy(), r"NumPy's npy \(it begins with 93 4e 55 4d 50 59\)"),
    "gzip": (gzip.compress(b"model"), r"gzip \(it begins with 1f 8b\)"),
    "damaged magic": (
        b"\x13" + ndarray.write([ONES])[1:],
        r"not known here \(it begins with 13 01 00 00 00 00 00 00\)",
    ),
    "text": (b"k=2\n", r"text \(it begins with 'k=2\\n'\)"),
    "empty": (b"", "is empty"),
}
WRITTEN = {
    "kmeans": r'an MXNet NDArray file, which begins with 12 01 .*mx\.nd\.save\("model_algo-1", \[centers\]\)',
    "pca": r'mx\.nd\.save\("model_algo-1", {"s": s, "v": v, "mean": mean}\)',
    "factorization-machines": r"a ZIP archive of meta\.json, symbol\.json and params",
    "linear-learner": r"a ZIP archive of manifest\.json, additional-params\.json",
    "knn": r"an index as faiss\.write_index",
    "image-classification": r"an MXNet checkpoint: NAME-symbol\.json",
}


@pytest.mark.parametrize("algorithm", WRITTEN)
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_format_is_named_with_what_is_expected(tmp_path, algorithm, name):
    content, described = FILES[name]
    (tmp_path / "model_algo-1").write_bytes(content)
    with pytest.raises(
        UserError, match=rf"model_algo-1 is .*{described}\. Expected .*{WRITTEN[algorithm]}".replace("is .*is", "is")
    ):
        artifact.load(tmp_path, algorithm)


@pytest.mark.parametrize(
    ("algorithm", "arrays", "held"),
    [
        ("kmeans", {"centers": ONES}, "holds centers, which is not a model of kmeans; expected what mx.nd.save"),
        ("pca", [ONES[0], ONES, ONES[:1]], "holds 3 arrays without names, which is not a model of pca; expected what"),
        (
            "pca",
            {"s": ONES[0], "v": ndarray.RowSparse(ONES, np.arange(2), (2, 2)), "mean": ONES[:1]},
            "not all dense",
        ),
    ],
)
def test_arrays_stored_another_way_say_how_they_are_written(tmp_path, algorithm, arrays, held):
    (tmp_path / "model_algo-1").write_bytes(ndarray.write(arrays))
    with pytest.raises(UserError) as caught:
        artifact.load(tmp_path, algorithm)
    assert held in str(caught.value)


def knn_flat() -> KNNModel:
    index = faiss.IndexFlatL2(2)
    index.add(ONES)
    return KNNModel(index, torch.tensor([0.0, NAN]), 1, "regressor", RowPreparation(2, 2, False))


def knn_lists() -> KNNModel:
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(2), 2, 1)
    index.train(ONES)
    index.add(ONES)
    rows = faiss.rev_swig_ptr(faiss.downcast_InvertedLists(index.invlists).get_codes(0), 2 * index.code_size)
    rows.view(np.float32)[3] = NAN
    return KNNModel(index, torch.tensor([0.0, 1.0]), 1, "regressor", RowPreparation(2, 2, False))


def images() -> ImageClassificationModel:
    graph = residual_network(20, (3, 8, 8), 4, SOFTMAX)
    arrays = weights.random(graph, 3, torch.Generator())
    arrays["fc_bias"] = torch.full_like(arrays["fc_bias"], NAN)
    return ImageClassificationModel(graph, {1: arrays}, (3, 8, 8), 1)


LINEAR = {"predictor_type": "regressor", "loss_type": "squared_loss", "threshold": 0.5, "metrics_params": None}
MACHINE = {"predictor_type": "regressor"}
MODELS = {
    "centers": lambda: KMeansModel(torch.tensor([[1.0, NAN]])),
    "v": lambda: PCAModel(torch.ones(1), torch.tensor([[1.0], [NAN]]), torch.zeros(1, 2)),
    "w1_weight": lambda: FactorizationMachinesModel(torch.zeros(1), torch.tensor([[NAN]]), torch.ones(1, 2), MACHINE),
    "fc0_weight": lambda: LinearModel(torch.tensor([[NAN]]), torch.zeros(1, 1), LINEAR),
    "labels": knn_flat,
    "index": knn_lists,
    "fc_bias": images,
}


@pytest.mark.parametrize("array", MODELS)
def test_a_model_with_nan_is_not_served(array):
    with pytest.raises(
        UserError, match=rf"^The model's {array} holds NaN or infinity, expected finite numbers\. Train"
    ):
        artifact.check_finite(MODELS[array]())


def test_singular_values_may_be_nan_because_answers_do_not_depend_on_them():
    artifact.check_finite(PCAModel(torch.tensor([NAN]), torch.ones(2, 1), torch.zeros(1, 2)))


def test_the_server_does_not_start_with_nan(tmp_path):
    folder = OptML(tmp_path)
    folder.model.mkdir(parents=True)
    (folder.model / "model_algo-1").write_bytes(ndarray.write([np.array([[1, NAN]], np.float32)]))
    with pytest.raises(UserError, match="The model's centers holds NaN"):
        serve({"SAGEMAKER_DATA_PATH": str(tmp_path), "WILDSAGE_ALGORITHM": "kmeans"})


@pytest.mark.parametrize("name", ["model.zip", "model.tar.gz"])
def test_a_model_channel_with_another_archive_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(UserError, match=rf"^Channel model, {name}: not a readable tar\.gz archive: it is zip"):
        artifact.load_state(tmp_path, KMeans)


def test_a_model_channel_with_several_files_names_them(tmp_path):
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"^Channel model: got a\.bin, b\.bin, expected one model\.tar\.gz"):
        artifact.load_state(tmp_path, KMeans)
