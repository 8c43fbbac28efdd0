"""The sparse network that the original stores beside the parameters, node for node [contract: Artifact]."""

from __future__ import annotations

import json

from wildsage.algorithms.base.algorithm import ModelSettings
from wildsage.algorithms.base.graph import VARIABLE, Graph, Node

OUTPUTS = {"regressor": "LinearRegressionOutput", "binary_classifier": "LogisticRegressionOutput"}

INIT_ARGUMENT = {"normal": "sigma", "uniform": "scale", "constant": "value"}
"""The argument of each of MXNet's initializers. The hyperparameter's name ends in it."""

ROW_SPARSE, COMPRESSED_ROWS = {"__storage_type__": "1"}, {"__storage_type__": "2"}


def graph(training: ModelSettings, columns: int, factors: int) -> Graph:
    """The graph of b + x w + ½ Σ [(x v)² − x² v²]. The job's rates and initializers are attributes of the parameters."""
    w1 = _parameter(training, "linear", f"({columns}, 1)") | ROW_SPARSE
    v = _parameter(training, "factors", f"({columns}, {factors})") | ROW_SPARSE
    drawn: tuple[tuple[str, str, dict[str, str], tuple[str, ...]], ...] = (
        (VARIABLE, "data", COMPRESSED_ROWS, ()),
        (VARIABLE, "w1_weight", w1, ()),
        ("dot", "dot0", {}, ("data", "w1_weight")),
        (VARIABLE, "w0_weight", _parameter(training, "bias", "(1,)"), ()),
        ("broadcast_add", "broadcast_plus0", {}, ("dot0", "w0_weight")),
        (VARIABLE, "v", v, ()),
        ("dot", "dot2", {}, ("data", "v")),
        ("square", "Square", {}, ("dot2",)),
        ("_mul_scalar", "_mulscalar0", {"scalar": "0.5"}, ("Square",)),
        ("Concat", "concat0", {"dim": "1", "num_args": "2"}, ("broadcast_plus0", "_mulscalar0")),
        ("sum", "sum0", {"axis": "1", "keepdims": "True"}, ("concat0",)),
        ("square", "x_square", {}, ("data",)),
        ("_square_sum", "_square_sum0", {"axis": "1", "keepdims": "True"}, ("v",)),
        ("dot", "dot1", {}, ("x_square", "_square_sum0")),
        ("negative", "negative0", {}, ("dot1",)),
        ("_mul_scalar", "_mulscalar1", {"scalar": "0.5"}, ("negative0",)),
        ("elemwise_add", "Final_Summation", {}, ("sum0", "_mulscalar1")),
        (VARIABLE, "out_label", {}, ()),
        (OUTPUTS[str(training["predictor_type"])], "out", {}, ("Final_Summation", "out_label")),
    )
    numbers = {name: number for number, (_, name, _, _) in enumerate(drawn)}
    nodes = [
        Node(op, name, attributes, tuple((numbers[each], 0, 0) for each in inputs))
        for op, name, attributes, inputs in drawn
    ]
    return Graph(nodes, ((len(nodes) - 1, 0, 0),))


def _parameter(training: ModelSettings, term: str, shape: str) -> dict[str, str]:
    """MXNet's attributes of the parameter of one term: bias, linear or factors."""
    method = str(training[f"{term}_init_method"])
    argument = INIT_ARGUMENT[method]
    given = training.get(f"{term}_init_{argument}")
    initializer = [method, {} if given is None else {argument: float(given)}]
    return {
        "__init__": json.dumps(initializer),
        "__lr_mult__": str(float(training[f"{term}_lr"])),
        "__shape__": shape,
        "__wd_mult__": str(float(training[f"{term}_wd"])),
    }
