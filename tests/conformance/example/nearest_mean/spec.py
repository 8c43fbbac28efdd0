"""What containers and the local AWS need to know of nearest means."""

from __future__ import annotations

from wildsage.algorithms.base.spec import Channel, Metric, Response, Spec

SPEC = Spec(
    image="nearest-mean",
    log_name="nearest-mean",
    response=Response("predictions", ("predicted_label",)),
    content_types=("application/x-recordio-protobuf", "text/csv"),
    metrics=(Metric("accuracy", "score"),),
    channels=(Channel("train"), Channel("test", required=False)),
)
