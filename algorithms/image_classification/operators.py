"""MXNet's operators as torch functions: what a node of a graph computes. A node's settings are read once.

`OPERATORS[op](settings)` gives a step: a function of the node's inputs. Semantics and defaults are those of MXNet 1.x. Of a
step with several outputs in MXNet (a batch norm's mean, a dropout's mask), only the first is given; graphs refer to no other.

Shapes: (n, c, h, w) images · (n, d) rows
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from wildsage.algorithms.base.errors import UserError

Step = Callable[..., Tensor]


class NodeSettings:
    """The settings of one node, which are text: `(3, 3)`, `True`, `0.9`."""

    def __init__(self, op: str, name: str, attributes: Mapping[str, str]) -> None:
        self._node = f"Symbol node {name} ({op})"
        self._attributes = attributes

    def text(self, name: str, default: str) -> str:
        """A setting as it is written."""
        return self._attributes.get(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        """Whether a setting is true."""
        return self.text(name, str(default)) in ("True", "true", "1")

    def number(self, name: str, default: float | None = None) -> float:
        """A setting as a number. Raises UserError if it is missing and has no default, or is not a number."""
        if self._attributes.get(name, "None") == "None":
            if default is None:
                raise self.problem(f"has no setting {name}")
            return default
        return self._numbers(name)[0]

    def whole(self, name: str, default: int | None = None) -> int:
        """The same as a whole number."""
        return int(self.number(name, default))

    def wholes(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers; empty if the setting is missing."""
        if self._attributes.get(name, "None") == "None":
            return ()
        return tuple(int(number) for number in self._numbers(name))

    def pair(self, name: str, default: int) -> tuple[int, int]:
        """Numbers for height and width. The default is for a missing setting and for MXNet's empty tuple. Raises UserError."""
        numbers = self.wholes(name) or (default, default)
        if len(numbers) != 2:
            raise self.problem(f"{name} = {numbers}, expected two numbers, for images")
        return numbers

    def problem(self, text: str) -> UserError:
        """The error to raise for these settings, which names the node."""
        return UserError(f"{self._node}: {text}.")

    def _numbers(self, name: str) -> list[float]:
        """`(3, 3)`, `[3, 3]`, `3`; Python 2 wrote `(3L, 3L)`."""
        text = self._attributes[name]
        try:
            return [float(part) for part in text.strip("()[] ").replace("L", "").split(",") if part.strip()]
        except ValueError:
            raise self.problem(f"{name} = {text!r}, expected numbers") from None


def convolution(settings: NodeSettings) -> Step:
    """Convolution over height and width, with or without a bias. Raises UserError for other dimensions."""
    if len(settings.wholes("kernel")) != 2:
        raise settings.problem("only convolutions over height and width are known here")
    stride, pad, dilation = settings.pair("stride", 1), settings.pair("pad", 0), settings.pair("dilate", 1)
    groups = settings.whole("num_group", 1)
    return lambda x, weight, bias=None: F.conv2d(x, weight, bias, stride, pad, dilation, groups)


class _SharedByImages(torch.autograd.Function):
    """Returns `whole_nchw`. The gradient of the part that all images share goes to `alike_1chw`, summed to one image."""

    @staticmethod
    def forward(ctx: Any, whole_nchw: Tensor, alike_1chw: Tensor) -> Tensor:
        return whole_nchw.view_as(whole_nchw)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        return gradients[0], gradients[0].sum(0, keepdim=True)


def convolution_of_shifted(settings: NodeSettings) -> Step:
    """Convolution of data to which a constant per channel, the last input, was added; nothing else before it is learned.

    A convolution is linear, so the constants' gradient is that of one image, the sum of all. This avoids the gradient of
    every image, which takes most of the time of a network's first layer.
    """
    convolve = convolution(settings)

    def step(x: Tensor, weight: Tensor, *others: Tensor) -> Tensor:
        *bias, shift_c = others
        alike_1chw = shift_c.view(1, -1, 1, 1).expand(1, -1, *x.shape[2:])
        return _SharedByImages.apply(convolve(x.detach(), weight, *bias), convolve(alike_1chw, weight.detach()))

    return step


def fully_connected(settings: NodeSettings) -> Step:
    """x Wᵀ + b; x is flattened first unless `flatten` is false."""
    flatten = settings.flag("flatten", True)
    return lambda x, weight, bias=None: F.linear(x.flatten(1) if flatten else x, weight, bias)


def batch_norm(settings: NodeSettings) -> Step:
    """(x - mean) / √(variance + eps) · gamma + beta by the moving averages, its last two inputs.

    Raises UserError if the axis is not 1, the channels.
    """
    if settings.whole("axis", 1) != 1:
        raise settings.problem("axis is not 1, the channels")
    eps, fixed = settings.number("eps", 1e-3), settings.flag("fix_gamma", True)

    def step(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return F.batch_norm(x, mean, variance, None if fixed else gamma, beta, eps=eps)

    return step


def batch_norm_in_training(settings: NodeSettings) -> Step:
    """Batch norm by mean and variance of the batch, which move the averages by 1 - momentum [Ioffe & Szegedy 2015]."""
    if settings.flag("use_global_stats"):
        return batch_norm(settings)
    eps, fixed = settings.number("eps", 1e-3), settings.flag("fix_gamma", True)
    share = 1 - settings.number("momentum", 0.9)

    def step(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return F.batch_norm(x, mean, variance, None if fixed else gamma, beta, True, share, eps)

    return step


Total = Callable[[Tensor], Tensor]
"""Adds a tensor up over all hosts."""


class _SumOverHosts(torch.autograd.Function):
    """A sum over hosts. Each host's part gets the gradients of all hosts' losses by the sum, added up."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, total: Total) -> Tensor:
        ctx.total = total
        return total(part)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.total(gradients[0]), None


def batch_norm_over(total: Total) -> Callable[[NodeSettings], Step]:
    """Batch norm in training by mean and variance of all hosts' batches together, as if one host had them."""

    def operator(settings: NodeSettings) -> Step:
        eps, fixed = settings.number("eps", 1e-3), settings.flag("fix_gamma", True)
        share = 1 - settings.number("momentum", 0.9)

        def step(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
            mean_c, variance_c, count = _moments(x, total)
            with torch.no_grad():
                mean.lerp_(mean_c, share)
                variance.lerp_(variance_c * count / (count - 1), share)  # unbiased, as torch and cuDNN keep it
            scale_c = (variance_c + eps).rsqrt() * (1 if fixed else gamma)
            shape = (1, -1, 1, 1)
            return x * scale_c.view(shape) + (beta - mean_c * scale_c).view(shape)

        return step

    return operator


def _moments(x: Tensor, total: Total) -> tuple[Tensor, Tensor, float]:
    """Mean and variance (c,) of each channel over all hosts, and how many numbers of a channel they are taken from."""
    variance_c, mean_c = torch.var_mean(x.to(torch.promote_types(x.dtype, torch.float32)), (0, 2, 3), correction=0)
    count = x.numel() / x.shape[1]
    sums = torch.cat([count * mean_c, count * (variance_c + mean_c**2), mean_c.new_tensor([count])])
    sums = _SumOverHosts.apply(sums, total)
    mean_c, square_c = (sums[:-1] / sums[-1]).chunk(2)
    return mean_c, square_c - mean_c**2, float(sums[-1].detach())


def dropout_in_training(settings: NodeSettings) -> Step:
    """Zero a share p of the numbers at random, and scale the others by 1 / (1 - p)."""
    share = settings.number("p", 0.5)
    return lambda x: F.dropout(x, share, training=True)


def activation(settings: NodeSettings) -> Step:
    """One of ACTIVATIONS, by `act_type`. Raises UserError for another."""
    kind = settings.text("act_type", "")
    if kind not in ACTIVATIONS:
        raise settings.problem(f"act_type {kind!r}, expected one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[kind]


def leaky_relu(settings: NodeSettings) -> Step:
    """By `act_type`: leaky, elu, prelu (whose slope is an input), selu or gelu. Raises UserError for another."""
    kind, slope = settings.text("act_type", "leaky"), settings.number("slope", 0.25)
    steps: dict[str, Step] = {
        "leaky": lambda x: F.leaky_relu(x, slope),
        "elu": lambda x: F.elu(x, slope),
        "prelu": F.prelu,
        "selu": F.selu,
        "gelu": F.gelu,
    }
    if kind not in steps:
        raise settings.problem(f"act_type {kind!r}, expected one of {', '.join(steps)}")
    return steps[kind]


def pooling(settings: NodeSettings) -> Step:
    """Maximum, mean or sum over windows, or over the whole image. Raises UserError for another `pool_type`."""
    kind = settings.text("pool_type", "max")
    if kind not in ("max", "avg", "sum"):
        raise settings.problem(f"pool_type {kind!r}, expected max, avg or sum")
    if settings.flag("global_pool"):
        whole: dict[str, Step] = {"max": torch.amax, "avg": torch.mean, "sum": torch.sum}
        return lambda x: whole[kind](x, dim=(2, 3), keepdim=True)
    kernel, stride, pad = settings.pair("kernel", 1), settings.pair("stride", 1), settings.pair("pad", 0)
    ceil = settings.text("pooling_convention", "valid") == "full"
    if kind == "max":
        return lambda x: F.max_pool2d(x, kernel, stride, pad, ceil_mode=ceil)
    counted = settings.flag("count_include_pad", True)
    divisor = 1 if kind == "sum" else None
    return lambda x: F.avg_pool2d(x, kernel, stride, pad, ceil, counted, divisor)


def concatenation(settings: NodeSettings) -> Step:
    """The inputs joined along `dim`, the channels by default."""
    dim = settings.whole("dim", 1)
    return lambda *parts: torch.cat(parts, dim)


def softmax_output(settings: NodeSettings) -> Step:
    """Probabilities. The label, its second input, matters in training only."""
    dim = 1 if settings.flag("multi_output") else -1
    return lambda x, _label=None: x.softmax(dim)


def softmax_activation(settings: NodeSettings) -> Step:
    """Probabilities over the channels or over the last axis, by `mode`."""
    dim = 1 if settings.text("mode", "instance") == "channel" else -1
    return lambda x: x.softmax(dim)


def softmax(settings: NodeSettings) -> Step:
    """Probabilities over `axis`, the last by default."""
    dim = settings.whole("axis", -1)
    return lambda x: x.softmax(dim)


def reshape(settings: NodeSettings) -> Step:
    """Reshape. Of MXNet's special lengths, 0 (unchanged) and -1 (the rest) are known. Raises UserError for others."""
    shape = settings.wholes("shape")
    if any(length < -1 for length in shape):
        raise settings.problem(f"shape {shape}, expected lengths, 0 and -1")
    return lambda x: x.reshape([x.shape[i] if length == 0 else length for i, length in enumerate(shape)])


def clip(settings: NodeSettings) -> Step:
    """Numbers limited to `a_min` and `a_max`."""
    low, high = settings.number("a_min"), settings.number("a_max")
    return lambda x: x.clamp(low, high)


def local_response(settings: NodeSettings) -> Step:
    """x / (k + alpha/n · Σ x²)^beta over n neighbouring channels [Krizhevsky et al. 2012]."""
    size = settings.whole("nsize")
    alpha, beta, k = settings.number("alpha", 1e-4), settings.number("beta", 0.75), settings.number("knorm", 2.0)
    return lambda x: F.local_response_norm(x, size, alpha, beta, k)


def mean(settings: NodeSettings) -> Step:
    """The mean over the axes given, or over all."""
    axes, keep = settings.wholes("axis"), settings.flag("keepdims")
    return lambda x: x.mean(axes or None, keepdim=keep)


def _always(step: Step) -> Callable[[NodeSettings], Step]:
    """An operator without settings."""
    return lambda _settings: step


def _with_scalar(step: Callable[[Tensor, float], Tensor]) -> Callable[[NodeSettings], Step]:
    def operator(settings: NodeSettings) -> Step:
        scalar = settings.number("scalar")
        return lambda x: step(x, scalar)

    return operator


def _identity(x: Tensor, *_others: Tensor) -> Tensor:
    return x


def _total(*terms: Tensor) -> Tensor:
    first, *rest = terms
    for term in rest:
        first = first + term
    return first


ACTIVATIONS: dict[str, Step] = {
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softrelu": F.softplus,
    "softsign": F.softsign,
}

OPERATORS: dict[str, Callable[[NodeSettings], Step]] = {
    "Convolution": convolution,
    "FullyConnected": fully_connected,
    "BatchNorm": batch_norm,
    "Activation": activation,
    "LeakyReLU": leaky_relu,
    "Pooling": pooling,
    "LRN": local_response,
    "Concat": concatenation,
    "SoftmaxOutput": softmax_output,
    "Softmax": softmax_output,  # its name in old symbols
    "SoftmaxActivation": softmax_activation,
    "softmax": softmax,
    "Reshape": reshape,
    "clip": clip,
    "mean": mean,
    "LogisticRegressionOutput": _always(lambda x, _label=None: x.sigmoid()),
    "Flatten": _always(lambda x: x.flatten(1)),
    "relu": _always(F.relu),
    "sigmoid": _always(torch.sigmoid),
    "tanh": _always(torch.tanh),
    "_copy": _always(_identity),
    "identity": _always(_identity),
    "BlockGrad": _always(_identity),
    "Dropout": _always(_identity),  # in inference
    "Cast": _always(_identity),  # everything is computed in one type
    "add_n": _always(_total),
    "ElementWiseSum": _always(_total),
    **dict.fromkeys(("elemwise_add", "broadcast_add", "_Plus", "_plus"), _always(torch.add)),
    **dict.fromkeys(("elemwise_sub", "broadcast_sub", "_Minus", "_minus"), _always(torch.sub)),
    **dict.fromkeys(("elemwise_mul", "broadcast_mul", "_Mul", "_mul"), _always(torch.mul)),
    **dict.fromkeys(("elemwise_div", "broadcast_div", "_Div", "_div"), _always(torch.div)),
    **dict.fromkeys(("_plus_scalar", "_PlusScalar"), _with_scalar(torch.add)),
    **dict.fromkeys(("_minus_scalar", "_MinusScalar"), _with_scalar(torch.sub)),
    **dict.fromkeys(("_mul_scalar", "_MulScalar"), _with_scalar(torch.mul)),
    **dict.fromkeys(("_div_scalar", "_DivScalar"), _with_scalar(torch.div)),
}

IN_TRAINING: dict[str, Callable[[NodeSettings], Step]] = {
    "BatchNorm": batch_norm_in_training,
    "Dropout": dropout_in_training,
    **dict.fromkeys(("SoftmaxOutput", "Softmax", "LogisticRegressionOutput"), _always(_identity)),
}
"""Operators that compute something else in training. Output operators return their input, since the loss takes scores."""
