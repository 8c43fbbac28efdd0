"""What containers and the local AWS need to know of k-means."""

from __future__ import annotations

from wildsage.algorithms.base.spec import Metric, Response, Spec

SPEC = Spec(
    image="kmeans",
    log_name="AWS/KMeansWebscale",
    response=Response("predictions", ("closest_cluster", "distance_to_cluster")),
    content_types=("application/x-recordio-protobuf", "text/csv"),
    label_size=0,
    metrics=(Metric("msd", "loss"), Metric("ssd", "loss")),
)
