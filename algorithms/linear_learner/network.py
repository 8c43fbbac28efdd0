"""The network that the original stores beside the parameters: one fully connected layer [contract: linear-learner, Artifact].

Real artifacts are known for logistic and squared loss. For other losses, we chose one of MXNet's output operators.
"""

from __future__ import annotations

from wildsage.algorithms.base.graph import VARIABLE, Graph, Node

OUTPUTS = {
    "logistic": "LogisticRegressionOutput",
    "hinge_loss": "SVMOutput",
    "softmax_loss": "SoftmaxOutput",
    "absolute_loss": "MAERegressionOutput",
}
OTHER_OUTPUT = "LinearRegressionOutput"


def graph(loss_type: str, features: int, outputs: int, bias_lr_mult: float) -> Graph:
    """x w + b, then the output of the loss, node for node as the original has them."""
    operator = OUTPUTS.get(loss_type, OTHER_OUTPUT)
    bias = {"__lr_mult__": str(float(bias_lr_mult)), "__shape__": f"(1, {outputs})"}
    return Graph(
        (
            Node(VARIABLE, "data"),
            Node(VARIABLE, "fc0_weight", {"__shape__": f"({features}, {outputs})"}),
            Node("dot", "dot0", {}, ((0, 0, 0), (1, 0, 0))),
            Node(VARIABLE, "fc0_bias", bias),
            Node("broadcast_add", "broadcast_plus0", {}, ((2, 0, 0), (3, 0, 0))),
            Node(VARIABLE, "out_label"),
            Node(operator, f"{operator.lower()}0", {}, ((4, 0, 0), (5, 0, 0))),
        ),
        ((6, 0, 0),),
    )
