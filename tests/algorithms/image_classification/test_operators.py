"""MXNet's operators beside torch's own, and the settings of a node."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from torch import nn

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph, Node
from wildsage.algorithms.image_classification import operators
from wildsage.algorithms.image_classification.executor import Network
from wildsage.algorithms.image_classification.operators import IN_TRAINING, OPERATORS, NodeSettings

RNG = torch.Generator().manual_seed(5)


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
        ("LeakyReLU", {}, torch.where(X > 0, X, 0.25 * X)),
        ("LeakyReLU", {"act_type": "elu", "slope": "0.5"}, nn.functional.elu(X, 0.5)),
        ("LeakyReLU", {"act_type": "selu"}, nn.functional.selu(X)),
        ("LeakyReLU", {"act_type": "gelu"}, nn.functional.gelu(X)),
        ("Activation", {"act_type": "softrelu"}, (1 + X.exp()).log()),
        ("Activation", {"act_type": "softsign"}, X / (1 + X.abs())),
        ("Pooling", {"kernel": "(2, 2)", "stride": "(2, 2)"}, nn.MaxPool2d(2, 2)(X)),
        ("Pooling", {"kernel": "(1, 1)"}, X),
        ("Pooling", {"kernel": "(3, 3)", "pad": "(1, 1)"}, nn.MaxPool2d(3, 1, 1)(X)),
        ("Pooling", {"kernel": "(3, 3)", "pool_type": "avg", "pad": "(1, 1)", "count_include_pad": "False"}, nn.AvgPool2d(3, 1, 1, count_include_pad=False)(X)),
        ("Pooling", {"kernel": "(2, 2)", "stride": "(2, 2)", "pool_type": "avg", "pooling_convention": "full"}, nn.AvgPool2d(2, 2, ceil_mode=True)(X)),
        ("Pooling", {"global_pool": "True", "pool_type": "avg"}, X.mean((2, 3), keepdim=True)),
        ("Pooling", {"global_pool": "1", "pool_type": "sum"}, X.sum((2, 3), keepdim=True)),
        ("Reshape", {"shape": "(-1, 4, 49)"}, X.reshape(2, 4, 49)),
        ("Reshape", {"shape": "(0, 0, -1)"}, X.reshape(2, 4, 49)),
        ("mean", {}, X.mean()),
        ("mean", {"axis": "1", "keepdims": "True"}, X.mean(1, keepdim=True)),
        ("softmax", {}, X.softmax(3)),
        ("SoftmaxOutput", {}, X.softmax(3)),
        ("SoftmaxOutput", {"multi_output": "True"}, X.softmax(1)),
        ("SoftmaxActivation", {}, X.softmax(3)),
        ("SoftmaxActivation", {"mode": "channel"}, X.softmax(1)),
        ("_plus_scalar", {"scalar": "3"}, X + 3),
        ("_div_scalar", {"scalar": "4"}, X / 4),
        ("_copy", {}, X),
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
        ("Convolution", {"kernel": "(3,)"}, "only convolutions over height and width are known here."),
        ("LeakyReLU", {"act_type": "rrelu"}, "act_type 'rrelu', expected one of leaky, elu, prelu, selu, gelu."),
        ("Pooling", {"pool_type": "lp"}, "pool_type 'lp', expected max, avg or sum."),
        ("Reshape", {"shape": "(-2, 3)"}, "shape (-2, 3), expected lengths, 0 and -1."),
        ("LRN", {}, "has no setting nsize."),
        ("clip", {"a_min": "0"}, "Symbol node it (clip): has no setting a_max."),
        ("clip", {"a_min": "low", "a_max": "1"}, "a_min = 'low', expected numbers."),
    ],
)
def test_what_is_not_known_is_named(op, attributes, problem):
    with pytest.raises(UserError) as caught:
        compute(op, [X], **attributes)
    assert problem in str(caught.value)


def test_operators_of_two_inputs_are_what_their_names_say():
    other = torch.rand(X.shape, generator=RNG) + 1
    for name, expected in {"add": X + other, "sub": X - other, "mul": X * other, "div": X / other}.items():
        assert torch.equal(compute(f"elemwise_{name}", [X, other]), expected)
        assert torch.equal(compute(f"broadcast_{name}", [X, other[:1]]), getattr(torch, name)(X, other[:1]))
    assert torch.equal(compute("Concat", [X, other]), torch.cat([X, other], 1))
    assert torch.equal(compute("Concat", [X, other], dim="3"), torch.cat([X, other], 3))
    assert torch.equal(compute("LeakyReLU", [X, torch.tensor([0.5])], act_type="prelu"), torch.where(X > 0, X, X / 2))
    rows = torch.rand(5, 3, generator=RNG)
    weight, bias = torch.rand(2, 3, generator=RNG), torch.rand(2, generator=RNG)
    assert torch.allclose(compute("FullyConnected", [rows, weight, bias]), rows @ weight.T + bias)
    wide = torch.rand(2, 7, generator=RNG)
    assert torch.allclose(compute("FullyConnected", [X, wide, bias], flatten="False"), X @ wide.T + bias)


def test_a_convolution_has_a_stride_of_one_and_no_border_unless_it_says_so():
    weight = torch.rand(3, 4, 2, 3, generator=RNG)
    assert torch.equal(compute("Convolution", [X, weight], kernel="(2, 3)"), nn.functional.conv2d(X, weight))
    moved = compute("Convolution", [X, weight], kernel="(2, 3)", stride="(2, 1)", pad="(0, 2)")
    assert torch.equal(moved, nn.functional.conv2d(X, weight, None, (2, 1), (0, 2)))


def test_a_local_response_is_krizhevskys():
    """Five neighbouring channels at most: x / (2 + 1e-4 / 5 · Σ x²)^0.75, the defaults."""
    x = 100 * X
    squares = torch.stack([x[:, max(0, c - 2) : c + 3].square().sum(1) for c in range(4)], 1)
    assert torch.allclose(compute("LRN", [x], nsize="5"), x / (2 + 1e-4 / 5 * squares) ** 0.75, rtol=1e-5)
    given = {"nsize": "5", "alpha": "0.5", "beta": "2", "knorm": "3"}
    assert torch.allclose(compute("LRN", [x], **given), x / (3 + 0.1 * squares) ** 2, rtol=1e-4)


MEAN, VARIANCE, GAMMA, BETA = (torch.rand(4, generator=RNG) + 0.5 for _ in range(4))


def normalised(
    x: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor, eps: float, gamma: torch.Tensor
) -> torch.Tensor:
    """The formula."""
    parts = (each.view(1, -1, 1, 1) for each in (mean, variance, gamma, BETA))
    mean, variance, gamma, beta = parts
    return (x - mean) / (variance + eps).sqrt() * gamma + beta


def step(kind, **attributes):
    return kind(NodeSettings("BatchNorm", "it", attributes))


@pytest.mark.parametrize(
    ("attributes", "eps", "scaled"),
    [
        ({}, 1e-3, False),
        ({"fix_gamma": "False", "eps": "0.5"}, 0.5, True),
        ({"fix_gamma": "True", "axis": "1"}, 1e-3, False),
    ],
)
def test_a_batch_norm_is_its_formula(attributes, eps, scaled):
    """MXNet fixes the scale at 1 unless it is told otherwise."""
    gamma = GAMMA if scaled else torch.ones(4)
    found = step(operators.batch_norm, **attributes)(X, GAMMA, BETA, MEAN, VARIANCE)
    assert torch.allclose(found, normalised(X, MEAN, VARIANCE, eps, gamma), atol=1e-5)
    mean, variance = MEAN.clone(), VARIANCE.clone()
    for kind in (operators.batch_norm_in_training, operators.batch_norm_over(lambda part: part)):
        moved = mean.clone(), variance.clone()
        found = step(kind, **attributes)(X, GAMMA, BETA, *moved)
        of_batch = X.mean((0, 2, 3)), X.var((0, 2, 3), correction=0)
        assert torch.allclose(found, normalised(X, *of_batch, eps, gamma), atol=1e-5)
        assert torch.allclose(moved[0], 0.9 * mean + 0.1 * of_batch[0])
        assert torch.allclose(moved[1], 0.9 * variance + 0.1 * X.var((0, 2, 3)))


@pytest.mark.parametrize("kind", [operators.batch_norm_in_training, operators.batch_norm_over(lambda part: part)])
def test_averages_keep_the_share_that_momentum_says(kind):
    mean, variance = MEAN.clone(), VARIANCE.clone()
    step(kind, momentum="0.25")(X, GAMMA, BETA, mean, variance)
    assert torch.allclose(mean, 0.25 * MEAN + 0.75 * X.mean((0, 2, 3)))
    assert torch.allclose(variance, 0.25 * VARIANCE + 0.75 * X.var((0, 2, 3)))


def test_a_batch_norm_of_another_axis_is_rejected():
    with pytest.raises(UserError, match=r"Symbol node it \(BatchNorm\): axis is not 1, the channels\."):
        step(operators.batch_norm, axis="3")


def test_a_batch_norm_may_use_its_averages_in_training_too():
    one, other = (
        step(kind, use_global_stats="True") for kind in (operators.batch_norm, operators.batch_norm_in_training)
    )
    mean = MEAN.clone()
    assert torch.equal(one(X, GAMMA, BETA, MEAN, VARIANCE), other(X, GAMMA, BETA, mean, VARIANCE)) and torch.equal(
        mean, MEAN
    )


def test_a_batch_norm_over_hosts_is_that_of_all_their_images():
    """Two hosts, as threads, with one and four images: answers, averages and gradients are those of one host with all five."""
    whole = torch.cat([3 * X[:1], X, X + 1]).requires_grad_()
    bent = torch.linspace(-1, 1, whole.numel()).view_as(whole)
    averages = MEAN.clone(), VARIANCE.clone()
    expected = step(operators.batch_norm_in_training)(whole, GAMMA, BETA, *averages)
    (expected * bent).sum().backward()
    parts, barrier = [None, None], Barrier(2)

    def host(rank: int) -> tuple[torch.Tensor, ...]:
        def total(tensor):
            parts[rank] = tensor.detach().clone()
            barrier.wait(timeout=240)
            both = parts[0] + parts[1]
            barrier.wait(timeout=240)
            return both

        x, moved = whole.detach().split([1, 4])[rank].clone().requires_grad_(), (MEAN.clone(), VARIANCE.clone())
        found = step(operators.batch_norm_over(total))(x, GAMMA, BETA, *moved)
        (found * bent.split([1, 4])[rank]).sum().backward()
        return found.detach(), *moved, x.grad

    with ThreadPoolExecutor(2) as pool:
        hosts = list(pool.map(host, range(2)))
    for rank, (found, mean, variance, gradient) in enumerate(hosts):
        assert torch.allclose(found, expected.split([1, 4])[rank], atol=1e-5)
        assert torch.allclose(mean, averages[0], atol=1e-6) and torch.allclose(variance, averages[1], atol=1e-5)
        assert torch.allclose(gradient, whole.grad.split([1, 4])[rank], atol=1e-4)


def test_dropout_zeroes_a_share_and_scales_the_others():
    torch.manual_seed(0)
    many = torch.ones(100, 100)
    for attributes, share in (({}, 0.5), ({"p": "0.8"}, 0.8)):
        dropped = IN_TRAINING["Dropout"](NodeSettings("Dropout", "it", attributes))(many)
        assert dropped.unique().tolist() == pytest.approx([0, 1 / (1 - share)])
        assert float((dropped == 0).float().mean()) == pytest.approx(share, abs=0.03)


def test_outputs_return_their_scores_in_training():
    for name in ("SoftmaxOutput", "Softmax", "LogisticRegressionOutput"):
        assert IN_TRAINING[name](NodeSettings(name, "it", {}))(X) is X
        assert not torch.equal(OPERATORS[name](NodeSettings(name, "it", {}))(X), X)


def test_a_shift_gets_the_gradient_of_every_image():
    attributes = {"kernel": "(3, 3)", "pad": "(1, 1)"}
    weight, shift = (
        torch.rand(2, 4, 3, 3, generator=RNG).requires_grad_(),
        torch.rand(4, generator=RNG).requires_grad_(),
    )
    shifted = X + shift.view(1, -1, 1, 1)
    bent = torch.rand(2, 2, 7, 7, generator=RNG)
    grads = []
    for convolve in (
        lambda: operators.convolution(NodeSettings("Convolution", "it", attributes))(shifted, weight),
        lambda: operators.convolution_of_shifted(NodeSettings("Convolution", "it", attributes))(shifted, weight, shift),
    ):
        found = convolve()
        grads.append([found.detach(), *torch.autograd.grad((found * bent).sum(), [weight, shift], retain_graph=True)])
    for one, other in zip(*grads, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_settings_read_the_ways_mxnet_has_written_them():
    settings = NodeSettings(
        "op", "it", {"kernel": "(3L, 3L)", "pad": "[1,1]", "axis": "None", "p": "5e-1", "on": "1", "none": "()"}
    )
    assert settings.pair("kernel", 1) == (3, 3) and settings.pair("pad", 0) == (1, 1)
    assert settings.whole("axis", -1) == -1 and settings.number("p") == 0.5 and settings.flag("on")
    assert settings.pair("none", 2) == (2, 2) and settings.pair("absent", 1) == (1, 1)
    assert settings.wholes("axis") == settings.wholes("absent") == () and settings.wholes("kernel") == (3, 3)
    assert not settings.flag("absent") and settings.flag("absent", True) and not settings.flag("p")
    assert settings.number("absent", 0) == 0 and settings.text("absent", "so") == "so"
    assert all(NodeSettings("op", "it", {"on": yes}).flag("on") for yes in ("True", "true", "1"))
    with pytest.raises(UserError, match=r"Symbol node it \(op\): has no setting absent\."):
        settings.number("absent")
