"""The network that is stored beside the parameters computes what the model computes."""

import json

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.factorization_machines import network
from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines as FM
from wildsage.algorithms.factorization_machines.model import FactorizationMachinesModel

RNG = torch.Generator().manual_seed(0)
W0, W1, V = (torch.randn(shape, generator=RNG) for shape in ((1,), (6, 1), (6, 3)))


def model(predictor_type: str, **settings) -> FactorizationMachinesModel:
    job = FM(feature_dim=6, num_factors=3, predictor_type=predictor_type, **settings)
    return FactorizationMachinesModel(W0, W1, V, job.training_parameters())


OPERATORS = {
    "dot": lambda attributes, a, b: a @ b,
    "broadcast_add": lambda attributes, a, b: a + b,
    "elemwise_add": lambda attributes, a, b: a + b,
    "square": lambda attributes, a: a**2,
    "negative": lambda attributes, a: -a,
    "_mul_scalar": lambda attributes, a: a * float(attributes["scalar"]),
    "Concat": lambda attributes, *parts: np.concatenate(parts, int(attributes["dim"])),
    "sum": lambda attributes, a: a.sum(int(attributes["axis"]), keepdims=attributes["keepdims"] == "True"),
    "_square_sum": lambda attributes, a: (a**2).sum(int(attributes["axis"]), keepdims=attributes["keepdims"] == "True"),
    "LinearRegressionOutput": lambda attributes, a, label: a,
    "LogisticRegressionOutput": lambda attributes, a, label: 1 / (1 + np.exp(-a)),
}
"""MXNet's operators, in NumPy."""


@pytest.mark.parametrize("predictor_type", ["regressor", "binary_classifier"])
def test_its_nodes_compute_the_scores_of_the_model(predictor_type):
    rows = torch.randn(8, 6, generator=RNG)
    found = model(predictor_type)
    graph = found.graph()
    given = {"data": rows, "w0_weight": W0, "w1_weight": W1, "v": V, "out_label": torch.zeros(8)}
    values = []
    for node in graph.nodes:
        inputs = [values[number] for number, _, _ in node.inputs]
        is_given = node.op == "null"
        values.append(given[node.name].double().numpy() if is_given else OPERATORS[node.op](node.attributes, *inputs))
    ((head, output, changes),) = graph.heads
    assert (head, output, changes) == (len(graph.nodes) - 1, 0, 0)
    assert {(output, changes) for node in graph.nodes for _, output, changes in node.inputs} == {(0, 0)}
    assert np.allclose(values[head][:, 0], found.predict(Batch(rows))["score"], atol=1e-5)


def attributes_of(**settings) -> dict[str, dict[str, str]]:
    return {node.name: dict(node.attributes) for node in model("regressor", **settings).graph().nodes}


def test_parameters_are_stored_with_their_shapes_rates_and_decays():
    found = attributes_of(bias_lr=0.5, linear_wd=2.0)
    assert found["v"]["__shape__"] == "(6, 3)" and found["w1_weight"]["__shape__"] == "(6, 1)"
    assert (found["w0_weight"]["__shape__"], found["w0_weight"]["__lr_mult__"]) == ("(1,)", "0.5")
    assert found["w1_weight"]["__wd_mult__"] == "2.0" and found["v"]["__lr_mult__"] == "0.0001"
    assert [found[name]["__storage_type__"] for name in ("data", "w1_weight", "v")] == ["2", "1", "1"]
    assert "__storage_type__" not in found["w0_weight"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["normal", {"sigma": 0.001}]),
        ({"factors_init_method": "uniform"}, ["uniform", {}]),
        ({"factors_init_method": "uniform", "factors_init_scale": 2.0}, ["uniform", {"scale": 2.0}]),
        ({"factors_init_method": "constant", "factors_init_value": -3.0}, ["constant", {"value": -3.0}]),
    ],
)
def test_initializers_are_stored_with_the_argument_that_was_given(settings, expected):
    assert json.loads(attributes_of(**settings)["v"]["__init__"]) == expected


def test_the_output_says_what_was_learned():
    assert [model(kind).graph().nodes[-1].op for kind in network.OUTPUTS] == list(network.OUTPUTS.values())
