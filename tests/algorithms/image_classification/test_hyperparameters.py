"""What the hyperparameters of image classification demand of each other, and the network that follows from them."""

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.image_classification.hyperparameters import ImageHyperparameters


def given(**settings) -> ImageHyperparameters:
    return ImageHyperparameters(
        **{"num_classes": 4, "num_training_samples": 32, "image_shape": (3, 20, 30), **settings}
    )


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"image_shape": (2, 20, 20)}, "image_shape: got 2 channels, expected 1 (grey) or 3 (colour)"),
        ({"resize": 29}, "resize: got 29, expected 30 (image_shape) or more"),
        ({"image_shape": (1, 30, 20), "resize": 29}, "resize: got 29, expected 30 (image_shape) or more"),
        ({"num_training_samples": 31}, "num_training_samples: got 31, expected 32 (mini_batch_size) or more"),
    ],
)
def test_settings_that_do_not_go_together(settings, problem):
    with pytest.raises(UserError) as caught:
        given(**settings)
    assert f"Hyperparameter {problem}" in str(caught.value)


@pytest.mark.parametrize("channels", [1, 3])
def test_settings_that_just_go_together(channels):
    assert given(image_shape=(channels, 20, 30), resize=30).shape == (channels, 20, 30)
    assert given().resize is None


@pytest.mark.parametrize(("multi_label", "output"), [(False, "SoftmaxOutput"), (True, "LogisticRegressionOutput")])
def test_the_network_is_the_one_asked_for(multi_label, output):
    graph = given(num_layers="18", multi_label=multi_label).graph()
    nodes = {node.name: node for node in graph.nodes}
    assert graph.nodes[-1].op == output and nodes["fc"].attributes["num_hidden"] == "4"
    assert "stage4_unit2_conv2" in nodes and "stage4_unit3_conv1" not in nodes
