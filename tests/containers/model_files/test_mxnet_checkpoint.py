"""Artifacts of image classification: ours, the original's, and those of other MXNet classifiers."""

import json

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import AlgorithmError, UserError
from wildsage.algorithms.base.graph import Graph, Node
from wildsage.algorithms.image_classification import weights
from wildsage.algorithms.image_classification.model import ImageClassificationModel
from wildsage.algorithms.image_classification.network import SOFTMAX, residual_network
from wildsage.containers.codecs.mxnet import ndarray, symbol_json
from wildsage.containers.model_files import artifact, mxnet_checkpoint

SHAPE = (3, 8, 8)


def model(epochs=(3,)) -> ImageClassificationModel:
    graph = residual_network(20, SHAPE, 4, SOFTMAX)
    rng = torch.Generator().manual_seed(0)
    return ImageClassificationModel(graph, {epoch: weights.random(graph, 3, rng) for epoch in epochs}, SHAPE, 16)


def images(count: int = 2) -> Batch:
    return Batch(torch.randint(256, (count, *SHAPE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8))


def test_a_model_comes_back_and_answers_alike(tmp_path):
    ours = model(epochs=(2, 4))
    artifact.save(ours, tmp_path, "algo-1")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "image-classification-0002.params",
        "image-classification-0004.params",
        "image-classification-symbol.json",
        "model-shapes.json",
    ]
    kind, again = artifact.load(tmp_path)
    assert kind.spec.image == "image-classification" and again.image_shape == SHAPE
    assert torch.equal(again.predict(images())["prediction"], ours.predict(images())["prediction"])


def test_arrays_are_named_as_mxnet_names_them(tmp_path):
    artifact.save(model(), tmp_path, "algo-1")
    content = ndarray.read((tmp_path / "image-classification-0003.params").read_bytes())
    assert {"arg:bn_data_gamma", "arg:fc_bias", "aux:bn1_moving_var", "arg:conv0_weight"} <= set(content)
    assert {name.partition(":")[0] for name in content if "moving" in name} == {"aux"}
    assert json.loads((tmp_path / "model-shapes.json").read_bytes()) == [{"shape": [16, 3, 8, 8], "name": "data"}]


def test_the_graph_and_shapes_of_a_real_job_are_served(golden, tmp_path):
    """Its arrays were not published: random ones stand in."""
    folder = golden / "image-classification-symbols"
    content = (folder / "image-classification-symbol-0e1db67.json").read_bytes()
    (tmp_path / "image-classification-symbol.json").write_bytes(content)
    (tmp_path / "model-shapes.json").write_bytes((folder / "model-shapes.json").read_bytes())
    arrays = weights.random(symbol_json.decode(content, "x"), 3, torch.Generator())
    (tmp_path / "image-classification-0010.params").write_bytes(
        ndarray.write({f"arg:{n}": a.numpy() for n, a in arrays.items()})
    )
    _, served = artifact.load(tmp_path, "image-classification")
    answer = served.predict(Batch(torch.zeros(1, 3, 224, 224)))["prediction"]
    assert served.image_shape == (3, 224, 224) and answer.shape == (1, 2) and float(answer.sum()) == pytest.approx(1)


def test_another_classifier_is_served_by_its_symbol(tmp_path):
    """Two branches joined, in float16, named otherwise: softmax of a linear map of [relu(x), x]."""
    nodes = (
        Node("null", "data"),
        Node("Activation", "act", {"act_type": "relu"}, ((0, 0, 0),)),
        Node("Concat", "both", {"num_args": "2", "dim": "1"}, ((1, 0, 0), (0, 0, 0))),
        Node("null", "dense_weight"),
        Node("null", "dense_bias"),
        Node("FullyConnected", "dense", {"num_hidden": "3"}, ((2, 0, 0), (3, 0, 0), (4, 0, 0))),
        Node("null", "label"),
        Node("SoftmaxOutput", "out", {}, ((5, 0, 0), (6, 0, 0))),
    )
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(3, 8)).astype(np.float16), rng.normal(size=3).astype(np.float16)
    (tmp_path / "mine-symbol.json").write_bytes(symbol_json.encode(Graph(nodes, ((7, 0, 0),))))
    (tmp_path / "mine-0000.params").write_bytes(ndarray.write({"arg:dense_weight": weight, "arg:dense_bias": bias}))
    (tmp_path / "model-shapes.json").write_text('[{"name": "data", "shape": [1, 1, 2, 2]}]')
    _, served = artifact.load(tmp_path, "image-classification")
    x = rng.normal(size=(5, 1, 2, 2)).astype(np.float32)
    flat = np.concatenate([np.maximum(x, 0), x], 1).reshape(5, 8)
    scores = np.exp(flat @ weight.T.astype(np.float32) + bias)
    assert np.allclose(
        served.predict(Batch(torch.from_numpy(x)))["prediction"], scores / scores.sum(1, keepdims=True), atol=1e-5
    )


def spoil(folder, name, change):
    path = folder / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))


def without_one(content: bytes) -> bytes:
    arrays = ndarray.read(content)
    del arrays["arg:fc_bias"]
    return ndarray.write(arrays)


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("image-classification-0003.params", None, "no image-classification-NNNN.params."),
        ("image-classification-0003.params", lambda content: content[:500], "Is the file truncated?"),
        ("image-classification-0003.params", without_one, "The symbol's fc_bias has no array in the .params file (1 missing)."),
        ("model-shapes.json", None, "no model-shapes.json, which says the size of images"),
        ("model-shapes.json", lambda _: b"[]", 'expected [{"shape": [1, 3, 224, 224], "name": "data"}].'),
        ("model-shapes.json", lambda _: b'[{"shape": [1, 5, 8, 8]}]', "5 × 8 × 8"),
        ("model-shapes.json", lambda _: b'[{"shape": [1, 1, 8, 8]}]', "The network does not compute on an image of (1, 8, 8)"),
        ("image-classification-symbol.json", lambda text: text.replace(b'"Flatten"', b'"Crop"'), "operator Crop is not known here"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_say_what_is_wrong(tmp_path, name, change, problem):
    artifact.save(model(), tmp_path, "algo-1")
    spoil(tmp_path, name, change)
    with pytest.raises(UserError) as caught:
        artifact.load(tmp_path, "image-classification")
    assert problem in str(caught.value)


def test_a_model_that_is_not_finite_is_not_saved(tmp_path):
    broken = model()
    broken.arrays()["fc_weight"][0, 0] = torch.nan
    with pytest.raises(AlgorithmError, match="fc_weight holds NaN"):
        artifact.save(broken, tmp_path, "algo-1")


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("model-shapes.json", b'[{"shape": [1, 3, Infinity, 8], "name": "data"}]', "model-shapes.json: expected"),
        ("image-classification-symbol.json", b'{"nodes": [], "heads": [[0, Infinity, 0]]}', "not an MXNet symbol"),
        (
            "image-classification-symbol.json",
            b'{"nodes": [{"op": "Convolution", "name": "c", "attrs": {"kernel": "(3, 3)"}, "inputs": []}], "heads": [[0, 0, 0]]}',
            "The network does not compute on an image of",
        ),
    ],
)
def test_files_with_impossible_numbers_or_nodes_are_rejected(tmp_path, file, content, problem):
    artifact.save(model(), tmp_path, "algo-1")
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=problem):
        artifact.load(tmp_path, "image-classification")


def params(folder, name: str, value: float = 1.0, form=dict) -> None:
    array = np.full(1, value, np.float64)
    (folder / name).write_bytes(
        ndarray.write({"arg:a": array, "aux:b": array, "c": array} if form is dict else [array])
    )


def test_the_arrays_of_the_last_epoch_are_read_as_float32_without_their_kinds(tmp_path):
    for name, value in (("net-0002.params", 2), ("net-0010.params", 10), ("net-12345.params", 12345)):
        params(tmp_path, name, value)
        epoch, arrays = mxnet_checkpoint.read_arrays(tmp_path, "net")
        assert epoch == value and {name: array.tolist() for name, array in arrays.items()} == {
            name: [value] for name in "abc"
        }
        assert {array.dtype for array in arrays.values()} == {torch.float32}


def test_files_of_other_networks_and_other_names_are_passed_over(tmp_path):
    for name in ("other-0009.params", "net-009.params", "net-0009.params.bak", "a-net-0009.params"):
        params(tmp_path, name, 9)
    with pytest.raises(UserError, match=r"no net-NNNN\.params\.$"):
        mxnet_checkpoint.read_arrays(tmp_path, "net")
    params(tmp_path, "net-0000.params", 5)
    assert mxnet_checkpoint.read_arrays(tmp_path, "net")[0] == 0


def test_arrays_without_names_or_sparse_ones_are_rejected(tmp_path):
    params(tmp_path, "net-0001.params", form=list)
    with pytest.raises(UserError, match=r"net-0001\.params: its arrays have no names, expected arg:… and aux:…\."):
        mxnet_checkpoint.read_params(tmp_path / "net-0001.params")
    rows = ndarray.RowSparse(np.ones((1, 1), np.float32), np.array([0]), (1, 1))
    (tmp_path / "net-0001.params").write_bytes(ndarray.write({"arg:a": rows}))
    with pytest.raises(UserError, match=r"net-0001\.params: arg:a is sparse, expected dense arrays\."):
        mxnet_checkpoint.read_params(tmp_path / "net-0001.params")


def test_without_a_symbol_files_are_left_to_other_layouts_and_with_two_they_are_rejected(tmp_path):
    classes = {"image-classification": ImageClassificationModel}
    assert mxnet_checkpoint.load(tmp_path, classes) is None
    for name in ("b-symbol.json", "a-symbol.json"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(UserError, match=r"a-symbol\.json, b-symbol\.json, expected one symbol\.$"):
        mxnet_checkpoint.load(tmp_path, classes)


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 7, 5)])
def test_the_size_of_images_is_that_of_the_last_input_without_the_batch(tmp_path, shape):
    (tmp_path / "model-shapes.json").write_text(json.dumps([{"shape": [9]}, {"shape": [2, *shape]}]))
    assert mxnet_checkpoint._image_shape(tmp_path) == shape


@pytest.mark.parametrize(
    "content",
    [
        '[{"shape": [1, 2, 8, 8]}]',
        '[{"shape": [1, 3, 0, 8]}]',
        '[{"shape": [1, 3, 8, 0]}]',
        '[{"shape": [3, 8, 8]}]',
        '[{"shape": [1, 3, 8, 8, 1]}]',
        '[{"shape": [1, 3, null, 8]}]',
        '[{"shape": [1, 3, 1e999, 8]}]',
        '[{"name": "data"}]',
        "[]",
        "{",
        "7",
    ],
)
def test_what_is_not_the_size_of_images_is_rejected(tmp_path, content):
    (tmp_path / "model-shapes.json").write_text(content)
    with pytest.raises(
        UserError, match=r'model-shapes\.json: .*expected \[{"shape": \[1, 3, 224, 224\], "name": "data"}\]'
    ):
        mxnet_checkpoint._image_shape(tmp_path)
