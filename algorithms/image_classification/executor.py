"""Computes a graph with torch, in training and in inference, whatever program wrote the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import VARIABLE, Graph, Node
from wildsage.algorithms.image_classification.network import DATA
from wildsage.algorithms.image_classification.operators import (
    IN_TRAINING,
    OPERATORS,
    NodeSettings,
    Step,
    Total,
    batch_norm_over,
    convolution_of_shifted,
)

COPIES = ("_copy", "identity")


@dataclass(frozen=True)
class Instruction:
    """Compute a node from the values of others; `done` are the nodes that nothing later needs."""

    node: int
    step: Step
    inputs: tuple[int, ...]
    done: tuple[int, ...]


class Network(nn.Module):
    """`graph` over its arrays: parameters by name, moving averages as buffers.

    `forward` takes images (n, c, h, w) and returns the graph's output (n, k): answers in evaluation, in training the scores
    that go into the output operator. An intermediate value lives until its last use. `total` adds up over hosts that train
    together. Raises UserError for an unknown operator.
    """

    def __init__(self, graph: Graph, arrays: Mapping[str, Tensor], total: Total | None = None) -> None:
        super().__init__()
        self.graph = graph
        self._labels = frozenset(graph.variables) - set(arrays) - {DATA}
        averages, fixed = set(graph.auxiliary), _fixed(graph)
        for name, array in arrays.items():
            if name in averages:
                self.register_buffer(name, array)
            else:
                self.register_parameter(name, nn.Parameter(array, requires_grad=name not in fixed))
        in_training = {**OPERATORS, **IN_TRAINING, **({"BatchNorm": batch_norm_over(total)} if total else {})}
        self._serving = _instructions(graph, OPERATORS, self._labels, {})
        self._training = _instructions(graph, in_training, self._labels, _shifts(graph))

    def forward(self, images: Tensor) -> Tensor:
        """The output of the graph for images (n, c, h, w) from 0 to 255."""
        values: dict[int, Tensor] = {}
        for number, node in enumerate(self.graph.nodes):
            if node.op == VARIABLE and node.name not in self._labels:
                values[number] = images if node.name == DATA else getattr(self, node.name)
        head = self.graph.heads[0][0]
        for instruction in self._training if self.training else self._serving:
            values[instruction.node] = instruction.step(*(values[number] for number in instruction.inputs))
            for number in instruction.done:
                del values[number]
        return values[head]

    def channels_last(self) -> Self:
        """The network with its weights in channels-last order, which is fastest for convolutions."""
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def arrays(self) -> dict[str, Tensor]:
        """Parameters and moving averages by name, in the order of the graph; not copies."""
        return {name: getattr(self, name).detach() for name in self.graph.variables if hasattr(self, name)}


def _fixed(graph: Graph) -> set[str]:
    """Names of the batch norms' scales that stay at 1."""
    norms = (node for node in graph.nodes if node.op == "BatchNorm")
    return {graph.nodes[node.inputs[1][0]].name for node in norms if _keeps_scale(node)}


def _keeps_scale(norm: Node) -> bool:
    return NodeSettings(norm.op, norm.name, norm.attributes).flag("fix_gamma", True)


def _shifts(graph: Graph) -> dict[int, int]:
    """Convolutions of data that a batch norm has shifted but not scaled: their node's number to that of the shift."""
    found = {}
    for number, node in enumerate(graph.nodes):
        norm = graph.nodes[node.inputs[0][0]] if node.op == "Convolution" else None
        if norm and norm.op == "BatchNorm" and _keeps_scale(norm) and _is_data(graph, norm.inputs[0][0]):
            found[number] = norm.inputs[2][0]
    return found


def _is_data(graph: Graph, number: int) -> bool:
    """Whether a node's value is the images themselves; the original copies them first."""
    node = graph.nodes[number]
    while node.op in COPIES:
        node = graph.nodes[node.inputs[0][0]]
    return node.name == DATA


def _instructions(
    graph: Graph,
    operators: Mapping[str, Callable[[NodeSettings], Step]],
    labels: frozenset[str],
    shifts: Mapping[int, int],
) -> list[Instruction]:
    absent = {number for number, node in enumerate(graph.nodes) if node.name in labels}
    origins = {
        number: [origin for origin, _, _ in node.inputs] + ([shifts[number]] if number in shifts else [])
        for number, node in enumerate(graph.nodes)
    }
    last_use = {origin: number for number, used in origins.items() for origin in used}
    instructions = []
    for number, node in enumerate(graph.nodes):
        if node.op == VARIABLE:
            continue
        inputs = tuple(origin for origin in origins[number] if origin not in absent)
        done = tuple(sorted({origin for origin in inputs if last_use[origin] == number}))
        step = _step(node, {"Convolution": convolution_of_shifted} if number in shifts else operators)
        instructions.append(Instruction(number, step, inputs, done))
    return instructions


def _step(node: Node, operators: Mapping[str, Callable[[NodeSettings], Step]]) -> Step:
    if node.op not in operators:
        raise UserError(
            f"Symbol node {node.name}: operator {node.op} is not known here, expected one of {', '.join(sorted(operators))}."
        )
    if any(output for _, output, changes in node.inputs if not changes):
        raise UserError(
            f"Symbol node {node.name} ({node.op}): takes a second output of another node, which is not known here."
        )
    return operators[node.op](NodeSettings(node.op, node.name, node.attributes))
