"""The arithmetic of whole networks beside torch's own modules, in training and in inference."""

import pytest
import torch
from torch import nn

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph, Node
from wildsage.algorithms.image_classification import executor, weights
from wildsage.algorithms.image_classification.executor import Network
from wildsage.algorithms.image_classification.network import LARGE, SIGMOID, SMALL, SOFTMAX, residual_network

RNG = torch.Generator().manual_seed(5)


@pytest.mark.parametrize("num_layers", [20, 18, 50])
def test_the_executor_computes_what_modules_of_torch_compute(num_layers):
    """Every unit by hand, in float64; only the order of sums differs."""
    shape = (3, 40, 36)
    graph = residual_network(num_layers, shape, 5, SOFTMAX)
    arrays = {name: array.double() for name, array in weights.random(graph, 3, RNG).items()}
    for name in arrays:
        if not name.endswith("_weight"):
            arrays[name] = torch.rand(arrays[name].shape, generator=RNG, dtype=torch.float64) + 0.5
    images = torch.rand(2, *shape, generator=RNG, dtype=torch.float64) * 4
    network = Network(graph, arrays)
    expected = plain_network(num_layers, arrays, images).softmax(1)
    assert torch.allclose(network.train(False)(images), expected, atol=1e-9)


def plain_network(num_layers: int, arrays: dict, x: torch.Tensor) -> torch.Tensor:
    def norm(x, name, scaled=True):
        module = nn.BatchNorm2d(x.shape[1], eps=2e-5).double().train(False)
        parts = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"}
        state = {their: arrays[f"{name}_{our}"] for their, our in parts.items()}
        module.load_state_dict(state | ({} if scaled else {"weight": torch.ones(x.shape[1]).double()}), strict=False)
        return module(x)

    def convolution(x, name, stride=1, pad=0):
        weight = arrays[f"{name}_weight"]
        module = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], stride, pad, bias=False).double()
        module.weight.data = weight
        return module(x)

    def unit(x, name, stride):
        first = y = norm(x, f"{name}_bn1").relu()
        shortcut = convolution(first, f"{name}_sc", stride) if f"{name}_sc_weight" in arrays else x
        steps = [(1, 0), (stride, 1), (1, 0)] if f"{name}_conv3_weight" in arrays else [(stride, 1), (1, 1)]
        for number, (step, pad) in enumerate(steps, start=1):
            y = y if number == 1 else norm(y, f"{name}_bn{number}").relu()
            y = convolution(y, f"{name}_conv{number}", step, pad)
        return y + shortcut

    x = norm(x, "bn_data", scaled=False)
    x = convolution(x, "conv0", 2, 3)
    x = nn.MaxPool2d(3, 2, 1)(norm(x, "bn0").relu())
    for stage, count in enumerate((LARGE | SMALL)[num_layers], start=1):
        for number in range(1, count + 1):
            x = unit(x, f"stage{stage}_unit{number}", 2 if stage > 1 and number == 1 else 1)
    x = norm(x, "bn1").relu().mean((2, 3))
    return x @ arrays["fc_weight"].T + arrays["fc_bias"]


@pytest.mark.parametrize("num_layers, side", [(18, 40), (20, 28)])
def test_the_shift_of_the_data_learns_as_if_every_image_had_its_gradient(monkeypatch, num_layers, side):
    graph = residual_network(num_layers, (3, side, side), 5, SOFTMAX)
    arrays = weights.random(graph, 3, torch.Generator().manual_seed(0))
    images = torch.rand(4, 3, side, side, generator=torch.Generator().manual_seed(1)) * 255
    gradients = []
    for spared in (True, False):
        if not spared:
            monkeypatch.setattr(executor, "_shifts", lambda graph: {})
        network = Network(graph, {name: array.clone() for name, array in arrays.items()}).double().train()
        assert any(each.step.__qualname__.startswith("convolution_of_shifted") for each in network._training) == spared
        network(images.double()).square().sum().backward()
        gradients.append({name: parameter.grad for name, parameter in network.named_parameters()})
    assert gradients[0]["bn_data_beta"].abs().min() > 0
    for name, gradient in gradients[0].items():
        assert gradient is None or torch.allclose(gradient, gradients[1][name], rtol=1e-9)


def test_training_moves_the_averages_as_torch_does():
    graph = residual_network(20, (1, 8, 8), 2, SIGMOID)
    network = Network(graph, weights.random(graph, 1, RNG)).train()
    images = torch.rand(4, 1, 8, 8, generator=RNG) * 255
    module = nn.BatchNorm2d(1, eps=2e-5, momentum=0.1).train()
    module(images)
    network(images)
    assert torch.allclose(network.arrays()["bn_data_moving_var"], module.running_var)
    assert torch.allclose(network.arrays()["bn_data_moving_mean"], module.running_mean)


def test_values_live_until_their_last_use():
    """x + relu(x), and relu(x) once more: no value of a node that is used later is dropped, and all others are."""
    nodes = (
        Node("null", "data"),
        Node("relu", "first", {}, ((0, 0, 0),)),
        Node("elemwise_add", "second", {}, ((0, 0, 0), (1, 0, 0))),
        Node("elemwise_mul", "third", {}, ((2, 0, 0), (1, 0, 0))),
    )
    network = Network(Graph(nodes, ((3, 0, 0),)), {}).train(False)
    x = torch.tensor([[-2.0, 3.0]])
    assert network(x).tolist() == [[0, 18]]
    assert [each.done for each in network._serving] == [(), (0,), (1, 2)]


def test_labels_are_not_given_and_not_parameters():
    graph = residual_network(20, (1, 8, 8), 2, SOFTMAX)
    network = Network(graph, weights.random(graph, 1, RNG))
    assert list(network.arrays()) == list(weights.shapes(graph, 1))
    names = dict(network.named_parameters())
    assert not names["bn_data_gamma"].requires_grad and names["bn_data_beta"].requires_grad
    assert names["stage1_unit1_bn1_gamma"].requires_grad
    assert {name for name, _ in network.named_buffers()} == set(graph.auxiliary)


def test_scores_come_in_training_and_probabilities_in_inference():
    graph = residual_network(20, (1, 8, 8), 3, SIGMOID)
    network = Network(graph, weights.random(graph, 1, RNG)).channels_last()
    images = torch.rand(4, 1, 8, 8, generator=RNG) * 255
    scores, answers = network.train()(images), network.train(False)(images)
    assert bool((scores < 0).any()) and ((answers >= 0) & (answers <= 1)).all() and answers.shape == (4, 3)
    assert network.get_parameter("stage2_unit1_conv1_weight").is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("nodes", "shifts"),
    [
        (("_copy", "identity", "BatchNorm", "Convolution"), True),
        (("BatchNorm", "Convolution"), True),
        (("relu", "BatchNorm", "Convolution"), False),
        (("relu", "_copy", "BatchNorm", "Convolution"), False),
        (("BatchNorm", "relu", "Convolution"), False),
    ],
)
@pytest.mark.parametrize("fix_gamma", ["True", "False"])
def test_only_data_that_a_batch_norm_shifts_without_a_scale_of_its_own_is_spared(nodes, shifts, fix_gamma):
    parts = [Node("null", name) for name in ("data", "gamma", "beta", "mean", "var", "weight")]
    last = 0
    for number, op in enumerate(nodes):
        inputs, attributes = ((last, 0, 0),), {}
        if op == "BatchNorm":
            inputs, attributes = (*inputs, (1, 0, 0), (2, 0, 0), (3, 0, 1), (4, 0, 1)), {"fix_gamma": fix_gamma}
        if op == "Convolution":
            inputs = (*inputs, (5, 0, 0))
        parts.append(Node(op, f"node{number}", attributes, inputs))
        last = len(parts) - 1
    found = executor._shifts(Graph(tuple(parts), ((last, 0, 0),)))
    assert found == ({last: 2} if shifts and fix_gamma == "True" else {})


def test_a_second_output_of_a_node_is_not_known():
    nodes = (Node("null", "data"), Node("relu", "first", {}, ((0, 0, 0),)), Node("relu", "it", {}, ((1, 1, 0),)))
    with pytest.raises(UserError, match=r"Symbol node it \(relu\): takes a second output of another node"):
        Network(Graph(nodes, ((2, 0, 0),)), {})
