"""MXNet's symbol files ⇄ graphs, byte for byte as MXNet 1.x writes them (sources: nnvm's saveload_json, files of real jobs)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import VARIABLE, Graph, Input, Node

MXNET_VERSION = 10300
"""The version that real image-classification jobs state, 1.3."""

LINE_NUMBERS = 10
"""Longer lists have one number per line."""


def encode(graph: Graph, mxnet_version: int = MXNET_VERSION) -> bytes:
    """Return the file, without a line end at its end."""
    rows = [0]
    for node in graph.nodes:
        rows.append(rows[-1] + _outputs(node))
    variables = [number for number, node in enumerate(graph.nodes) if node.op == VARIABLE]
    members = {
        "nodes": _block("[]", [_node(node) for node in graph.nodes], 1),
        "arg_nodes": _numbers(variables),
        "node_row_ptr": _numbers(rows),
        "heads": _inline(graph.heads),
        "attrs": _inline({"mxnet_version": ["int", mxnet_version]}),
    }
    return _block("{}", [f'"{name}": {text}' for name, text in members.items()], 0).encode()


def decode(content: bytes, name: str) -> Graph:
    """Read a symbol of any MXNet version. `name` is the file's name for messages. Raises UserError for any other content."""
    try:
        document = json_text.parse(content)
        nodes = tuple(_read_node(entry) for entry in document["nodes"])
        graph = Graph(nodes, tuple(_read_input(entry) for entry in document["heads"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError(f"{name}: not an MXNet symbol ({type(error).__name__}: {error}).") from None
    for number, node in enumerate(nodes):
        if any(not 0 <= origin < number for origin, _, _ in node.inputs):
            raise UserError(f"{name}: node {number} ({node.name}) has an input that does not come before it.")
    if not graph.heads or any(not 0 <= origin < len(nodes) for origin, _, _ in graph.heads):
        raise UserError(f"{name}: its heads {list(graph.heads)} do not name nodes of the graph.")
    return graph


def _read_node(entry: Mapping[str, Any]) -> Node:
    """Settings are under `param` before MXNet 0.9 (user attributes apart), then under `attr`, and today under `attrs`."""
    attributes = {**entry.get("param", {}), **entry.get("attr", {}), **entry.get("attrs", {})}
    settings = {str(key): str(value) for key, value in attributes.items()}
    return Node(str(entry["op"]), str(entry["name"]), settings, tuple(_read_input(each) for each in entry["inputs"]))


def _read_input(entry: Iterable[int]) -> Input:
    """Old files have two numbers, newer ones three."""
    node, output, *changes = (int(number) for number in entry)
    return node, output, changes[0] if changes else 0


def _outputs(node: Node) -> int:
    """Count the outputs of a node. A batch norm also returns mean and variance, a max pooling also the positions."""
    if node.op == "Pooling":
        return 2 if node.attributes.get("pool_type", "max") == "max" else 1
    return 3 if node.op == "BatchNorm" else 1


def _node(node: Node) -> str:
    members = [f'"op": {json.dumps(node.op)}', f'"name": {json.dumps(node.name)}']
    if node.attributes:
        pairs = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(node.attributes.items())]
        members.append('"attrs": ' + (_block("{}", pairs, 3) if len(pairs) > 1 else "{" + pairs[0] + "}"))
    members.append(f'"inputs": {_inline(node.inputs)}')
    return _block("{}", members, 2)


def _numbers(numbers: Sequence[int]) -> str:
    return _inline(numbers) if len(numbers) <= LINE_NUMBERS else _block("[]", map(str, numbers), 1)


def _block(brackets: str, members: Iterable[str], depth: int) -> str:
    """Write one member per line. A space follows each comma, as MXNet writes it."""
    inner = "  " * (depth + 1)
    return brackets[0] + "\n" + ", \n".join(inner + member for member in members) + "\n" + "  " * depth + brackets[1]


def _inline(value: Any) -> str:
    return json.dumps(value)
