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


def chain(count: int) -> Graph:
    """So many variables, and an operator that has all of them as inputs."""
    variables = tuple(Node("null", f"v{number}") for number in range(count))
    sum_ = Node("add_n", "sum", {}, tuple((number, 0, 0) for number in range(count)))
    return Graph((*variables, sum_), ((count, 0, 0),))


def test_lists_of_more_than_ten_numbers_have_one_a_line():
    assert '"arg_nodes": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], ' in symbol_json.encode(chain(10)).decode()
    eleven = symbol_json.encode(chain(11)).decode()
    assert '  "arg_nodes": [\n    0, \n    1, ' in eleven and "    10\n  ], " in eleven
    assert symbol_json.decode(eleven.encode(), "x") == chain(11)


@pytest.mark.parametrize(
    ("node", "outputs"),
    [
        (Node("Pooling", "p", {"pool_type": "max"}), 2),
        (Node("Pooling", "p"), 2),
        (Node("Pooling", "p", {"pool_type": "avg"}), 1),
        (Node("BatchNorm", "b"), 3),
        (Node("Convolution", "c"), 1),
        (Node("null", "v"), 1),
    ],
)
def test_places_of_outputs_count_what_a_node_returns(node, outputs):
    written = json.loads(symbol_json.encode(Graph((node, Node("null", "after")), ((1, 0, 0),))))
    assert written["node_row_ptr"] == [0, outputs, outputs + 1]


def test_several_settings_have_one_a_line_in_alphabetical_order():
    text = symbol_json.encode(Graph((Node("Activation", "a", {"b": "2", "a": "1"}),), ((0, 0, 0),))).decode()
    assert '      "attrs": {\n        "a": "1", \n        "b": "2"\n      }, \n' in text


def test_the_version_is_that_of_real_jobs_unless_said_otherwise():
    graph = chain(1)
    for arguments, version in (((graph,), 10300), ((graph, 10301), 10301)):
        assert json.loads(symbol_json.encode(*arguments))["attrs"] == {"mxnet_version": ["int", version]}


def test_settings_of_all_three_kinds_are_joined_and_the_newest_count():
    node = {
        "op": "x",
        "name": "n",
        "param": {"a": 1, "b": 1},
        "attr": {"b": 2, "c": 2},
        "attrs": {"c": 3},
        "inputs": [],
    }
    graph = symbol_json.decode(json.dumps({"nodes": [node], "heads": [[0, 1, 2]]}).encode(), "x")
    assert graph.nodes[0].attributes == {"a": "1", "b": "2", "c": "3"} and graph.heads == ((0, 1, 2),)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "x: not an MXNet symbol (JSONDecodeError"),
        (b"[]", "x: not an MXNet symbol (TypeError"),
        (b"{}", "x: not an MXNet symbol (KeyError"),
        (b'{"nodes": [{"op": "null"}], "heads": []}', "x: not an MXNet symbol (KeyError: 'name')"),
        (b'{"nodes": [], "heads": []}', "x: its heads [] do not name nodes of the graph."),
        (b'{"nodes": [{"op": "null", "name": "a", "inputs": []}], "heads": [[1, 0, 0]]}', "x: its heads [(1, 0, 0)] do not"),
        (b'{"nodes": [{"op": "null", "name": "a", "inputs": []}], "heads": [[-1, 0, 0]]}', "x: its heads [(-1, 0, 0)]"),
        (b'{"nodes": [{"op": "null", "name": "a", "inputs": [[0]]}], "heads": []}', "x: not an MXNet symbol (ValueError"),
        (b'{"nodes": [{"op": "null", "name": "a", "inputs": []}], "heads": [[Infinity, 0]]}', "x: not an MXNet symbol (OverflowError"),
        (b'{"nodes": ["node"], "heads": []}', "x: not an MXNet symbol (AttributeError"),
        (old("attrs", [[1, 0, 0]]), "x: node 1 (relu) has an input that does not come before it."),
        (old("attrs", [[-1, 0, 0]]), "x: node 1 (relu) has an input that does not come before it."),
        (b"[" * 100_000, "x: not an MXNet symbol (JSONDecodeError: The value is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_not_a_symbol_says_so(content, problem):
    with pytest.raises(UserError) as caught:
        symbol_json.decode(content, "x")
    assert str(caught.value).startswith(problem)
