"""The finished model: which epoch answers, and what is made of files that do not fit."""

import numpy as np
import pytest
import torch
from PIL import Image

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph, Node
from wildsage.algorithms.image_classification import weights
from wildsage.algorithms.image_classification.model import ImageClassificationModel
from wildsage.algorithms.image_classification.network import SIGMOID, SOFTMAX, residual_network

SHAPE = (3, 8, 6)
GRAPH = residual_network(20, SHAPE, 4, SOFTMAX)
IMAGES = Batch(torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(0)) * 255)


def arrays(seed: int = 0) -> dict[str, torch.Tensor]:
    return weights.random(GRAPH, 3, torch.Generator().manual_seed(seed))


def test_the_last_epoch_that_is_kept_answers():
    both = ImageClassificationModel(GRAPH, {2: arrays(2), 10: arrays(10), 3: arrays(3)}, SHAPE)
    alone = ImageClassificationModel(GRAPH, {1: arrays(10)}, SHAPE)
    answers = both.predict(IMAGES)["prediction"]
    assert torch.equal(answers, alone.predict(IMAGES)["prediction"]) and answers.shape == (5, 4)
    assert torch.allclose(answers.sum(1), torch.ones(5)) and not answers.requires_grad
    assert all(torch.equal(array, arrays(10)[name]) for name, array in both.arrays().items())
    assert both.graph() is GRAPH and both.feature_dim == 3 and both.mode == "RGB" and both.batch_size == 1


def test_a_model_on_a_device_is_the_same():
    model = ImageClassificationModel(GRAPH, {2: arrays(2), 4: arrays(4)}, SHAPE, 7)
    moved = model.to("cpu")
    assert list(moved.epochs) == [2, 4] and (moved.image_shape, moved.batch_size) == (SHAPE, 7)
    assert torch.equal(moved.predict(IMAGES)["prediction"], model.predict(IMAGES)["prediction"])


def test_several_labels_are_independent():
    graph = residual_network(20, SHAPE, 4, SIGMOID)
    answers = ImageClassificationModel(graph, {1: arrays()}, SHAPE).predict(IMAGES)["prediction"]
    assert ((answers >= 0) & (answers <= 1)).all() and not torch.allclose(answers.sum(1), torch.ones(5))


def test_pictures_are_stretched_to_the_input():
    model = ImageClassificationModel(GRAPH, {1: arrays()}, SHAPE)
    assert model.pixels(Image.new("RGB", (30, 20), (9, 8, 7))).tolist() == np.full((8, 6, 3), (9, 8, 7)).tolist()


def test_a_checkpoint_may_hold_more_than_the_graph_needs():
    model = ImageClassificationModel.from_checkpoint(GRAPH, 3, arrays() | {"more": torch.zeros(1)}, SHAPE)
    assert list(model.epochs) == [3] and set(model.arrays()) == set(arrays())


@pytest.mark.parametrize(("missing", "named"), [(1, 1), (5, 5), (7, 5)])
def test_arrays_that_are_missing_are_named_up_to_five(missing, named):
    names = list(arrays())
    kept = {name: array for name, array in arrays().items() if name not in names[:missing]}
    with pytest.raises(UserError) as caught:
        ImageClassificationModel.from_checkpoint(GRAPH, 1, kept, SHAPE)
    expected = f"The symbol's {', '.join(names[:named])} has no array in the .params file ({missing} missing)."
    assert str(caught.value) == expected


def test_a_network_that_does_not_compute_says_why_in_a_line():
    wrong = arrays() | {"fc_weight": torch.zeros(4, 63)}
    with pytest.raises(UserError, match=r"does not compute on an image of \(3, 8, 6\): mat1 and mat2") as caught:
        ImageClassificationModel.from_checkpoint(GRAPH, 1, wrong, SHAPE)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(UserError, match=r"does not compute on an image of \(3, 8, 6\): "):
        nodes = (Node("null", "data"), Node("relu", "it", {}, ()))
        ImageClassificationModel.from_checkpoint(Graph(nodes, ((1, 0, 0),)), 1, {}, SHAPE)


def test_arrays_alone_are_not_a_model():
    with pytest.raises(UserError, match="needs its graph as well as its arrays: use from_checkpoint"):
        ImageClassificationModel.from_arrays(arrays(), {})
