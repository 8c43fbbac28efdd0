"""The drawn networks beside those of real jobs, and what is known of networks of these depths."""

import pytest
import torch

from wildsage.algorithms.image_classification import weights
from wildsage.algorithms.image_classification.network import DEPTHS, SIGMOID, SMALL, SOFTMAX, residual_network
from wildsage.algorithms.image_classification.operators import OPERATORS
from wildsage.containers.codecs.mxnet import symbol_json


@pytest.mark.parametrize(
    ("num_layers", "name"), [(50, "image-classification-symbol.json"), (18, "image-classification-symbol-0e1db67.json")]
)
def test_symbols_of_real_jobs_are_drawn_byte_for_byte(golden, num_layers, name):
    real = (golden / "image-classification-symbols" / name).read_bytes()
    graph = residual_network(num_layers, (3, 224, 224), 2, SOFTMAX)
    assert symbol_json.encode(graph) == real
    assert weights.shapes(graph, 3) == weights.shapes(symbol_json.decode(real, name), 3)


@pytest.mark.parametrize("num_layers", DEPTHS)
def test_a_network_has_as_many_layers_as_its_name_says(num_layers):
    graph = residual_network(num_layers, (3, 224, 224), 1000, SOFTMAX)
    layers = [n for n in graph.nodes if n.op in ("Convolution", "FullyConnected") and not n.name.endswith("_sc")]
    assert len(layers) == num_layers
    assert {node.op for node in graph.nodes} <= {*OPERATORS, "null"}


@pytest.mark.parametrize(
    ("num_layers", "millions"), [(18, 11.69), (34, 21.80), (50, 25.55), (101, 44.55), (152, 60.19), (20, 0.33)]
)
def test_parameter_counts_are_those_known_of_1000_classes(num_layers, millions):
    """The figures published for these depths; small ones of pre-activation lack a batch norm here and there."""
    side = 28 if num_layers in SMALL else 224
    graph = residual_network(num_layers, (3, side, side), 1000, SOFTMAX)
    averages = set(graph.auxiliary)
    count = sum(torch.Size(s).numel() for name, s in weights.shapes(graph, 3).items() if name not in averages)
    assert count / 1e6 == pytest.approx(millions, abs=0.02)


@pytest.mark.parametrize(
    ("num_layers", "widths"), [(20, [16, 32, 64]), (18, [64, 128, 256, 512]), (50, [256, 512, 1024, 2048])]
)
@pytest.mark.parametrize(("height", "stem"), [(32, (3, 1, 1)), (33, (7, 2, 3))])
def test_images_of_at_most_32_pixels_keep_their_size_in_the_stem(num_layers, widths, height, stem):
    graph = residual_network(num_layers, (3, height, 64), 2, SOFTMAX)
    nodes = {node.name: node for node in graph.nodes}
    kernel, stride, pad = (f"({each}, {each})" for each in stem)
    found = nodes["conv0"].attributes
    assert (found["kernel"], found["stride"], found["pad"]) == (kernel, stride, pad)
    assert found["num_filter"] == ("16" if num_layers == 20 else "64")
    assert ("pooling0" in nodes) == (height == 33)
    last = "conv3" if num_layers == 50 else "conv2"
    assert [int(nodes[f"stage{s}_unit1_{last}"].attributes["num_filter"]) for s in range(1, len(widths) + 1)] == widths


@pytest.mark.parametrize("num_layers", [20, 50])
def test_the_first_unit_of_every_later_stage_halves_the_image(num_layers):
    graph = residual_network(num_layers, (3, 64, 64), 2, SOFTMAX)
    strides = {node.name: node.attributes["stride"] for node in graph.nodes if node.op == "Convolution"}
    middle = "conv2" if num_layers == 50 else "conv1"
    for name, stride in strides.items():
        stage, unit, kind = name.split("_") if name.startswith("stage") else (name, "", "")
        halves = name == "conv0" or (stage not in ("stage1",) and unit == "unit1" and kind in (middle, "sc"))
        assert stride == ("(2, 2)" if halves else "(1, 1)"), name


def test_only_first_units_have_a_shortcut_of_their_own():
    names = {node.name for node in residual_network(20, (3, 64, 64), 2, SOFTMAX).nodes}
    assert {name for name in names if name.endswith("_sc")} == {f"stage{stage}_unit1_sc" for stage in (1, 2, 3)}
    sums = [node.name for node in residual_network(20, (3, 64, 64), 2, SOFTMAX).nodes if node.op == "elemwise_add"]
    assert sums == [f"_plus{number}" for number in range(9)]


@pytest.mark.parametrize(("output", "classes"), [(SOFTMAX, 1), (SIGMOID, 7)])
def test_the_head_has_a_score_for_each_class_and_its_output(output, classes):
    graph = residual_network(20, (1, 8, 8), classes, output)
    assert graph.heads == ((len(graph.nodes) - 1, 0, 0),) and graph.nodes[-1].op == output
    assert weights.shapes(graph, 1)["fc_weight"] == (classes, 64) and weights.shapes(graph, 1)["fc_bias"] == (classes,)


def test_averages_are_inputs_that_their_batch_norm_changes():
    graph = residual_network(20, (1, 8, 8), 2, SOFTMAX)
    norms = [node for node in graph.nodes if node.op == "BatchNorm"]
    assert all([changes for _, _, changes in node.inputs] == [0, 0, 0, 1, 1] for node in norms)
    assert [node.name for node in norms if node.attributes["fix_gamma"] == "True"] == ["bn_data"]
    assert sorted(graph.auxiliary) == sorted(f"{node.name}_moving_{kind}" for node in norms for kind in ("mean", "var"))
