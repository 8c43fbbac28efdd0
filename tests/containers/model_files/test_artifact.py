"""A model is saved, recognised by its files, and loaded; what is not one is rejected."""

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.algorithms.pca.model import PCAModel
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract import archive
from wildsage.containers.model_files import artifact

MODELS = [
    KMeansModel(torch.arange(6.0).reshape(2, 3)),
    PCAModel(torch.tensor([1.0, 2.0]), torch.arange(6.0).reshape(3, 2), torch.zeros(1, 3)),
]


@pytest.mark.parametrize("model", MODELS, ids=["kmeans", "pca"])
def test_a_model_comes_back_and_its_algorithm_is_recognised_by_the_file(tmp_path, model):
    artifact.save(model, tmp_path, "algo-1")
    algorithm, again = artifact.load(tmp_path)
    assert algorithm.model_class is type(model)
    for name, array in model.arrays().items():
        assert torch.equal(again.arrays()[name], array)


def test_the_wrong_algorithm_is_rejected(tmp_path):
    artifact.save(MODELS[0], tmp_path, "algo-1")
    with pytest.raises(
        UserError, match="model_algo-1: holds 1 arrays without names, which is not a model of pca"
    ) as error:
        artifact.load(tmp_path, "pca")
    assert str(error.value).endswith("The files look like a model of kmeans.")


@pytest.mark.parametrize(
    ("member", "algorithm", "owner"),
    [
        ("xgboost-model", "kmeans", "xgboost"),
        ("model.joblib", None, "scikit-learn"),
        ("1/saved_model.pb", "kmeans", "TensorFlow"),
        ("code/model.pth", "kmeans", "PyTorch"),
    ],
)
def test_a_model_of_another_owner_says_whose_it_looks_like(tmp_path, member, algorithm, owner):
    (tmp_path / member).parent.mkdir(exist_ok=True)
    (tmp_path / member).touch()
    with pytest.raises(UserError, match=rf"The files look like a model of {owner}\.$"):
        artifact.load(tmp_path, algorithm)


def test_a_damaged_model_does_not_look_like_its_own_algorithms(tmp_path):
    (tmp_path / "xgboost-model").touch()
    with pytest.raises(UserError, match=r"^damaged$"), artifact.other_owner_named(tmp_path, "xgboost"):
        raise UserError("damaged")


def test_shapes_that_do_not_fit_together_are_rejected(tmp_path):
    arrays = {"s": np.ones(3, np.float32), "v": np.ones((4, 2), np.float32), "mean": np.ones((1, 4), np.float32)}
    (tmp_path / "model_algo-1").write_bytes(ndarray.write(arrays))
    with pytest.raises(UserError, match=r"PCA model: got s \(3,\), v \(4, 2\), mean \(1, 4\)"):
        artifact.load(tmp_path)


def test_a_folder_without_a_model_says_what_it_holds(tmp_path):
    with pytest.raises(
        UserError, match=r"found nothing, expected the members of a model\.tar\.gz, such as model_algo-1"
    ):
        artifact.load(tmp_path)
    (tmp_path / "readme").touch()
    with pytest.raises(UserError, match="found readme, expected"):
        artifact.load(tmp_path)


@pytest.fixture
def projected(golden, tmp_path, census) -> torch.Tensor:
    """The counties' projections (3218, 33) by the real PCA model, strongest component last."""
    archive.unpack(golden / "pca-census" / "model.tar.gz", tmp_path / "pca")
    return artifact.load(tmp_path / "pca")[1].predict(Batch(torch.from_numpy(census)))["projection"]


def real_kmeans(golden, tmp_path, k: int) -> KMeansModel:
    archive.unpack(golden / f"kmeans-census-k{k}" / "model.tar.gz", tmp_path / "kmeans")
    algorithm, model = artifact.load(tmp_path / "kmeans")
    assert algorithm.spec.image == "kmeans"
    return model


def test_a_real_kmeans_artifact_of_8_clusters_has_its_recorded_loss(golden, tmp_path, projected):
    answer = real_kmeans(golden, tmp_path, 8).predict(Batch(projected.flip(1)[:, :7]))
    assert float(answer["distance_to_cluster"].square().mean()) == pytest.approx(0.1122, abs=5e-5)


def test_a_real_kmeans_artifact_of_7_clusters_has_its_recorded_sizes(golden, tmp_path, projected):
    answer = real_kmeans(golden, tmp_path, 7).predict(Batch(projected[:, -5:]))
    assert answer["closest_cluster"].long().bincount().tolist() == [372, 645, 364, 1005, 500, 93, 239]


def test_a_real_pca_artifact_projects_as_the_real_endpoint_did(golden, tmp_path, census):
    archive.unpack(golden / "pca-census" / "model.tar.gz", tmp_path)
    algorithm, model = artifact.load(tmp_path)
    projection = model.predict(Batch(torch.from_numpy(census[:1])))["projection"][0].flip(0)
    assert algorithm.spec.image == "pca"
    assert np.allclose(projection[:6], [-0.060274, 0.160527, -0.088356, 0.120480, -0.010824, 0.040452], atol=1e-6)
    ours = np.linalg.svd((census - census.mean(0)).astype(np.float64), full_matrices=False)[1]
    assert np.allclose(model.s_c.flip(0)[:20], ours[:20], rtol=1e-5)


@pytest.mark.parametrize("name", ["kmeans-census-k7", "kmeans-census-k8", "pca-census"])
def test_a_real_artifact_is_written_again_byte_for_byte(golden, tmp_path, name):
    archive.unpack(golden / name / "model.tar.gz", tmp_path / "real")
    artifact.save(artifact.load(tmp_path / "real")[1], tmp_path / "ours", "algo-1")
    assert (tmp_path / "ours" / "model_algo-1").read_bytes() == (tmp_path / "real" / "model_algo-1").read_bytes()
