"""What containers and the local AWS need to know of PCA."""

from __future__ import annotations

from wildsage.algorithms.base.spec import Metric, Response, Spec

SPEC = Spec(
    image="pca",
    log_name="PCA",
    response=Response("projections", ("projection",)),
    content_types=("application/x-recordio-protobuf", "text/csv"),
    label_size=0,
    metrics=(Metric("reconstruction_msd", "loss", defined=False),),
)
