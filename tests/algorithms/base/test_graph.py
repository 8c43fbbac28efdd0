"""A network as a value."""

from wildsage.algorithms.base.graph import Graph, Node

GRAPH = Graph(
    (
        Node("null", "data"),
        Node("null", "gamma"),
        Node("null", "mean"),
        Node("BatchNorm", "norm", {"eps": "0.001"}, ((0, 0, 0), (1, 0, 0), (2, 0, 1))),
    ),
    ((3, 0, 0),),
)


def test_variables_are_the_nodes_that_compute_nothing():
    assert GRAPH.variables == ["data", "gamma", "mean"]


def test_auxiliary_are_the_variables_that_an_operator_changes():
    assert GRAPH.auxiliary == ["mean"]
