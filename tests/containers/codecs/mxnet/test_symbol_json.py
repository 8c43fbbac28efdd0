"""Symbols of real jobs, of other MXNet versions, and of none."""

import json

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph, Node
from wildsage.containers.codecs.mxnet import symbol_json


@pytest.mark.parametrize("name", ["image-classification-symbol.json", "image-classification-symbol-0e1db67.json"])
def test_a_real_symbol_comes_back_byte_for_byte(golden, name):
    content = (golden / "image-classification-symbols" / name).read_bytes()
    assert symbol_json.encode(symbol_json.decode(content, name)) == content


def old(key: str, inputs: list) -> bytes:
    nodes = [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "Activation", "name": "relu", key: {"act_type": "relu"}, "inputs": inputs},
    ]
    return json.dumps({"nodes": nodes, "arg_nodes": [0], "heads": [[1, 0]]}).encode()


@pytest.mark.parametrize(("key", "inputs"), [("param", [[0, 0]]), ("attr", [[0, 0, 0]]), ("attrs", [[0, 0, 0]])])
def test_symbols_of_every_version_are_read(key, inputs):
    graph = symbol_json.decode(old(key, inputs), "x")
    assert graph.nodes[1] == Node("Activation", "relu", {"act_type": "relu"}, ((0, 0, 0),))
    assert graph.heads == ((1, 0, 0),) and graph.variables == ["data"]


def test_short_lists_and_single_settings_stand_on_one_line():
    graph = Graph((Node("null", "data"), Node("Activation", "a", {"act_type": "relu"}, ((0, 0, 0),))), ((1, 0, 0),))
    text = symbol_json.encode(graph).decode()
    assert (
        '"attrs": {"act_type": "relu"}, \n' in text
        and '"arg_nodes": [0], \n' in text
        and '"node_row_ptr": [0, 1, 2]' in text
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "x: not an MXNet symbol (JSONDecodeError"),
        (b"[]", "x: not an MXNet symbol (TypeError"),
        (b"{}", "x: not an MXNet symbol (KeyError"),
        (b'{"nodes": [{"op": "null"}], "heads": []}', "x: not an MXNet symbol (KeyError: 'name')"),
        (b'{"nodes": [], "heads": []}', "x: its heads [] do not name nodes of the graph."),
        (old("attrs", [[1, 0, 0]]), "x: node 1 (relu) has an input that does not come before it."),
        (old("attrs", [[-1, 0, 0]]), "x: node 1 (relu) has an input that does not come before it."),
        (b"[" * 100_000, "x: not an MXNet symbol (JSONDecodeError: The value is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_not_a_symbol_says_so(content, problem):
    with pytest.raises(UserError) as caught:
        symbol_json.decode(content, "x")
    assert str(caught.value).startswith(problem)
