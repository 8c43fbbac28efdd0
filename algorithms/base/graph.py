"""A network as a value: nodes of operators and variables, in the order they are computed. What MXNet calls a symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

VARIABLE = "null"

Input = tuple[int, int, int]
"""Where an input comes from: number of the node, which of its outputs, and 1 if the operator changes it, as moving averages."""


@dataclass(frozen=True)
class Node:
    """An operator with its settings as text, or a variable (`op` "null"): data, a label or a parameter."""

    op: str
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True)
class Graph:
    """Every input of a node stands before it; `heads` are the outputs of the whole."""

    nodes: Sequence[Node]
    heads: tuple[Input, ...]

    @property
    def variables(self) -> list[str]:
        """Names of all variables, in the order of the nodes."""
        return [node.name for node in self.nodes if node.op == VARIABLE]

    @property
    def auxiliary(self) -> list[str]:
        """Names of the variables that an operator changes while it computes: moving averages, which no gradient moves."""
        changed = {number for node in self.nodes for number, _, changes in node.inputs if changes}
        return [node.name for number, node in enumerate(self.nodes) if number in changed]
