"""SavedModels on the disk and in memory, in a Python that has TensorFlow."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
from tests.containers.frameworks.tensorflow_serving import exported  # noqa: E402
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.containers.frameworks.tensorflow_serving import saved_models  # noqa: E402
from wildsage.containers.frameworks.tensorflow_serving.errors import InvalidArgument, ServingError  # noqa: E402
from wildsage.containers.frameworks.tensorflow_serving.saved_models import SavedModel, Signature  # noqa: E402


def lay_out(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_models_are_found_at_any_depth_by_the_number_of_their_version(tmp_path):
    lay_out(
        tmp_path,
        "b/0002/saved_model.pb",
        "export/a/1/saved_model.pb",
        "export/a/10/saved_model.pb",
        "c/new/saved_model.pb",
    )
    a, b = tmp_path / "export" / "a", tmp_path / "b"
    assert saved_models.find(tmp_path) == {"b": {2: b / "0002"}, "a": {1: a / "1", 10: a / "10"}}


ADVICE = "Write one with model.export(os.path.join(os.environ['SM_MODEL_DIR'], '1'))."


@pytest.mark.parametrize(
    ("names", "listed", "advice"),
    [
        ([], "nothing", ADVICE),
        (["new/saved_model.pb"], "new/saved_model.pb", ADVICE),
        ([f"{number:02}" for number in range(10)], ", ".join(f"{number:02}" for number in range(10)), ADVICE),
        ([f"{number:02}" for number in range(11)], ", ".join(f"{number:02}" for number in range(10)), ADVICE),
        (["b.h5", "a"], "a, b.h5", "A .keras or .h5 file is what model.save writes in Keras 3; write a SavedModel with model.export."),
    ],
)  # fmt: skip
def test_a_folder_without_a_model_is_described(tmp_path, names, listed, advice):
    with pytest.raises(UserError) as caught:
        saved_models.find(lay_out(tmp_path, *names))
    assert str(caught.value) == (
        f"no SavedModel bundles found! Expected <a number>/saved_model.pb in the model, which holds {listed}. {advice}"
    )


def test_a_model_has_its_signatures_with_the_types_and_methods_of_their_inputs(affine, estimators):
    (signature,) = SavedModel(affine / "9").signatures.values()
    assert (signature.method, signature.types) == ("predict", {"x": np.float32})
    assert signature.run({"x": np.ones((1, 3))})["y"].tolist() == [[11.0] * 3]
    found = SavedModel(estimators / "export" / "Servo" / "1566").signatures
    assert {name: one.method for name, one in found.items()} == {
        "serving_default": "classify",
        "regression": "regress",
        "predict": "predict",
    }
    assert found["predict"].types == {"examples": np.dtype(object)}


def test_a_model_whose_graph_is_not_for_serving_says_so(tmp_path):
    folder = exported.save_affine(tmp_path, 1)
    content = saved_models.saved_model_pb2.SavedModel.FromString((folder / saved_models.FILE).read_bytes())
    content.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    (folder / saved_models.FILE).write_bytes(content.SerializeToString())
    assert saved_models._methods(folder / saved_models.FILE) == {}
    assert SavedModel(folder).signatures["serving_default"].method == "", "TensorFlow takes the only graph there is"


def test_a_file_that_is_not_a_saved_model_is_the_users(tmp_path):
    (tmp_path / saved_models.FILE).write_bytes(b"\xff")
    with pytest.raises(UserError, match=f"^The SavedModel {tmp_path.name} cannot be loaded: "):
        SavedModel(tmp_path)


def signature(function, *shape: int | None) -> Signature:
    return Signature("predict", {"x": tf.TensorSpec(shape, tf.float32)}, function)


@pytest.mark.parametrize(
    ("shape", "given", "expected"), [((2,), (3,), "[2]"), ((None, 3), (3,), "[-1, 3]"), ((), (1,), "[]")]
)
def test_an_array_of_another_shape_is_rejected(shape, given, expected):
    text = f"Input x: got shape {list(given)}, the signature of the model expects {expected}."
    with pytest.raises(InvalidArgument, match=f"^{re.escape(text)}$"):
        signature(lambda x: {"y": x}, *shape).run({"x": np.zeros(given, np.float32)})


def test_what_a_model_raises_is_said_with_its_kind():
    def refuse(x):
        raise tf.errors.InvalidArgumentError(None, None, "an argument")

    def fail(x):
        raise tf.errors.DataLossError(None, None, "a loss")

    with pytest.raises(InvalidArgument, match=r"^an argument$"):
        signature(refuse).run({"x": np.float32(1)})
    with pytest.raises(ServingError, match="a loss") as caught:
        signature(fail).run({"x": np.float32(1)})
    assert caught.value.status == 500
