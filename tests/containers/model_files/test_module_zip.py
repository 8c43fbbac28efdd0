"""Linear learner's artifact: real ones are read and answer as SageMaker answered; ours have the same members."""

from __future__ import annotations

import json
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner.algorithm import LinearLearner
from wildsage.algorithms.linear_learner.model import LinearModel
from wildsage.containers import codecs
from wildsage.containers.codecs.mxnet import ndarray, stored_zip
from wildsage.containers.contract import archive
from wildsage.containers.model_files import artifact, module_zip
from wildsage.containers.serving.handler import Handler, HttpRequest

ADULT = (
    0.03938637, -0.12801298, -1.2598095e-08, 0.03493452, 0.35340479, -0.2599799, -0.00378628, -0.11320914, 0.09978037,
    0.89372939, 0.0003177981, 0.00066283136, 0.03377905, 0.014029457,
)  # fmt: skip
"""Weights of a real artifact on adult census rows; its bias and threshold follow."""
BIAS, THRESHOLD = -9.08536911, 0.46301859617233276
REQUESTS = [
    [28, 2, 133937, 9, 13, 2, 0, 0, 4, 1, 15024, 0, 55, 37],
    [43, 2, 72338, 12, 14, 2, 12, 0, 1, 1, 0, 0, 40, 37],
]
ANSWERS = [0.9899773597717285, 0.5041388273239136]


def adult() -> LinearModel:
    arrays = {"fc0_weight": torch.tensor(ADULT)[:, None], "fc0_bias": torch.tensor([[BIAS]])}
    settings = {"predictor_type": "binary_classifier", "loss_type": "logistic", "threshold": THRESHOLD}
    return LinearModel.from_arrays(arrays, settings | {"metrics_params": {"accuracy_top_k": 3, "f_beta": 1.0}})


def test_recorded_rows_get_the_recorded_scores():
    answers = adult().predict(Batch(torch.tensor(REQUESTS, dtype=torch.float32)))
    assert answers["score"].tolist() == pytest.approx(ANSWERS, abs=4e-7)
    assert answers["predicted_label"].tolist() == [1, 1]


def test_recorded_rows_get_the_recorded_bytes():
    body = "\n".join(",".join(map(str, row)) for row in REQUESTS).encode()
    handler = Handler(adult(), LinearLearner.spec)
    document = handler.invocations(HttpRequest(body, codecs.CSV, codecs.JSON)).body
    scores = [f'{{"score": {score!r}, "predicted_label": 1}}' for score in ANSWERS]
    assert document.decode() == f'{{"predictions": [{", ".join(scores)}]}}'
    lines = handler.invocations(HttpRequest(body, codecs.CSV, codecs.JSON_LINES)).body
    assert lines == (
        b'{"predicted_label":1,"score":0.989977359771728}\n{"predicted_label":1,"score":0.504138827323913}\n'
    )


def test_what_is_written_has_the_originals_members_and_comes_back(tmp_path):
    artifact.save(adult(), tmp_path, "algo-1")
    with zipfile.ZipFile(tmp_path / "model_algo-1") as whole:
        assert {entry.compress_type for entry in whole.infolist()} == {zipfile.ZIP_STORED}
        members = {name: whole.read(name) for name in whole.namelist()}
    assert set(members) == {"mx-mod-symbol.json", "manifest.json", "additional-params.json", "mx-mod-0000.params"}
    assert json.loads(members["manifest.json"]) == {
        "mx-mod": "mxnet_module",
        "additional-params.json": "json",
        "version": 1,
    }
    kind, back = artifact.load(tmp_path)
    assert kind.spec.image == "linear-learner"
    assert torch.equal(back.arrays()["fc0_weight"], adult().arrays()["fc0_weight"])
    assert back.settings() == adult().settings()


@pytest.fixture(scope="module")
def real(golden, tmp_path_factory):
    def unpacked(name: str):
        folder = tmp_path_factory.mktemp(name)
        archive.unpack(golden / name / "model.tar.gz", folder)
        return folder

    return unpacked


def test_the_real_mnist_model_is_as_good_as_its_job_said(real, mnist):
    """Its log: cross entropy 0.0229909307, accuracy 0.99318, precision 0.9697156, recall 0.9608678."""
    _, model = artifact.load(real("linear-learner-mnist"))
    images, digits = mnist
    rows = Batch(
        torch.from_numpy(images[:50_000] * np.float32(255 / 256)),
        torch.from_numpy((digits[:50_000] == 0) * 1.0)[:, None],
    )
    found = model.scored(iter([rows]), "train", RunContext())
    assert found["binary_classification_cross_entropy_objective"] == pytest.approx(0.0229909307, rel=1e-5)
    assert found["binary_classification_accuracy"] == pytest.approx(
        0.99318, abs=2.1e-5
    )  # one row lies at the threshold
    assert found["precision"] == pytest.approx(0.9697156, abs=3e-4)
    assert found["recall"] == pytest.approx(0.9608678, abs=3e-4)


def test_the_real_regressor_is_read_by_its_own_symbol_and_settings(real, tmp_path):
    kind, model = artifact.load(real("linear-learner-regressor"))
    assert kind.spec.image == "linear-learner" and model.feature_dim == 513
    assert list(model.predict(Batch(torch.zeros(1, 513)))) == ["score"]
    assert model.settings()["loss_type"] == "squared_loss"


@pytest.mark.parametrize("name", ["linear-learner-mnist", "linear-learner-regressor"])
def test_the_symbol_we_write_is_the_real_one_but_for_the_numbers_of_nodes(real, tmp_path, name):
    """Real names end in the number that MXNet counted up to: dot32, where ours is dot0."""
    folder = real(name)
    _, model = artifact.load(folder)
    artifact.save(model, tmp_path, "algo-1")

    def symbol(path) -> str:
        with zipfile.ZipFile(path / "model_algo-1") as whole:
            return whole.read("mx-mod-symbol.json").decode().replace("32", "0")

    assert symbol(tmp_path) == symbol(folder)


@pytest.mark.parametrize("settings", [b"[1]", b"{", b"\xff"])
def test_damaged_settings_are_named(tmp_path, settings):
    artifact.save(adult(), tmp_path, "algo-1")
    with zipfile.ZipFile(tmp_path / "model_algo-1") as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(tmp_path / "model_algo-1", "w") as whole:
        for name, content in members.items():
            whole.writestr(name, settings if name == "additional-params.json" else content)
    with pytest.raises(UserError, match=r"additional-params.json is not a JSON object"):
        artifact.load(tmp_path)


def test_the_archive_is_the_same_each_time(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        artifact.save(adult(), tmp_path / name, "algo-1")
        archive.pack(tmp_path / name, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "a.tar.gz") as packed:
        assert packed.getnames() == ["model_algo-1"]


def rewritten(folder, **changes: bytes | None) -> None:
    """The artifact with other members; None leaves one out."""
    artifact.save(adult(), folder, "algo-1")
    path = folder / "model_algo-1"
    members = stored_zip.read(path, ("mx-mod-symbol.json", "manifest.json", module_zip.PARAMETERS, module_zip.ARRAYS))
    named = {"settings": module_zip.PARAMETERS, "arrays": module_zip.ARRAYS}
    members |= {named[name]: content for name, content in changes.items()}
    path.write_bytes(stored_zip.write({name: content for name, content in members.items() if content is not None}))


CLASSES = {"linear-learner": LinearModel}


def test_members_may_come_in_any_order(tmp_path):
    artifact.save(adult(), tmp_path, "algo-1")
    path = tmp_path / "model_algo-1"
    members = stored_zip.read(path, (module_zip.ARRAYS, module_zip.PARAMETERS))
    path.write_bytes(stored_zip.write(members))
    assert module_zip.load(tmp_path, CLASSES).settings() == adult().settings()


@pytest.mark.parametrize("missing", ["settings", "arrays"])
def test_a_zip_of_something_else_or_another_file_is_left_to_other_layouts(tmp_path, missing):
    assert module_zip.load(tmp_path, CLASSES) is None
    rewritten(tmp_path, **{missing: None})
    assert module_zip.load(tmp_path, CLASSES) is None
    (tmp_path / "model_algo-1").write_bytes(b"IxF2")
    assert module_zip.load(tmp_path, CLASSES) is None


ONES = np.ones((2, 1), np.float32)
SPARSE = ndarray.RowSparse(ONES, np.arange(2), (2, 1))


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ([ONES, ONES], "mx-mod-0000.params holds no named dense arrays, expected names such as arg:fc0_weight"),
        ({"arg:fc0_weight": SPARSE, "arg:fc0_bias": ONES}, "holds no named dense arrays"),
        ({"arg:fc0_weight": ONES}, "model_algo-1: holds fc0_weight, which do not make a model of linear-learner"),
        ({"arg:fc0_weight": ONES, "arg:fc0_bias": ONES, "x": ONES}, "holds fc0_weight, fc0_bias, x, which do not make"),
    ],
)
def test_arrays_that_are_not_a_linear_models_are_named(tmp_path, arrays, problem):
    rewritten(tmp_path, arrays=ndarray.write(arrays))
    with pytest.raises(UserError, match=problem):
        module_zip.load(tmp_path, CLASSES)


def test_what_is_expected_is_an_archive_of_four_members():
    assert module_zip.expected(LinearModel) == (
        "a ZIP archive of manifest.json, additional-params.json, mx-mod-symbol.json and mx-mod-0000.params, "
        "an MXNet NDArray file of arg:fc0_weight, arg:fc0_bias"
    )
