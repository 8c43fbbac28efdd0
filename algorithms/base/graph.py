"""A network as a value: nodes of operators and variables in the order of computation. MXNet calls it a symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

VARIABLE = "null"

Input = tuple[int, int, int]
"""Origin of an input: number of the node, number of its output, and 1 if the operator changes it, as with moving averages."""


@dataclass(frozen=True)
class Node:
    """An operator with its settings as text, or a variable (`op` "null"): data, a label or a parameter."""

    op: str
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True)
class Graph:
    """Nodes, each after its inputs; `heads` are the outputs of the whole graph."""

    nodes: Sequence[Node]
    heads: tuple[Input, ...]

    @property
    def variables(self) -> list[str]:
        """Names of all variables, in the order of the nodes."""
        return [node.name for node in self.nodes if node.op == VARIABLE]

    @property
    def auxiliary(self) -> list[str]:
        """Names of the variables that an operator changes while it computes: moving averages, which have no gradient."""
        changed = {number for node in self.nodes for number, _, changes in node.inputs if changes}
        return [node.name for number, node in enumerate(self.nodes) if number in changed]
