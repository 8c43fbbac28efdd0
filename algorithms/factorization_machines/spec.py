"""What containers and the local AWS need to know of factorization machines."""

from __future__ import annotations

from wildsage.algorithms.base.spec import Metric, Response, Spec

REGRESSOR = (
    Metric("rmse", "loss"),
    Metric("mse", "loss", defined=False),
    Metric("absolute_loss", "loss", defined=False),
)
BINARY_CLASSIFIER = (
    Metric("binary_classification_accuracy", "score"),
    Metric("binary_classification_cross_entropy", "loss"),
    Metric("binary_f_1.000", "score", defined_as="binary_f_beta"),
)
METRICS = {"regressor": REGRESSOR, "binary_classifier": BINARY_CLASSIFIER}
"""By predictor_type, in the order of the original's log."""

SPEC = Spec(
    image="factorization-machines",
    log_name="factorization-machines",
    response=Response("predictions", ("score", "predicted_label")),
    content_types=("application/x-recordio-protobuf",),
    metrics=(*BINARY_CLASSIFIER, *REGRESSOR),
)
