"""The drawn networks beside those of real jobs, and their arithmetic beside torch's own modules."""

import pytest
import torch
from torch import nn

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph, Node
from wildsage.algorithms.image_classification import executor, weights
from wildsage.algorithms.image_classification.executor import Network
from wildsage.algorithms.image_classification.network import DEPTHS, LARGE, SIGMOID, SMALL, SOFTMAX, residual_network
from wildsage.algorithms.image_classification.operators import OPERATORS, NodeSettings
from wildsage.containers.codecs.mxnet import symbol_json

RNG = torch.Generator().manual_seed(5)


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


def variable(name):
    return Node("null", name)


def compute(op, inputs, **attributes):
    """One operator over tensors."""
    names = [f"x{number}" for number in range(len(inputs))]
    nodes = [variable("data"), *map(variable, names[1:])]
    nodes.append(Node(op, "it", attributes, tuple((number, 0, 0) for number in range(len(inputs)))))
    arrays = dict(zip(names[1:], inputs[1:], strict=True))
    return Network(Graph(tuple(nodes), ((len(inputs), 0, 0),)), arrays).train(False)(inputs[0])


X = torch.rand(2, 4, 7, 7, generator=RNG) - 0.5


@pytest.mark.parametrize(
    ("op", "attributes", "expected"),
    [
        ("Activation", {"act_type": "tanh"}, X.tanh()),
        ("LeakyReLU", {"act_type": "leaky", "slope": "0.1"}, torch.where(X > 0, X, 0.1 * X)),
        ("Pooling", {"kernel": "(3, 3)", "stride": "(2, 2)"}, nn.MaxPool2d(3, 2)(X)),
        ("Pooling", {"kernel": "(2, 2)", "stride": "(2, 2)", "pooling_convention": "full"}, nn.MaxPool2d(2, 2, ceil_mode=True)(X)),
        ("Pooling", {"kernel": "(3L, 3L)", "pool_type": "avg", "pad": "(1, 1)"}, nn.AvgPool2d(3, 1, 1)(X)),
        ("Pooling", {"kernel": "(3, 3)", "pool_type": "sum"}, 9 * nn.AvgPool2d(3, 1)(X)),
        ("Pooling", {"global_pool": "True", "pool_type": "max"}, X.amax((2, 3), keepdim=True)),
        ("Flatten", {}, X.reshape(2, 196)),
        ("Reshape", {"shape": "(0, -1)"}, X.reshape(2, 196)),
        ("clip", {"a_min": "-0.1", "a_max": "0.2"}, X.clamp(-0.1, 0.2)),
        ("_mul_scalar", {"scalar": "0.017"}, X * 0.017),
        ("_minus_scalar", {"scalar": "3"}, X - 3),
        ("mean", {"axis": "(2, 3)"}, X.mean((2, 3))),
        ("softmax", {"axis": "1"}, X.softmax(1)),
        ("LogisticRegressionOutput", {}, X.sigmoid()),
        ("Dropout", {"p": "0.9"}, X),
    ],
)  # fmt: skip
def test_an_operator_means_what_it_means_in_mxnet(op, attributes, expected):
    assert torch.allclose(compute(op, [X], **attributes), expected, atol=1e-6)


def test_operators_of_several_inputs():
    other = torch.rand(2, 3, 7, 7, generator=RNG)
    assert torch.equal(compute("Concat", [X, other], dim="1"), torch.cat([X, other], 1))
    assert torch.equal(compute("add_n", [X, X, X]), X + X + X)
    weight, bias = torch.rand(6, 2, 3, 3, generator=RNG), torch.rand(6, generator=RNG)
    grouped = compute("Convolution", [X, weight, bias], kernel="(3, 3)", num_filter="6", num_group="2", dilate="(2, 2)")
    assert torch.allclose(grouped, nn.functional.conv2d(X, weight, bias, dilation=2, groups=2))
    dense = compute("FullyConnected", [X, torch.ones(1, 196)], num_hidden="1", no_bias="True")
    assert torch.allclose(dense[:, 0], X.sum((1, 2, 3)), atol=1e-5)


@pytest.mark.parametrize(
    ("op", "attributes", "problem"),
    [
        ("ROIPooling", {}, "Symbol node it: operator ROIPooling is not known here, expected one of Activation, "),
        ("Activation", {"act_type": "swish"}, "Symbol node it (Activation): act_type 'swish', expected one of relu, "),
        ("Pooling", {"kernel": "(3, 3, 3)"}, "kernel = (3, 3, 3), expected two numbers, for images."),
        ("clip", {"a_min": "0"}, "Symbol node it (clip): has no setting a_max."),
        ("clip", {"a_min": "low", "a_max": "1"}, "a_min = 'low', expected numbers."),
    ],
)
def test_what_is_not_known_is_named(op, attributes, problem):
    with pytest.raises(UserError) as caught:
        compute(op, [X], **attributes)
    assert problem in str(caught.value)


def test_settings_read_the_ways_mxnet_has_written_them():
    settings = NodeSettings(
        "op", "it", {"kernel": "(3L, 3L)", "pad": "[1,1]", "axis": "None", "p": "5e-1", "on": "1", "none": "()"}
    )
    assert settings.pair("kernel", 1) == (3, 3) and settings.pair("pad", 0) == (1, 1)
    assert settings.whole("axis", -1) == -1 and settings.number("p") == 0.5 and settings.flag("on")
    assert settings.pair("none", 2) == (2, 2) and settings.pair("absent", 1) == (1, 1)
