"""The network that a model file holds computes x w + b, and ends in the output of its loss."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.linear_learner.hyperparameters import LOSSES
from wildsage.algorithms.linear_learner.network import graph

COMPUTE = {"dot": torch.matmul, "broadcast_add": torch.add}
ENDS = {
    "logistic": "LogisticRegressionOutput",
    "hinge_loss": "SVMOutput",
    "softmax_loss": "SoftmaxOutput",
    "absolute_loss": "MAERegressionOutput",
}


@pytest.mark.parametrize("loss", [loss for losses in LOSSES.values() for loss in losses])
def test_it_computes_x_w_plus_b_and_ends_in_the_output_of_the_loss(loss):
    found = graph(loss, 3, 2, 10.0)
    rng = torch.Generator().manual_seed(0)
    given = {
        name: torch.randn(shape, generator=rng)
        for name, shape in (("data", (4, 3)), ("fc0_weight", (3, 2)), ("fc0_bias", (1, 2)))
    }
    given["out_label"] = torch.zeros(4, 2)
    outputs: list[list[torch.Tensor]] = []
    for node in found.nodes:
        assert all(output == 0 for _, output, _ in node.inputs), "every node has one output"
        inputs = [outputs[number][0] for number, *_ in node.inputs]
        if node.op in COMPUTE:
            outputs.append([COMPUTE[node.op](*inputs)])
        else:
            outputs.append([given[node.name] if node.op == "null" else inputs[0]])
    ((head, output, changes),) = found.heads
    assert output == 0 and torch.allclose(outputs[head][0], given["data"] @ given["fc0_weight"] + given["fc0_bias"])
    end = found.nodes[head]
    assert (end.op, end.name) == (operator := ENDS.get(loss, "LinearRegressionOutput"), f"{operator.lower()}0")
    assert [found.nodes[number].name for number, *_ in end.inputs] == ["broadcast_plus0", "out_label"]
    assert found.variables == ["data", "fc0_weight", "fc0_bias", "out_label"]
    assert found.auxiliary == [] and not changes


def test_parameters_have_their_shapes_and_the_bias_its_rate():
    weight, bias = (node.attributes for node in graph("logistic", 784, 1, 2).nodes if node.name.startswith("fc0_"))
    assert weight == {"__shape__": "(784, 1)"}
    assert bias == {"__lr_mult__": "2.0", "__shape__": "(1, 1)"}
