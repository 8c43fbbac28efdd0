"""A model is saved, recognised by its files, and loaded; what is not one is rejected."""

import re
import shutil

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import AlgorithmError, UserError
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.algorithms.linear_learner.algorithm import LinearLearner
from wildsage.algorithms.linear_learner.model import LinearModel
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


@pytest.mark.parametrize("name", ["model_algo-1", "state_0"])
def test_what_lies_there_in_place_of_a_model_is_said(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / name).write_bytes(b"k=2")
    found = (
        "model_algo-1 is text (it begins with 'k=2')." if name == "model_algo-1" else "found folder/, state_0, expected"
    )
    for algorithm, kinds in ((None, " or "), ("pca", "No model of pca in the folder: ")):
        with pytest.raises(UserError) as caught:
            artifact.load(tmp_path, algorithm, where="the folder")
        assert kinds in str(caught.value) and f" in the folder: {found}" in str(caught.value)
        assert ("Expected an MXNet NDArray file" in str(caught.value)) == (algorithm == "pca")


def test_models_of_algorithms_that_are_not_installed_are_said_to_need_a_package(tmp_path, monkeypatch):
    monkeypatch.setattr(artifact.algorithms, "unavailable", lambda: ["knn"])
    with pytest.raises(UserError, match=r"Models of knn are recognised only after pip install 'wildsage\[knn\]'\.$"):
        artifact.load(tmp_path)
    with pytest.raises(UserError, match=r"Expected an MXNet NDArray file, .*\.$") as caught:
        artifact.load(tmp_path, "pca")
    assert "recognised only" not in str(caught.value)


@pytest.mark.parametrize(("wrong", "names"), [((0,), "v"), ((0, 1), "v and mean")])
def test_a_model_with_nan_is_neither_saved_nor_served(tmp_path, wrong, names):
    arrays = [torch.ones(3, 1), torch.zeros(1, 3)]
    for number in wrong:
        arrays[number][0, 0] = torch.nan
    model = PCAModel(torch.tensor([1.0]), *arrays)
    with pytest.raises(AlgorithmError, match=f"^The model's {names} holds NaN or infinity: the training data"):
        artifact.save(model, tmp_path / "new", "algo-1")
    verb = "hold" if len(wrong) > 1 else "holds"
    with pytest.raises(UserError, match=f"^The model's {names} {verb} NaN or infinity, expected finite numbers"):
        artifact.check_finite(model)
    assert not (tmp_path / "new").exists()


def test_a_model_is_saved_in_a_folder_that_is_there_or_not(tmp_path):
    for _ in range(2):
        artifact.save(MODELS[0], tmp_path / "deep" / "model", "algo-1")
    assert artifact.load(tmp_path / "deep" / "model")[0].spec.image == "kmeans"


STATE = {"1": torch.tensor([[3.0], [4.0]]), "0": torch.arange(6.0).reshape(2, 3)}


def channel(folder, kind: str):
    """A channel with a model and its state, with either alone, or with neither."""
    model = folder / "made"
    model.mkdir()
    if kind in ("both", "state"):
        artifact.save_state(STATE, model)
    if kind in ("both", "model"):
        artifact.save(LINEAR, model, "algo-1")
    (folder / "channel" / "deep").mkdir(parents=True)
    archive.pack(model, folder / "channel" / "deep" / "model.tar.gz")
    return folder / "channel"


LINEAR = LinearModel(
    torch.ones(2, 1),
    torch.zeros(1, 1),
    {"predictor_type": "regressor", "loss_type": "squared_loss", "threshold": 0.5, "metrics_params": None},
)


def test_a_state_has_a_name_that_follows_from_its_bytes(tmp_path):
    for _ in range(2):
        artifact.save_state(STATE, tmp_path)
    (path,) = tmp_path.iterdir()
    assert re.fullmatch(r"state_[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", path.name)
    assert path.read_bytes() == ndarray.write({name: array.numpy() for name, array in STATE.items()})
    artifact.save_state({**STATE, "0": STATE["0"] + 1}, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("kind", ["both", "state"])
@pytest.mark.parametrize("algorithm", [KMeans, LinearLearner])
def test_a_job_resumes_from_the_state_beside_a_model(tmp_path, kind, algorithm):
    folder = channel(tmp_path, kind)
    (folder / "deep" / ".hidden.tar.gz").touch()
    (folder / "manifest").touch()
    state = artifact.load_state(folder, algorithm)
    assert list(state) == ["1", "0"] and all(torch.equal(state[name], STATE[name]) for name in STATE)


def test_of_several_states_the_first_by_name_is_read(tmp_path):
    (tmp_path / "made").mkdir()
    for name, value in (("state_b", 2.0), ("state_a", 1.0), ("state_c", 3.0)):
        (tmp_path / "made" / name).write_bytes(ndarray.write({"x": np.array([value], np.float32)}))
    (tmp_path / "channel").mkdir()
    archive.pack(tmp_path / "made", tmp_path / "channel" / "model.tar.gz")
    assert artifact.load_state(tmp_path / "channel", KMeans)["x"].tolist() == [1.0]


def test_without_a_state_a_model_is_enough_where_all_hosts_move_it_together(tmp_path):
    folder = channel(tmp_path, "model")
    arrays = artifact.load_state(folder, LinearLearner)
    assert torch.equal(arrays["fc0_weight"], torch.ones(2, 1)) and list(arrays) == list(LINEAR.arrays())
    with pytest.raises(
        UserError, match=r"^Channel model, model\.tar\.gz: holds no state_… member to resume from\. Train"
    ):
        artifact.load_state(folder, KMeans)


def test_a_state_without_names_is_not_one(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "state_x").write_bytes(ndarray.write([np.ones(1, np.float32)]))
    archive.pack(tmp_path / "made", tmp_path / "model.tar.gz")
    shutil.rmtree(tmp_path / "made")
    with pytest.raises(UserError, match="holds no state_… member to resume from"):
        artifact.load_state(tmp_path, KMeans)


def test_a_channel_without_a_file_or_with_several_archives_is_rejected(tmp_path):
    with pytest.raises(UserError, match=r"^Channel model: got no file, expected one model\.tar\.gz of an earlier job"):
        artifact.load_state(tmp_path, KMeans)
    for name in ("a.tar.gz", "b.tar.gz", "c"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"^Channel model: got a\.tar\.gz, b\.tar\.gz, expected one"):
        artifact.load_state(tmp_path, KMeans)


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
