"""What containers and the local AWS need to know of k-nearest neighbours."""

from __future__ import annotations

from wildsage.algorithms.base.spec import Channel, Metric, Response, Spec

SPEC = Spec(
    image="knn",
    log_name="AWS/KNN",
    response=Response("predictions", ("predicted_label",), ("distances", "labels")),
    content_types=("application/x-recordio-protobuf", "text/csv"),
    metrics=(Metric("accuracy", "score"), Metric("macro_f_1.000", "score", defined=False), Metric("mse", "loss")),
    channels=(Channel("train"), Channel("test", required=False)),
    packages=("faiss",),
)
