"""Where a network's arrays come from: at random, from an earlier job of this kind, or from a network of another kind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import VARIABLE, Graph, Node
from wildsage.algorithms.image_classification.network import LAST_LAYER
from wildsage.algorithms.image_classification.operators import NodeSettings

Shape = tuple[int, ...]

HOW_TO_SUPPLY = (
    "Hyperparameter use_pretrained_model: there are no weights to begin from. Give the job a channel model with the model.tar.gz "
    "of an earlier image-classification job of the same num_layers; or name a file with --pretrained-weights of `wildsage up`, "
    "`run` or `train`: a .pth (a torchvision state dictionary) or a .params (MXNet's model zoo) of a network of so many layers."
)

PIXEL_MEAN, PIXEL_DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Mean and deviation of ImageNet's channels, from 0 to 255, by which torchvision's networks expect their input normalised."""


def shapes(graph: Graph, channels: int) -> dict[str, Shape]:
    """The shape of every array of a residual network for images of so many channels, by name, in the order of the graph."""
    widths = {0: channels}
    found: dict[str, Shape] = {}
    for number, node in enumerate(graph.nodes):
        if node.op == VARIABLE:
            continue
        width, names = widths[node.inputs[0][0]], [graph.nodes[origin].name for origin, _, _ in node.inputs[1:]]
        if node.op in ("Convolution", "FullyConnected"):
            own = _own_shapes(node, width)
            widths[number] = own[0][0]
            found |= dict(zip(names, own, strict=False))
        else:
            widths[number] = width
            if node.op == "BatchNorm":
                found |= dict.fromkeys(names, (width,))
    return found


def _own_shapes(node: Node, width: int) -> tuple[Shape, ...]:
    settings = NodeSettings(node.op, node.name, node.attributes)
    if node.op == "Convolution":
        return ((settings.whole("num_filter"), width, *settings.pair("kernel", 1)),)
    hidden = settings.whole("num_hidden")
    return (hidden, width), (hidden,)


def random(graph: Graph, channels: int, rng: torch.Generator) -> dict[str, Tensor]:
    """Normal weights of variance 2 / fan-in [He et al. 2015], batch norms that change nothing, biases of zero.

    By name, in the shapes that `shapes` gives for images of so many channels.
    """
    return {name: _start(name, shape, rng) for name, shape in shapes(graph, channels).items()}


def _start(name: str, shape: Shape, rng: torch.Generator) -> Tensor:
    if name.endswith("_weight"):
        return torch.randn(shape, generator=rng) * math.sqrt(2 / math.prod(shape[1:]))
    return torch.ones(shape) if name.endswith(("_gamma", "_moving_var")) else torch.zeros(shape)


def transferred(graph: Graph, channels: int, given: Mapping[str, Tensor], rng: torch.Generator) -> dict[str, Tensor]:
    """Arrays of a network of the same depth, except its last layer, which is random because the classes differ.

    A torchvision state dictionary is recognised by its names. Raises UserError naming arrays that are missing or of another shape.
    """
    start = random(graph, channels, rng)
    if "conv1.weight" in given:
        try:
            return start | from_torchvision(start, given)
        except KeyError as missing:
            raise UserError(
                f"Weights to begin from: {missing} is missing, expected the state dictionary of a ResNet of torchvision."
            ) from None
    return _taken(start, {name: array for name, array in given.items() if name not in LAST_LAYER}, LAST_LAYER)


def continued(graph: Graph, channels: int, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All arrays of an earlier job with equal layers, image shape and classes. Raises UserError as `transferred` does."""
    wanted = {name: torch.empty(shape) for name, shape in shapes(graph, channels).items()}
    return _taken(wanted, given, ())


def _taken(start: Mapping[str, Tensor], given: Mapping[str, Tensor], free: tuple[str, ...]) -> dict[str, Tensor]:
    problems = list(_problems(start, given, free))
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UserError(
            f"Weights to begin from: {'; '.join(problems[:3])}{more}. They must be of a network with the same num_layers, "
            "image_shape and num_classes."
        )
    return {name: given[name].float().clone() if name in given else array for name, array in start.items()}


def _problems(start: Mapping[str, Tensor], given: Mapping[str, Tensor], free: tuple[str, ...]) -> Iterator[str]:
    for name, array in start.items():
        if name not in given and name not in free:
            yield f"{name} is missing"
        elif name in given and given[name].shape != array.shape:
            yield f"{name} is {tuple(given[name].shape)}, expected {tuple(array.shape)}"
    for name in given:
        if name not in start:
            yield f"{name} is not of this network"


def from_torchvision(start: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The arrays of a torchvision ResNet of the same depth, by our names.

    Its batch norms follow convolutions, ours precede them. Batch norm k of a unit lies between convolutions k and k + 1, so it
    becomes our number k + 1. The last one of a unit and that of a shortcut have no counterpart: the convolution before them is
    multiplied by their scale, and their shift is dropped. Our first one of a unit keeps its initial values. Raises UserError
    for another depth or width.
    """
    found = {"conv0_weight": given["conv1.weight"], **_norm(given, "bn1", "bn0")}
    if len(PIXEL_MEAN) == len(start["bn_data_moving_mean"]):
        found |= {
            "bn_data_moving_mean": torch.tensor(PIXEL_MEAN),
            "bn_data_moving_var": torch.tensor(PIXEL_DEVIATION) ** 2,
        }
    units = sorted({tuple(name.split(".")[:2]) for name in given if name.startswith("layer")})
    for layer, unit in units:
        found |= _unit(given, f"{layer}.{unit}", f"stage{layer.removeprefix('layer')}_unit{int(unit) + 1}")
    wanted = {name for name in start if name.endswith("_weight") and name not in LAST_LAYER}
    return _taken({name: start[name] for name in start if name in found or name in wanted}, found, ())


def _unit(given: Mapping[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    count = sum(f"{theirs}.conv{number}.weight" in given for number in (1, 2, 3))
    found = {f"{ours}_conv{number}_weight": given[f"{theirs}.conv{number}.weight"] for number in range(1, count + 1)}
    for number in range(1, count):
        found |= _norm(given, f"{theirs}.bn{number}", f"{ours}_bn{number + 1}")
    found[f"{ours}_conv{count}_weight"] = _scaled(found[f"{ours}_conv{count}_weight"], given, f"{theirs}.bn{count}")
    if f"{theirs}.downsample.0.weight" in given:
        found[f"{ours}_sc_weight"] = _scaled(given[f"{theirs}.downsample.0.weight"], given, f"{theirs}.downsample.1")
    return found


def _norm(given: Mapping[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    kinds = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"}
    return {f"{ours}_{our}": given[f"{theirs}.{their}"] for their, our in kinds.items()}


def _scaled(weight: Tensor, given: Mapping[str, Tensor], norm: str) -> Tensor:
    """The convolution's weight times the scale of the batch norm that follows it."""
    scale = given[f"{norm}.weight"] / (given[f"{norm}.running_var"] + 1e-5).sqrt()
    return weight * scale[:, None, None, None]
